"""DELETE /api/bots/{botId}: erase a bot."""

import azure.functions as func

from shared.http.serving import Request, serve
from shared.identity.contract import Body, Query


async def main(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return await serve(req, context, remove_bot, role="Bots.Operate")


async def remove_bot(request: Request[Query, Body]) -> None:
    await request.app.bots.remove(request.caller, request.route_id("botId"))
