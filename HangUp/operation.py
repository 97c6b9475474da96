"""DELETE /api/calls/{callId}: end a call for everyone.

If it has ended already, nothing happens.
"""

from shared.auth.roles import CALLS_MANAGE
from shared.bodies import Body, Query
from shared.http import Operation, Request
from shared.problems import CallEnded, CallRefused, Conflict, NotFound, Throttled
from shared.unavailable import CommunicationUnavailable


async def hang_up(request: Request[Query, Body]) -> None:
    await request.app.calls.hang_up(request.caller, request.route["callId"])


OPERATION = Operation(
    handler=hang_up,
    role=CALLS_MANAGE,
    problems=(CallEnded, CallRefused, CommunicationUnavailable, Conflict, NotFound, Throttled),
)
