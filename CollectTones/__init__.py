"""POST /api/calls/{callId}/tones: hear the tones that somebody in a call presses."""

import azure.functions as func

from shared.call_contract import ActionAnswer, TonesBody
from shared.calls import MANAGER
from shared.contract import Query
from shared.web import Accepted, Request, serve


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
