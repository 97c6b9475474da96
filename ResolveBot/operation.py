"""GET /api/bots/{botId}: give the ACS identity of a bot, so that the caller can call the bot.

Bots are found in the caller's own realm.
"""

from shared.bodies import Body, Query
from shared.http import Operation, Request
from shared.identity.contract import BotAnswer
from shared.problems import NotFound


async def resolve_bot(request: Request[Query, Body]) -> BotAnswer:
    bot_id = request.find_route_id("botId")
    identity = await request.app.bots.resolve(request.caller, bot_id)
    return BotAnswer.of(bot_id or "", identity)


OPERATION = Operation(handler=resolve_bot, problems=(NotFound,))
