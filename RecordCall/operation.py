"""POST /api/calls/{callId}/recording: start, pause, resume or stop the recording of a call.

A start needs an `Idempotency-Key`: the same key again is the same recording. The call shows where
its files are.
"""

from shared.auth.roles import CALLS_RECORD
from shared.bodies import Query
from shared.bounds import RECORDINGS
from shared.calls.recording_contract import RecordingAnswer, RecordingBody
from shared.http import IDEMPOTENCY_KEY, Accepted, Operation, Request
from shared.problems import (
    CallEnded,
    CallRefused,
    Conflict,
    KeyReused,
    NotFound,
    NotRecorded,
    RecordingInProgress,
    Throttled,
    TooManyActions,
)
from shared.unavailable import CommunicationUnavailable


async def record_call(request: Request[Query, RecordingBody]) -> Accepted[RecordingAnswer]:
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


OPERATION = Operation(
    handler=record_call,
    body=RecordingBody,
    role=CALLS_RECORD,
    headers=(IDEMPOTENCY_KEY._replace(is_required=False),),
    problems=(
        CallEnded,
        CallRefused,
        CommunicationUnavailable,
        Conflict,
        KeyReused,
        NotFound,
        NotRecorded,
        RecordingInProgress,
        Throttled,
        TooManyActions,
    ),
    limits=(RECORDINGS,),
)
