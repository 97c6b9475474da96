"""DELETE /api/meetings/{id}: cancel a meeting; it is deleted in Teams if it was scheduled here."""

import azure.functions as func

from shared.auth.roles import MEETINGS_SCHEDULE
from shared.bodies import Body, Query
from shared.http import Request, serve


async def main(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return await serve(req, context, cancel_meeting, service_role=MEETINGS_SCHEDULE)


async def cancel_meeting(request: Request[Query, Body]) -> None:
    await request.app.meetings.cancel(request.caller, request.own_route_id("id"))
