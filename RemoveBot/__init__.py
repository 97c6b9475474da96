"""DELETE /api/bots/{botId}: erase a bot."""

import azure.functions as func

from shared.auth.roles import BOTS_OPERATE
from shared.bodies import Body, Query
from shared.http import Request, serve


async def main(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return await serve(req, context, remove_bot, role=BOTS_OPERATE)


async def remove_bot(request: Request[Query, Body]) -> None:
    await request.app.bots.remove(request.caller, request.find_route_id("botId"))
