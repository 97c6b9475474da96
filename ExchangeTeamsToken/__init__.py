"""GET|POST /api/token/teams: exchange a Teams user's Entra token for a calling token."""

import azure.functions as func

from shared.bodies import Body, Query
from shared.http import Request, serve
from shared.identity.contract import TEAMS_USER_HEADER, TeamsTokenAnswer


async def main(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return await serve(req, context, exchange_teams_token)


async def exchange_teams_token(request: Request[Query, Body]) -> TeamsTokenAnswer:
    teams_token = request.headers.get(TEAMS_USER_HEADER)
    token, expires_on = await request.app.teams.exchange(request.caller, teams_token)
    return TeamsTokenAnswer(token=token, expires_on=expires_on)
