"""POST /api/calls/{callId}/play: play an audio file, or speak a text, to one participant or all.

The answer is an action of the call. A repetition of the request plays again.
"""

from shared.auth.roles import CALLS_MANAGE
from shared.bodies import Query
from shared.bounds import ACTIONS
from shared.calls.contract import ActionAnswer, PlayBody
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


async def play_audio(request: Request[Query, PlayBody]) -> Accepted[ActionAnswer]:
    body = request.body
    action = await request.app.call_actions.play(
        request.caller, request.route["callId"], body.read(), body.to, loop=body.loop
    )
    return Accepted(ActionAnswer.of(action))


OPERATION = Operation(
    handler=play_audio,
    body=PlayBody,
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
