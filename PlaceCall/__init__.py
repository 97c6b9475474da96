"""POST /api/calls: call users, bots and phone numbers, or join a group call."""

import azure.functions as func

from shared.auth.roles import CALLS_MANAGE
from shared.bodies import Query
from shared.calls.contract import CallAnswer, CallBody
from shared.http import Created, Request, serve


async def main(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return await serve(req, context, place_call, body=CallBody, role=CALLS_MANAGE)


async def place_call(request: Request[Query, CallBody]) -> Created:
    body = request.body
    view = await request.app.call_placing.place(
        request.caller,
        request.idempotency_key,
        [target.read() for target in body.to or ()],
        body.caller_id,
        None if body.group_id is None else str(body.group_id),
    )
    answer = CallAnswer.of(view)
    return Created(answer, answer.path)
