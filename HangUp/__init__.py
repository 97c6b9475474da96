"""DELETE /api/calls/{callId}: end a call for everyone."""

import azure.functions as func

from shared.auth.roles import CALLS_MANAGE
from shared.bodies import Body, Query
from shared.http import Request, serve


async def main(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return await serve(req, context, hang_up, role=CALLS_MANAGE)


async def hang_up(request: Request[Query, Body]) -> None:
    await request.app.calls.hang_up(request.caller, request.route["callId"])
