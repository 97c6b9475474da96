"""POST /api/calls/{callId}/tones: hear the tones that somebody in a call presses."""

import azure.functions as func

from shared.calls.calls import MANAGER
from shared.calls.contract import ActionAnswer, TonesBody
from shared.http.serving import Accepted, Request, serve
from shared.identity.contract import Query


async def main(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return await serve(req, context, collect_tones, body=TonesBody, role=MANAGER)


async def collect_tones(request: Request[Query, TonesBody]) -> Accepted:
    wanted = request.body
    action = await request.app.steering.collect(
        request.caller,
        request.route["callId"],
        wanted.from_.read(),
        wanted.read(),
        wanted.prompt.read() if wanted.prompt else None,
    )
    return Accepted(ActionAnswer.of(action))
