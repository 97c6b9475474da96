"""GET /api/bots/{botId}: give the ACS identity of a bot, so that the caller can call the bot."""

import azure.functions as func

from shared.bodies import Body, Query
from shared.http import Request, serve
from shared.identity.contract import BotAnswer


async def main(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return await serve(req, context, resolve_bot)


async def resolve_bot(request: Request[Query, Body]) -> BotAnswer:
    bot_id = request.find_route_id("botId")
    identity = await request.app.bots.resolve(request.caller, bot_id)
    return BotAnswer.of(bot_id or "", identity)
