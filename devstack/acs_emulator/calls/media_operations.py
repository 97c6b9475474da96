"""The media operations of a connection: to play sources; `recognition` has the other one."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Protocol

from pydantic import JsonValue

from devstack.acs_emulator.calls.bodies import Operation, Play, PlaySource
from devstack.acs_emulator.calls.connections import Call, CallConnection
from devstack.acs_emulator.calls.events import NO_FIELDS, CallEvents
from devstack.acs_emulator.calls.far_ends import FarEnds
from devstack.acs_emulator.calls.results import (
    CANCELED,
    SUCCESS,
    ResultInformation,
)
from devstack.acs_emulator.calls.speech import Speech

# Playing may take no time at all here; a loop has to give way to other tasks.
LOOP_PAUSE_SECONDS = 0.01


class MediaOperation(Protocol):
    name: str

    @property
    def sources(self) -> Sequence[PlaySource]:
        """The sources that it plays, or the prompts of its question."""

    async def perform(self) -> None:
        """Do it, and send the events about it."""

    def send_canceled(self) -> None: ...

    def receive_tone(self, raw_id: str, tone: str) -> None: ...

    def receive_speech(self, raw_id: str, speech: Speech) -> None: ...


def content_of(source: PlaySource) -> str:
    """The text that is spoken, or the address of the sound."""
    said = source.text.text if source.text else source.ssml.ssml_text if source.ssml else ""
    return said or (source.file.uri if source.file else "")


class OperationReport:
    """Sends the events about one operation."""

    def __init__(
        self, events: CallEvents, connection: CallConnection, operation: Operation
    ) -> None:
        self._events = events
        self._connection = connection
        self._operation = operation

    def send(
        self,
        name: str,
        result: ResultInformation = SUCCESS,
        fields: Mapping[str, JsonValue] = NO_FIELDS,
    ) -> None:
        self._events.send_for_operation(self._connection, self._operation, name, result, fields)


class PlayOperation:
    name = "play"

    def __init__(
        self, call: Call, request: Play, report: OperationReport, far_ends: FarEnds
    ) -> None:
        self._call = call
        self._request = request
        self._report = report
        self._far_ends = far_ends
        self.sources = request.play_sources

    async def perform(self) -> None:
        is_started = False
        while True:
            for index, source in enumerate(self._request.play_sources):
                if error := await self._far_ends.source_error(source):
                    self._report.send("PlayFailed", error, {"failedPlaySourceIndex": index})
                    return
                if not is_started:  # recorded: where the first source is bad, nothing has started
                    self._report.send("PlayStarted")
                    is_started = True
                listeners = self._request.play_to
                async with self._far_ends.playing(self._call, listeners, source) as seconds:
                    await asyncio.sleep(seconds)
            if not self._request.play_options.loop:
                break
            await asyncio.sleep(LOOP_PAUSE_SECONDS)
        self._report.send("PlayCompleted")

    def send_canceled(self) -> None:
        self._report.send("PlayCanceled", CANCELED)

    def receive_tone(self, raw_id: str, tone: str) -> None:
        """Tones do not matter while it plays."""

    def receive_speech(self, raw_id: str, speech: Speech) -> None:
        """Nor does what people say."""
