"""POST /api/calls/{callId}/participants: invite a user, a bot or a phone number to a call."""

import azure.functions as func

from shared.calls.calls import MANAGER
from shared.calls.contract import ActionAnswer, TargetBody
from shared.http.serving import Accepted, Request, serve
from shared.identity.contract import Query


async def main(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return await serve(req, context, invite_to_call, body=TargetBody, role=MANAGER)


async def invite_to_call(request: Request[Query, TargetBody]) -> Accepted:
    action = await request.app.steering.invite(
        request.caller, request.route["callId"], request.idempotency_key, request.body.read()
    )
    return Accepted(ActionAnswer.of(action))
