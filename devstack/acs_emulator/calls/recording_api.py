"""The operations of Call Automation on recordings, and the storage of their files."""

import json
import time
from http import HTTPStatus

from aiohttp import web
from pydantic import JsonValue

from devstack.acs_emulator.calls.bodies import read_body
from devstack.acs_emulator.calls.recording_bodies import StartRecording
from devstack.acs_emulator.calls.recording_events import KIND, state_of
from devstack.acs_emulator.calls.recording_media import media, metadata
from devstack.acs_emulator.calls.recording_store import Recording, RecordingStore
from devstack.acs_emulator.calls.recordings import Recordings
from devstack.acs_emulator.calls.repeatability import Repeatability
from devstack.acs_emulator.wire.answers import json_answer
from devstack.acs_emulator.wire.gate import Gate

RECORDINGS = "/calling/recordings"
RECORDING = RECORDINGS + "/{id:[^/:]+}"
OBJECT = "/v1/objects/{document}"
RECORDING_OPERATIONS = (
    "startRecording",
    "getRecording",
    "stopRecording",
    "pauseRecording",
    "resumeRecording",
    "downloadRecording",
    "deleteRecording",
)


class RecordingApi:
    """The operations, for requests that the gate has admitted."""

    def __init__(
        self,
        *,
        recordings: Recordings,
        store: RecordingStore,
        repeatability: Repeatability,
        resource_id: str,
    ) -> None:
        self._recordings = recordings
        self._store = store
        self._once = repeatability.once
        self._resource_id = resource_id

    def routes(self, gate: Gate) -> list[web.RouteDef]:
        guard, guard_storage = gate.guard, gate.guard_storage
        return [
            web.post(RECORDINGS, guard("startRecording", self.start)),
            web.get(RECORDING, guard("getRecording", self.get), allow_head=False),
            web.delete(RECORDING, guard("stopRecording", self.stop)),
            web.post(f"{RECORDING}:pause", guard("pauseRecording", self.pause)),
            web.post(f"{RECORDING}:resume", guard("resumeRecording", self.resume)),
            web.get(
                OBJECT + "/content/{kind:video|acsmetadata}",
                guard_storage("downloadRecording", self.download),
                allow_head=False,
            ),
            web.delete(OBJECT, guard_storage("deleteRecording", self.delete)),
            web.get("/_emulator/recordings", self._show, allow_head=False),
        ]

    async def start(self, request: web.Request) -> web.Response:
        """POST /calling/recordings

        Recorded: the state is `inactive` in the answer. It is documented that a start by
        `callConnectionId` is answered 202; [assumed] with the same body, which the SDKs read.
        """
        body = await read_body(request, StartRecording)
        by_connection = body.call_connection_id is not None

        def effect() -> web.Response:
            recording = self._recordings.start(body)
            status = HTTPStatus.ACCEPTED if by_connection else HTTPStatus.OK
            answer = _state_answer(recording, "inactive", status)
            answer.headers["Repeatability-Result"] = "accepted"
            return answer

        return await self._once(request, effect)

    async def get(self, request: web.Request) -> web.Response:
        """GET /calling/recordings/{id}"""
        recording = self._recording_of(request)
        return _state_answer(recording, state_of(recording), HTTPStatus.OK)

    async def stop(self, request: web.Request) -> web.Response:
        """DELETE /calling/recordings/{id}"""
        self._recordings.stop(self._recording_of(request))
        return web.Response(status=HTTPStatus.NO_CONTENT)

    async def pause(self, request: web.Request) -> web.Response:
        """POST /calling/recordings/{id}:pause"""
        self._recordings.pause(self._recording_of(request))
        return web.Response(status=HTTPStatus.ACCEPTED)

    async def resume(self, request: web.Request) -> web.Response:
        """POST /calling/recordings/{id}:resume"""
        self._recordings.resume(self._recording_of(request))
        return web.Response(status=HTTPStatus.ACCEPTED)

    async def download(self, request: web.Request) -> web.Response:
        """GET /v1/objects/{document}/content/video or acsmetadata

        Recorded: the type, and `Content-Range`.
        """
        recording = self._store.by_document(request.match_info["document"])
        if recording is None or not recording.has_file:
            return web.Response(status=HTTPStatus.NOT_FOUND)
        whole = self._content(recording, request.match_info["kind"])
        answer = _part(whole, request)
        answer.content_type = "application/octet-stream"
        return answer

    async def delete(self, request: web.Request) -> web.Response:
        """DELETE /v1/objects/{document}. Recorded: 200, or 404 for what is not there."""
        recording = self._store.by_document(request.match_info["document"])
        if recording is None or not recording.has_file:
            return web.Response(status=HTTPStatus.NOT_FOUND)
        recording.is_deleted = True
        self._store.save(recording, now=int(time.time()))
        return web.Response(status=HTTPStatus.OK)

    async def _show(self, _request: web.Request) -> web.Response:
        return web.json_response({"recordings": self._recordings.for_inspection()})

    def _recording_of(self, request: web.Request) -> Recording:
        return self._recordings.find(request.match_info["id"])

    def _content(self, recording: Recording, kind: str) -> bytes:
        # [assumed] Unmixed audio has one channel for each participant, at most five.
        people = max(1, min(5, len(recording.participants)))
        channels = people if recording.channel == "unmixed" else 1
        if kind == "video":  # also where only audio was recorded, as samples show it
            return media(recording.format, channels, recording.duration_ms)
        content = metadata(
            resource_id=self._resource_id,
            call_id=recording.correlation_id,
            document_id=recording.document_id,
            started_at=recording.started_at,
            duration_ms=recording.duration_ms,
            pauses=recording.pauses,
            kinds=(recording.content, recording.channel, recording.format),
            channels=channels,
            participants=recording.participants,
        )
        return json.dumps(content, indent=2).encode()


def _part(whole: bytes, request: web.Request) -> web.Response:
    """The answer with the bytes that `Range` asks for, or with all."""
    try:
        asked = request.http_range
    except ValueError:
        return web.Response(status=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
    if asked == slice(None, None, 1):
        return web.Response(status=HTTPStatus.OK, body=whole)
    first, end, _ = asked.indices(len(whole))
    if first >= end:
        return web.Response(status=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
    headers = {"Content-Range": f"bytes {first}-{end - 1}/{len(whole)}"}
    return web.Response(status=HTTPStatus.PARTIAL_CONTENT, body=whole[first:end], headers=headers)


def _state_answer(recording: Recording, state: str, status: int) -> web.Response:
    body: dict[str, JsonValue] = {
        "recordingId": recording.id,
        "recordingState": state,
        "recordingKind": KIND,
    }
    answer = json_answer(status, body)
    answer.headers["X-Microsoft-Skype-Chain-ID"] = recording.correlation_id
    return answer
