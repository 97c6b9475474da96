"""POST /api/calls: call users, bots and phone numbers, or join a group call.

At most 50 targets. If the realm has Teams resource accounts (Teams accounts with a phone number),
one of them calls the phone numbers: `from` names it if there are several. It can call nobody else;
phone numbers and agents can be invited once that call is connected. With `callerId`, the number of
the service itself, phone numbers, users and bots are called together.

The same key again is the same call: 201 again, and nothing is placed a second time, even when
that call has ended. If the request dies and ACS has not confirmed the call after some minutes, it
is `disconnected` with reason 408; a repetition within 12 hours still places it.
"""

from shared.auth.roles import CALLS_MANAGE
from shared.bodies import Query
from shared.bounds import LEGS, LIVE_CALLS, TARGETS
from shared.calls.contract import CallAnswer, CallBody
from shared.http import IDEMPOTENCY_KEY, Created, Operation, Request
from shared.problems import (
    CallEnded,
    CallRefused,
    Conflict,
    KeyReused,
    NotConfigured,
    NotFound,
    Throttled,
    TooManyCalls,
    TooManyLegs,
)
from shared.unavailable import CommunicationUnavailable


async def place_call(request: Request[Query, CallBody]) -> Created[CallAnswer]:
    body = request.body
    view = await request.app.call_placing.place(
        request.caller,
        request.idempotency_key,
        [target.read() for target in body.to or ()],
        body.caller_id,
        None if body.group_id is None else str(body.group_id),
        body.from_,
    )
    answer = CallAnswer.of(view)
    return Created(answer)


OPERATION = Operation(
    handler=place_call,
    body=CallBody,
    role=CALLS_MANAGE,
    headers=(IDEMPOTENCY_KEY,),
    problems=(
        CallEnded,
        CallRefused,
        CommunicationUnavailable,
        Conflict,
        KeyReused,
        NotConfigured,
        NotFound,
        Throttled,
        TooManyCalls,
        TooManyLegs,
    ),
    limits=(LEGS, LIVE_CALLS, TARGETS),
    links={"/calls/{callId}": "$response.body#/id"},
)
