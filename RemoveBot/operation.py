"""DELETE /api/bots/{botId}: erase a bot.

If there is no such bot, nothing happens.
"""

from shared.auth.roles import BOTS_OPERATE
from shared.bodies import Body, Query
from shared.bounds import BOT_CHANGES
from shared.http import Operation, Request
from shared.problems import CallRefused, Conflict, Throttled
from shared.unavailable import CommunicationUnavailable


async def remove_bot(request: Request[Query, Body]) -> None:
    await request.app.bots.remove(request.caller, request.find_route_id("botId"))


OPERATION = Operation(
    handler=remove_bot,
    role=BOTS_OPERATE,
    problems=(CallRefused, CommunicationUnavailable, Conflict, Throttled),
    limits=(BOT_CHANGES,),
)
