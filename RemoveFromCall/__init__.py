"""DELETE /api/calls/{callId}/participants/{participantId}: remove somebody from a call."""

import azure.functions as func

from shared.calls.calls import MANAGER
from shared.calls.contract import ActionAnswer
from shared.http.serving import Accepted, Request, serve
from shared.identity.contract import Body, Query


async def main(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return await serve(req, context, remove_from_call, role=MANAGER)


async def remove_from_call(request: Request[Query, Body]) -> Accepted:
    action = await request.app.steering.remove(
        request.caller, request.route["callId"], request.route["participantId"]
    )
    return Accepted(ActionAnswer.of(action))
