"""DELETE /api/calls/{callId}/participants/{participantId}: remove a participant from a call.

`participantId` is the id that the call shows for a participant, never a number. The answer is an
action.
"""

from shared.auth.roles import CALLS_MANAGE
from shared.bodies import Body, Query
from shared.calls.contract import ActionAnswer
from shared.http import Accepted, Operation, Request
from shared.problems import CallEnded, CallRefused, Conflict, NotFound, Throttled
from shared.unavailable import CommunicationUnavailable


async def remove_from_call(request: Request[Query, Body]) -> Accepted[ActionAnswer]:
    action = await request.app.call_actions.remove(
        request.caller, request.route["callId"], request.route["participantId"]
    )
    return Accepted(ActionAnswer.of(action))


OPERATION = Operation(
    handler=remove_from_call,
    role=CALLS_MANAGE,
    problems=(CallEnded, CallRefused, CommunicationUnavailable, Conflict, NotFound, Throttled),
)
