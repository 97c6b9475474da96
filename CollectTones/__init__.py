"""POST /api/calls/{callId}/tones: collect the tones that a participant presses."""

import azure.functions as func

from shared.auth.roles import CALLS_MANAGE
from shared.bodies import Query
from shared.calls.contract import ActionAnswer, TonesBody
from shared.http import Accepted, Request, serve


async def main(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return await serve(req, context, collect_tones, body=TonesBody, role=CALLS_MANAGE)


async def collect_tones(request: Request[Query, TonesBody]) -> Accepted:
    body = request.body
    action = await request.app.call_actions.collect(
        request.caller,
        request.route["callId"],
        body.from_.read(),
        body.read(),
        body.prompt.read() if body.prompt else None,
    )
    return Accepted(ActionAnswer.of(action))
