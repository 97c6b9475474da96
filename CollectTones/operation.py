"""POST /api/calls/{callId}/tones: collect the tones that a participant presses.

The call shows the pressed tones: the `tones` of the action. A repetition of the request asks again.
"""

from shared.auth.roles import CALLS_MANAGE
from shared.bodies import Query
from shared.bounds import ACTIONS
from shared.calls.contract import ActionAnswer, TonesBody
from shared.http import Accepted, Operation, Request
from shared.problems import (
    CallEnded,
    CallRefused,
    Conflict,
    NotConfigured,
    NotFound,
    Throttled,
    TooManyActions,
)
from shared.unavailable import CommunicationUnavailable


async def collect_tones(request: Request[Query, TonesBody]) -> Accepted[ActionAnswer]:
    body = request.body
    action = await request.app.call_actions.collect(
        request.caller,
        request.route["callId"],
        body.from_.read(),
        body.read(),
        body.prompt.read() if body.prompt else None,
    )
    return Accepted(ActionAnswer.of(action))


OPERATION = Operation(
    handler=collect_tones,
    body=TonesBody,
    role=CALLS_MANAGE,
    problems=(
        CallEnded,
        CallRefused,
        CommunicationUnavailable,
        Conflict,
        NotConfigured,
        NotFound,
        Throttled,
        TooManyActions,
    ),
    limits=(ACTIONS,),
)
