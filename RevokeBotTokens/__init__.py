"""DELETE /api/bots/{botId}/token: revoke every calling token of a bot."""

import azure.functions as func

from shared.auth.roles import BOTS_OPERATE
from shared.bodies import Body, Query
from shared.http import Request, serve


async def main(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return await serve(req, context, revoke_bot_tokens, role=BOTS_OPERATE)


async def revoke_bot_tokens(request: Request[Query, Body]) -> None:
    bot_id = request.find_route_id("botId")
    if bot_id is not None:  # else it is too long for any bot to have
        await request.app.tokens.revoke(request.caller, request.caller.bot(bot_id))
