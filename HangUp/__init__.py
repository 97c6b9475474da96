"""DELETE /api/calls/{callId}: end a call for everyone."""

import azure.functions as func

from shared.calls.calls import MANAGER
from shared.http.serving import Request, serve
from shared.identity.contract import Body, Query


async def main(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return await serve(req, context, hang_up, role=MANAGER)


async def hang_up(request: Request[Query, Body]) -> None:
    await request.app.calls.hang_up(request.caller, request.route["callId"])
