"""GET|POST /api/token/teams: exchange a Teams user's Entra token for a calling token.

With it the person calls as a Teams user. If Entra has signed the caller in, both tokens have to
be of one person. At most 20 exchanges a minute for one person, on each instance of the service.
"""

from shared.bodies import Body, Query
from shared.bounds import TEAMS_TOKENS
from shared.http import Operation, Request
from shared.identity.contract import TEAMS_USER_HEADER, TeamsTokenAnswer
from shared.problems import NotConfigured, TeamsTokenRefused, Throttled
from shared.unavailable import CommunicationUnavailable


async def exchange_teams_token(request: Request[Query, Body]) -> TeamsTokenAnswer:
    teams_token = request.headers.get(TEAMS_USER_HEADER.name)
    token, expires_on = await request.app.teams.exchange(request.caller, teams_token)
    return TeamsTokenAnswer(token=token, expires_on=expires_on)


OPERATION = Operation(
    handler=exchange_teams_token,
    headers=(TEAMS_USER_HEADER,),
    problems=(CommunicationUnavailable, NotConfigured, TeamsTokenRefused, Throttled),
    limits=(TEAMS_TOKENS,),
)
