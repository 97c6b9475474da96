"""DELETE /api/meetings/{id}: take a meeting back, and delete it in Teams if it was made here."""

import azure.functions as func

from shared.http.serving import Request, serve
from shared.identity.contract import Body, Query
from shared.meetings.meetings import SCHEDULER


async def main(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return await serve(req, context, cancel_meeting, service_role=SCHEDULER)


async def cancel_meeting(request: Request[Query, Body]) -> None:
    await request.app.meetings.cancel(request.caller, request.route_id("id"))
