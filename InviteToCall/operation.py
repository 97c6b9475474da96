"""POST /api/calls/{callId}/participants: invite a user, bot, phone number or agent to a call.

A call of a Teams resource account takes phone numbers and agents, any other call no agents.
The answer is an action of the call, whose `state` becomes `succeeded`, `failed` or `canceled`.
The same key again is the same invitation.
"""

from shared.auth.roles import CALLS_MANAGE
from shared.bodies import Query
from shared.bounds import ACTIONS, LEGS
from shared.calls.contract import ActionAnswer, InviteeBody
from shared.http import IDEMPOTENCY_KEY, Accepted, Operation, Request
from shared.problems import (
    CallEnded,
    CallRefused,
    Conflict,
    KeyReused,
    NotConfigured,
    NotFound,
    Throttled,
    TooManyActions,
    TooManyLegs,
)
from shared.unavailable import CommunicationUnavailable


async def invite_to_call(request: Request[Query, InviteeBody]) -> Accepted[ActionAnswer]:
    action = await request.app.call_actions.invite(
        request.caller, request.route["callId"], request.idempotency_key, request.body.read()
    )
    return Accepted(ActionAnswer.of(action))


OPERATION = Operation(
    handler=invite_to_call,
    body=InviteeBody,
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
        TooManyActions,
        TooManyLegs,
    ),
    limits=(ACTIONS, LEGS),
)
