"""DELETE /api/bots/{botId}/token: end every calling token of a bot."""

import azure.functions as func

from shared.http.serving import Request, serve
from shared.identity.bots import bot_of
from shared.identity.contract import Body, Query


async def main(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return await serve(req, context, revoke_bot_tokens, role="Bots.Operate")


async def revoke_bot_tokens(request: Request[Query, Body]) -> None:
    bot = bot_of(request.caller, request.route_id("botId"))
    await request.app.tokens.revoke(request.caller, bot)
