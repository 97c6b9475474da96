"""What an app plays to a call, and the tones that it receives: one operation after the other."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from typing import Protocol

from pydantic import JsonValue

from devstack.acs_emulator.calls.bodies import ContinuousDtmf, Play, PlaySource, Recognize
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
from devstack.emulation.background import BackgroundTasks

# Playing may take no time at all here; a loop has to give way to other tasks.
LOOP_PAUSE_SECONDS = 0.01


class MediaOperation(Protocol):
    name: str

    async def perform(self) -> None:
        """Do it, and send the events about it."""

    def send_canceled(self) -> None: ...

    def receive_tone(self, raw_id: str, tone: str) -> None: ...


class Player:
    """The media of one connection.

    Args:
        press_key: called with a raw id and a tone when the far end presses a key by itself.
    """

    def __init__(
        self,
        connection: CallConnection,
        events: CallEvents,
        far_ends: FarEnds,
        press_key: Callable[[str, str], None],
        background: BackgroundTasks,
    ) -> None:
        self._connection = connection
        self._events = events
        self._far_ends = far_ends
        self._press_key = press_key
        self._background = background
        # The first one is in progress.
        self._operations: deque[MediaOperation] = deque()
        self._work: asyncio.Task[None] | None = None
        self._continuous_dtmf: dict[str, ContinuousDtmf] = {}  # by raw id
        self._received = 0  # tones, by continuous recognition

    def play(self, request: Play) -> None:
        self._add(
            PlayOperation(request, self._connection, self._events, self._far_ends),
            interrupt=request.interrupt_call_media_operation,
        )

    def recognize(self, request: Recognize) -> None:
        self._add(
            RecognizeOperation(
                request,
                self._connection,
                self._events,
                self._far_ends,
                lambda: self._background.spawn(self._press_keys(request)),
            ),
            interrupt=request.interrupt_call_media_operation,
        )

    def cancel_all(self) -> None:
        """Cancel the operation in progress and those that wait, and send their events."""
        if self._work is not None:
            self._work.cancel()
            self._work = None
        while self._operations:
            self._operations.popleft().send_canceled()

    def start_continuous_dtmf(self, request: ContinuousDtmf) -> None:
        self._continuous_dtmf[request.target_participant] = request

    def stop_continuous_dtmf(self, request: ContinuousDtmf) -> bool:
        """Stop it; returns whether it was started."""
        if self._continuous_dtmf.pop(request.target_participant, None) is None:
            return False
        self._events.send_for_operation(
            self._connection, request, "ContinuousDtmfRecognitionStopped"
        )
        return True

    def receive_tone(self, raw_id: str, tone: str) -> None:
        if self._operations:
            self._operations[0].receive_tone(raw_id, tone)
        if request := self._continuous_dtmf.get(raw_id):
            self._received += 1
            self._events.send_for_operation(
                self._connection,
                request,
                "ContinuousDtmfRecognitionToneReceived",
                fields={"tone": tone, "sequenceId": self._received},
            )

    def for_inspection(self) -> list[JsonValue]:
        return [operation.name for operation in self._operations]

    def _add(self, operation: MediaOperation, *, interrupt: bool) -> None:
        if interrupt:
            self.cancel_all()
        self._operations.append(operation)
        if self._work is None:
            self._work = self._background.spawn(self._perform_all())

    async def _perform_all(self) -> None:
        while self._operations:
            await self._operations[0].perform()
            self._operations.popleft()
        self._work = None

    async def _press_keys(self, request: Recognize) -> None:
        target = request.recognize_options.target_participant
        spec = self._far_ends.of(target)
        participant = self._connection.call.participants.get(target)
        tones = spec.tones
        if participant is not None and participant.presses:
            tones = participant.presses.pop(0)
        for tone in tones:
            await asyncio.sleep(spec.tone_ms / 1000)
            self._press_key(target, tone)


class PlayOperation:
    name = "play"

    def __init__(
        self, request: Play, connection: CallConnection, events: CallEvents, far_ends: FarEnds
    ) -> None:
        self._request = request
        self._connection = connection
        self._events = events
        self._far_ends = far_ends

    async def perform(self) -> None:
        self._send("PlayStarted")
        while True:
            for index, source in enumerate(self._request.play_sources):
                if error := source_error(source, self._far_ends):
                    self._send("PlayFailed", error, {"failedPlaySourceIndex": index})
                    return
                await asyncio.sleep(self._far_ends.play_seconds)
            if not self._request.play_options.loop:
                break
            await asyncio.sleep(LOOP_PAUSE_SECONDS)
        self._send("PlayCompleted")

    def send_canceled(self) -> None:
        self._send("PlayCanceled", CANCELED)

    def receive_tone(self, raw_id: str, tone: str) -> None:
        """Tones do not matter while it plays."""

    def _send(
        self,
        name: str,
        result: ResultInformation = SUCCESS,
        fields: Mapping[str, JsonValue] = NO_FIELDS,
    ) -> None:
        self._events.send_for_operation(self._connection, self._request, name, result, fields)


class RecognizeOperation:
    """Plays its prompts, and then collects tones from one participant.

    [assumed] Keys that are pressed during a prompt which they cannot interrupt are lost. A stop
    tone is not among the tones of the result.
    """

    name = "recognize"

    def __init__(
        self,
        request: Recognize,
        connection: CallConnection,
        events: CallEvents,
        far_ends: FarEnds,
        press_keys: Callable[[], asyncio.Task[None]],
    ) -> None:
        self._request = request
        self._options = request.recognize_options
        self._connection = connection
        self._events = events
        self._far_ends = far_ends
        self._press_keys = press_keys
        self._tones: asyncio.Queue[str] = asyncio.Queue()
        self._accepts_tones = self._options.interrupt_prompt
        self._pressed = asyncio.Event()

    async def perform(self) -> None:
        for index, source in enumerate(self._request.prompts):
            if source_error(source, self._far_ends):
                self._send("RecognizeFailed", PROMPT_FAILED, {"failedPlaySourceIndex": index})
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
        self._send("RecognizeCanceled", CANCELED)

    def receive_tone(self, raw_id: str, tone: str) -> None:
        if self._accepts_tones and raw_id == self._options.target_participant:
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
                    self._send("RecognizeFailed", INITIAL_SILENCE)
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
        self._send("RecognizeCompleted", result, fields)

    def _send(
        self,
        name: str,
        result: ResultInformation = SUCCESS,
        fields: Mapping[str, JsonValue] = NO_FIELDS,
    ) -> None:
        self._events.send_for_operation(self._connection, self._request, name, result, fields)


def source_error(source: PlaySource, far_ends: FarEnds) -> ResultInformation | None:
    """Why a source cannot be played. Speech always can."""
    return far_ends.source_error(source.file.uri) if source.file is not None else None
