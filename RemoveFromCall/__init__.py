"""DELETE /api/calls/{callId}/participants/{participantId}: remove a participant from a call."""

import azure.functions as func

from shared.auth.roles import CALLS_MANAGE
from shared.bodies import Body, Query
from shared.calls.contract import ActionAnswer
from shared.http import Accepted, Request, serve


async def main(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return await serve(req, context, remove_from_call, role=CALLS_MANAGE)


async def remove_from_call(request: Request[Query, Body]) -> Accepted:
    action = await request.app.call_actions.remove(
        request.caller, request.route["callId"], request.route["participantId"]
    )
    return Accepted(ActionAnswer.of(action))
