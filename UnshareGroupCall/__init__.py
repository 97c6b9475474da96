"""DELETE /api/groupCalls/{id}: stop sharing a group call: it disappears from every list."""

import azure.functions as func

from shared.bodies import Body, Query
from shared.http import Request, serve


async def main(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return await serve(req, context, unshare_group_call)


async def unshare_group_call(request: Request[Query, Body]) -> None:
    await request.app.group_calls.unshare(request.caller, request.own_route_id("id"))
