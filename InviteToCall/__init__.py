"""POST /api/calls/{callId}/participants: invite a user, a bot or a phone number to a call."""

import azure.functions as func

from shared.auth.roles import CALLS_MANAGE
from shared.bodies import Query
from shared.calls.contract import ActionAnswer, TargetBody
from shared.http import Accepted, Request, serve


async def main(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return await serve(req, context, invite_to_call, body=TargetBody, role=CALLS_MANAGE)


async def invite_to_call(request: Request[Query, TargetBody]) -> Accepted:
    action = await request.app.call_actions.invite(
        request.caller, request.route["callId"], request.idempotency_key, request.body.read()
    )
    return Accepted(ActionAnswer.of(action))
