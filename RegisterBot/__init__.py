"""PUT /api/bots/{botId}: register a bot, or rename it."""

import azure.functions as func

from shared.auth.roles import BOTS_OPERATE
from shared.bodies import Query
from shared.http import Created, Request, serve
from shared.identity.contract import BotAnswer, BotBody


async def main(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return await serve(req, context, register_bot, body=BotBody, role=BOTS_OPERATE)


async def register_bot(request: Request[Query, BotBody]) -> BotAnswer | Created:
    bot_id = request.route_id("botId")
    identity, new = await request.app.bots.register(
        request.caller, bot_id, request.body.display_name
    )
    answer = BotAnswer.of(bot_id, identity)
    return Created(answer) if new else answer
