"""The events about recordings: CloudEvents to the app, and that of the file by Event Grid."""

import json
import time
import uuid

from pydantic import JsonValue

from devstack.acs_emulator.callbacks.delivery import CallbackDelivery
from devstack.acs_emulator.calls.events import PREFIX
from devstack.acs_emulator.calls.recording_store import Recording
from devstack.acs_emulator.calls.results import SUCCESS
from devstack.acs_emulator.event_grid.delivery import EventGrid
from devstack.acs_emulator.wire.gate import CALL_VERSIONS
from devstack.acs_emulator.wire.times import dotnet_time

# Microsoft's SDKs send their credentials to no other hosts than Microsoft's own, so the locations
# are there, as recorded. Clients have to send these requests to the emulator (CALLS.md).
STORAGE = "https://storage.asm.skype.com/v1/objects"
KIND = "azureCommunicationServices"
# Recorded: the first event tells that nothing is recorded yet, with .NET's earliest time.
_NEVER = "0001-01-01T00:00:00+00:00"


class RecordingEvents:
    def __init__(self, callbacks: CallbackDelivery, event_grid: EventGrid) -> None:
        self._callbacks = callbacks
        self._event_grid = event_grid

    def send_state(self, recording: Recording) -> None:
        """Send RecordingStateChanged, if the request to start has said where to. As recorded."""
        if recording.callback_uri is None:
            return
        event_id, name = str(uuid.uuid4()), "RecordingStateChanged"
        source = f"calling/recordings/{recording.server_call_id}/{recording.id}/{name}"
        data: dict[str, JsonValue] = {
            "recordingId": recording.id,
            "state": state_of(recording),
            "startDateTime": _time(recording.started_at, "+00:00"),
            "recordingKind": KIND,
            "resultInformation": SUCCESS.as_json(),
            "version": CALL_VERSIONS[-1],
            "callConnectionId": recording.endpoint_id,
            "serverCallId": recording.server_call_id,
            "correlationId": recording.correlation_id,
            "publicEventType": PREFIX + name,
        }
        event = {
            "id": event_id,
            "source": source,
            "type": PREFIX + name,
            "data": data,
            "time": dotnet_time(time.time_ns(), "+00:00"),
            "specversion": "1.0",
            "datacontenttype": "application/json",
            "subject": source,
        }
        self._callbacks.send(
            connection_id=recording.endpoint_id,
            id=event_id,
            type=PREFIX + name,
            url=recording.callback_uri,
            body=json.dumps([event]),
        )

    def publish_file(self, recording: Recording) -> None:
        """Have Event Grid tell where the file is. Its fields and its subject are documented."""
        location = f"{STORAGE}/{recording.document_id}"
        chunk: dict[str, JsonValue] = {
            "documentId": recording.document_id,
            "index": 0,
            "endReason": "SessionEnded",
            "contentLocation": f"{location}/content/video",
            "metadataLocation": f"{location}/content/acsmetadata",
            "deleteLocation": location,
        }
        data: dict[str, JsonValue] = {
            "recordingId": recording.id,
            "storageType": "AzureCommunicationServices",
            "recordingStorageInfo": {"recordingChunks": [chunk]},
            "recordingStartTime": _time(recording.started_at, "Z"),
            "recordingDurationMs": recording.duration_ms,
            "sessionEndReason": recording.session_end,
            "recordingContentType": _capital(recording.content),
            "recordingChannelType": _capital(recording.channel),
            "recordingFormatType": _capital(recording.format),
        }
        self._event_grid.publish(
            f"{PREFIX}RecordingFileStatusUpdated",
            f"/recording/call/{recording.correlation_id}/serverCallId/{recording.server_call_id}"
            f"/recordingId/{recording.id}",
            data,
        )


def state_of(recording: Recording) -> str:
    """Recorded: a recording that is paused is inactive, too."""
    return "active" if recording.is_active else "inactive"


def _time(seconds: float, offset: str) -> str:
    return dotnet_time(round(seconds * 10**9), offset) if seconds else _NEVER


def _capital(word: str) -> str:
    return word[:1].upper() + word[1:]
