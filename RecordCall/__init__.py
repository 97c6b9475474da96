"""POST /api/calls/{callId}/recording: start, pause, resume or stop the recording of a call."""

import azure.functions as func

from shared.auth.roles import CALLS_RECORD
from shared.bodies import Query
from shared.calls.contract import RecordingAnswer, RecordingBody
from shared.http import Accepted, Request, serve


async def main(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return await serve(req, context, record_call, body=RecordingBody, role=CALLS_RECORD)


async def record_call(request: Request[Query, RecordingBody]) -> Accepted:
    recording, call_id = request.app.call_recording, request.route["callId"]
    match request.body.action:
        case "start":
            found = await recording.start(request.caller, call_id, request.idempotency_key)
        case "pause":
            found = await recording.pause(request.caller, call_id)
        case "resume":
            found = await recording.resume(request.caller, call_id)
        case "stop":
            found = await recording.stop(request.caller, call_id)
    return Accepted(RecordingAnswer.of(found))
