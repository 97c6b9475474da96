"""Recordings of calls: they start, pause, go on and stop, and leave a file in the storage.

Each recorded fact is from a session that Microsoft keeps with the tests of its SDK for Java
(`CallRecordingLiveTests.recordingOperations`) or JavaScript.
"""

import base64
import json
import secrets
import time
import uuid
from collections.abc import Callable

from pydantic import JsonValue

from devstack.acs_emulator.calls.answers import (
    call_not_established,
    call_not_found,
    invalid_field,
    not_emulated,
    recording_in_progress,
    recording_not_found,
)
from devstack.acs_emulator.calls.connections import Call, CallConnectionState
from devstack.acs_emulator.calls.recording_bodies import StartRecording
from devstack.acs_emulator.calls.recording_events import RecordingEvents, state_of
from devstack.acs_emulator.calls.recording_store import Recording, RecordingStore
from devstack.acs_emulator.calls.switchboard import Switchboard
from devstack.emulation.database import Database


class Recordings:
    """The recordings that go on, and the files of those that have ended.

    Args:
        clock: seconds since 1970.
    """

    def __init__(
        self,
        *,
        database: Database,
        store: RecordingStore,
        switchboard: Switchboard,
        events: RecordingEvents,
        resource_id: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._store = store
        self._switchboard = switchboard
        self._events = events
        self._resource_id = resource_id
        self._clock = clock
        self._live: dict[str, Recording] = {}
        switchboard.call_ends.append(self._end_with)

    def end_those_of_earlier_process(self) -> None:
        """Their calls have ended; [assumed] so have they, and their files are there."""
        for recording in self._store.all():
            if not recording.session_end:
                if recording.is_active:  # it is not known when the process ended
                    recording.recorded[-1][1] = recording.recorded[-1][0]
                    recording.is_active = False
                self._end(recording, "CallEnded")

    def start(self, request: StartRecording) -> Recording:
        """Start to record a call.

        Raises:
            AcsError: there is no such call, it is not connected yet, or it is recorded already.
        """
        content, channel, format_ = request.media()
        call = self._call_of(request)
        if any(one.server_call_id == call.server_call_id for one in self._live.values()):
            raise recording_in_progress()
        endpoint_id = str(uuid.uuid4())
        recording = Recording(
            id=_recording_id(endpoint_id, self._resource_id),
            endpoint_id=endpoint_id,
            server_call_id=call.server_call_id,
            correlation_id=call.correlation_id,
            callback_uri=request.recording_state_callback_uri,
            document_id=f"0-dev-d1-{secrets.token_hex(16)}",  # recorded: 0-eus-d2-3cca2175...
            content=content,
            channel=channel,
            format=format_,
        )
        self._live[recording.id] = recording
        self._note_participants(recording, call)
        self._events.send_state(recording)
        if not request.pause_on_start:
            self._activate(recording)
        self._save(recording)
        return recording

    def find(self, recording_id: str) -> Recording:
        """A recording that goes on, or is paused.

        Raises:
            AcsError: there is none. It is recorded that one that was stopped is not found.
        """
        try:
            return self._live[recording_id]
        except KeyError:
            raise recording_not_found() from None

    def pause(self, recording: Recording) -> None:
        """[assumed] Nothing happens if it is paused already."""
        with self._database.transaction():
            if recording.is_active:
                self._deactivate(recording)
                self._events.send_state(recording)
                self._save(recording)

    def resume(self, recording: Recording) -> None:
        """[assumed] Nothing happens if it is not paused."""
        with self._database.transaction():
            if not recording.is_active:
                self._activate(recording)
                self._save(recording)

    def stop(self, recording: Recording) -> None:
        call = self._switchboard.find_call(recording.server_call_id)
        with self._database.transaction():
            if call is not None:
                self._note_participants(recording, call)
            self._end(recording, "InitiatorLeft")  # one of the documented reasons; assumed for this

    def for_inspection(self) -> list[dict[str, JsonValue]]:
        """All recordings, oldest first."""
        return [
            {
                "recordingId": one.id,
                "serverCallId": one.server_call_id,
                "state": state_of(one),
                "documentId": one.document_id,
                "durationMs": one.duration_ms if one.session_end else None,
                "sessionEndReason": one.session_end or None,
                "isDeleted": one.is_deleted,
            }
            for one in self._store.all()
        ]

    def _call_of(self, request: StartRecording) -> Call:
        if request.call_connection_id is not None:
            return self._switchboard.established(request.call_connection_id).call
        locator = request.call_locator
        call = None
        match locator.kind if locator is not None else None:
            case "serverCallLocator" if locator is not None and locator.server_call_id:
                call = self._switchboard.find_call(locator.server_call_id)
            case "groupCallLocator" if locator is not None and locator.group_call_id:
                call = self._switchboard.find_group_call(locator.group_call_id)
            case "roomCallLocator":
                raise not_emulated("rooms")
            case _:
                raise invalid_field("callLocator")
        if call is None:
            raise call_not_found()
        if all(one.state is not CallConnectionState.CONNECTED for one in call.connections):
            raise call_not_established()
        return call

    def _end_with(self, call: Call) -> None:
        """The call ends, and its recording with it."""
        for recording in list(self._live.values()):
            if recording.server_call_id == call.server_call_id:
                self._note_participants(recording, call)
                self._end(recording, "CallEnded")

    def _end(self, recording: Recording, reason: str) -> None:
        """[assumed] The last event tells that nothing is recorded, unless it was paused."""
        self._live.pop(recording.id, None)
        recording.session_end = reason
        if recording.is_active:
            self._deactivate(recording)
            self._events.send_state(recording)
        recording.started_at = recording.started_at or self._clock()
        self._save(recording)
        self._events.publish_file(recording)

    def _activate(self, recording: Recording) -> None:
        now = self._clock()
        recording.is_active = True
        recording.started_at = recording.started_at or now
        recording.recorded.append([now, 0])
        self._events.send_state(recording)

    def _deactivate(self, recording: Recording) -> None:
        recording.is_active = False
        recording.recorded[-1][1] = self._clock()

    def _note_participants(self, recording: Recording, call: Call) -> None:
        new = [one for one in call.participants if one not in recording.participants]
        recording.participants += new

    def _save(self, recording: Recording) -> None:
        self._store.save(recording, now=int(self._clock()))


def _recording_id(endpoint_id: str, resource_id: str) -> str:
    """As recorded: JSON with two ids, in base64 for URLs."""
    names = {"PlatformEndpointId": endpoint_id, "ResourceSpecificId": resource_id}
    content = json.dumps(names, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
