"""PUT /api/bots/{botId}: register a bot, or rename it.

201 for a new bot, 200 for a known one. The bot can be found in the caller's realm.
"""

from shared.auth.roles import BOTS_OPERATE
from shared.bodies import Query
from shared.bounds import BOT_CHANGES, BOTS
from shared.http import Created, Operation, Request
from shared.identity.contract import BotAnswer, BotBody
from shared.problems import Conflict, Throttled, TooManyBots
from shared.unavailable import CommunicationUnavailable


async def register_bot(request: Request[Query, BotBody]) -> BotAnswer | Created[BotAnswer]:
    bot_id = request.route_id("botId")
    identity, new = await request.app.bots.register(
        request.caller, bot_id, request.body.display_name
    )
    answer = BotAnswer.of(bot_id, identity)
    return Created(answer) if new else answer


OPERATION = Operation(
    handler=register_bot,
    body=BotBody,
    role=BOTS_OPERATE,
    problems=(CommunicationUnavailable, Conflict, Throttled, TooManyBots),
    limits=(BOT_CHANGES, BOTS),
    links={"/bots/{botId}": "$request.path.botId"},
)
