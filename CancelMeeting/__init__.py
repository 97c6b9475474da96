"""DELETE /api/meetings/{id}: take a meeting back, and delete it in Teams if it was made here."""

import azure.functions as func

from shared.contract import Body, Query
from shared.meetings import SCHEDULER
from shared.web import Request, serve


async def main(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return await serve(req, context, cancel_meeting, service_role=SCHEDULER)


async def cancel_meeting(request: Request[Query, Body]) -> None:
    await request.app.meetings.cancel(request.caller, request.route_id("id"))
