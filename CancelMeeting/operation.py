"""DELETE /api/meetings/{id}: cancel a meeting; it is deleted in Teams if it was scheduled here.

If the caller shares no such meeting, nothing happens.
"""

from shared.auth.roles import MEETINGS_SCHEDULE
from shared.bodies import Body, Query
from shared.http import Operation, Request
from shared.problems import Conflict, MeetingRefused, NotConfigured, Throttled
from shared.unavailable import GraphUnavailable


async def cancel_meeting(request: Request[Query, Body]) -> None:
    await request.app.meetings.cancel(request.caller, request.own_route_id("id"))


OPERATION = Operation(
    handler=cancel_meeting,
    service_role=MEETINGS_SCHEDULE,
    problems=(Conflict, GraphUnavailable, MeetingRefused, NotConfigured, Throttled),
)
