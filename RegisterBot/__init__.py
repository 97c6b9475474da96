"""PUT /api/bots/{botId}: register a bot, or rename it."""

import azure.functions as func

from shared.http.serving import Created, Request, serve
from shared.identity.contract import BotAnswer, BotBody, Query


async def main(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return await serve(req, context, register_bot, body=BotBody, role="Bots.Operate")


async def register_bot(request: Request[Query, BotBody]) -> BotAnswer | Created:
    bot_id = request.route_id("botId")
    identity, new = await request.app.bots.register(
        request.caller, bot_id, request.body.display_name
    )
    answer = BotAnswer.of(bot_id, identity)
    return Created(answer) if new else answer
