"""The media operations: to play sources, and to recognize tones after a prompt."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Protocol

from pydantic import JsonValue

from devstack.acs_emulator.calls.bodies import Operation, Play, Recognize
from devstack.acs_emulator.calls.connections import CallConnection
from devstack.acs_emulator.calls.events import NO_FIELDS, CallEvents
from devstack.acs_emulator.calls.far_ends import FarEnds
from devstack.acs_emulator.calls.results import (
    CANCELED,
    INITIAL_SILENCE,
    INTER_TONE_TIMEOUT,
    MAX_TONES,
    PROMPT_FAILED,
    STOP_TONE,
    SUCCESS,
    ResultInformation,
)
from devstack.emulation.background import report_failure

# Playing may take no time at all here; a loop has to give way to other tasks.
LOOP_PAUSE_SECONDS = 0.01
# How many tones may wait until they are collected.
MAX_TONES_WAITING = 1000


class MediaOperation(Protocol):
    name: str

    async def perform(self) -> None:
        """Do it, and send the events about it."""

    def send_canceled(self) -> None: ...

    def receive_tone(self, raw_id: str, tone: str) -> None: ...


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

    def __init__(self, request: Play, report: OperationReport, far_ends: FarEnds) -> None:
        self._request = request
        self._report = report
        self._far_ends = far_ends

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
                await asyncio.sleep(self._far_ends.play_seconds)
            if not self._request.play_options.loop:
                break
            await asyncio.sleep(LOOP_PAUSE_SECONDS)
        self._report.send("PlayCompleted")

    def send_canceled(self) -> None:
        self._report.send("PlayCanceled", CANCELED)

    def receive_tone(self, raw_id: str, tone: str) -> None:
        """Tones do not matter while it plays."""


class RecognizeOperation:
    """Plays its prompts, and then collects tones from one participant.

    [assumed] Keys that are pressed during a prompt which they cannot interrupt are lost. A stop
    tone is not among the tones of the result.
    """

    name = "recognize"

    def __init__(
        self,
        request: Recognize,
        report: OperationReport,
        far_ends: FarEnds,
        press_keys: Callable[[], asyncio.Task[None]],
    ) -> None:
        self._request = request
        self._options = request.recognize_options
        self._report = report
        self._far_ends = far_ends
        self._press_keys = press_keys
        self._tones: asyncio.Queue[str] = asyncio.Queue(MAX_TONES_WAITING)
        self._accepts_tones = self._options.interrupt_prompt
        self._pressed = asyncio.Event()

    async def perform(self) -> None:
        for index, source in enumerate(self._request.prompts):
            if await self._far_ends.source_error(source):
                self._report.send(
                    "RecognizeFailed", PROMPT_FAILED, {"failedPlaySourceIndex": index}
                )
                return
            if await self._play_prompt():
                break
        self._accepts_tones = True
        pressing = self._press_keys()
        try:
            await self._collect()
        finally:
            pressing.cancel()  # the remaining keys are not for the next operation

    def send_canceled(self) -> None:
        self._report.send("RecognizeCanceled", CANCELED)

    def receive_tone(self, raw_id: str, tone: str) -> None:
        if self._accepts_tones and raw_id == self._options.target_participant:
            if self._tones.full():
                report_failure(f"{tone} of {raw_id} is one tone too many to wait")
                return
            self._tones.put_nowait(tone)
            self._pressed.set()

    async def _play_prompt(self) -> bool:
        """Play one prompt; returns whether a key interrupted it."""
        try:
            async with asyncio.timeout(self._far_ends.play_seconds):
                await self._pressed.wait()
        except TimeoutError:
            return False
        return True

    async def _collect(self) -> None:
        options = self._options.dtmf_options
        tones: list[str] = []
        seconds = self._options.initial_silence_timeout_in_seconds
        while options.max_tones_to_collect is None or len(tones) < options.max_tones_to_collect:
            try:
                async with asyncio.timeout(self._far_ends.seconds(seconds)):
                    tone = await self._tones.get()
            except TimeoutError:
                if tones:
                    self._complete(INTER_TONE_TIMEOUT, tones)
                else:
                    self._report.send("RecognizeFailed", INITIAL_SILENCE)
                return
            if tone in options.stop_tones:
                self._complete(STOP_TONE, tones)
                return
            tones.append(tone)
            seconds = options.inter_tone_timeout_in_seconds
        self._complete(MAX_TONES, tones)

    def _complete(self, result: ResultInformation, tones: list[str]) -> None:
        collected: dict[str, JsonValue] = {"tones": [*tones]}
        fields: dict[str, JsonValue] = {"recognitionType": "dtmf", "dtmfResult": collected}
        self._report.send("RecognizeCompleted", result, fields)
