"""DELETE /api/bots/{botId}/token: revoke every calling token of a bot.

ACS may need up to 15 minutes to do so everywhere.
"""

from shared.auth.roles import BOTS_OPERATE
from shared.bodies import Body, Query
from shared.bounds import REVOCATIONS
from shared.http import Operation, Request
from shared.problems import Conflict, Throttled
from shared.unavailable import CommunicationUnavailable


async def revoke_bot_tokens(request: Request[Query, Body]) -> None:
    bot_id = request.find_route_id("botId")
    if bot_id is not None:  # else it is too long for any bot to have
        await request.app.tokens.revoke(request.caller, request.caller.bot(bot_id))


OPERATION = Operation(
    handler=revoke_bot_tokens,
    role=BOTS_OPERATE,
    problems=(CommunicationUnavailable, Conflict, Throttled),
    limits=(REVOCATIONS,),
)
