"""What an app plays to a call, and the tones that it hears: one operation after the other."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from typing import Protocol

from pydantic import JsonValue

from devstack.acs_emulator.calls.bodies import ContinuousDtmf, Play, PlaySource, Recognize
from devstack.acs_emulator.calls.connections import Connection
from devstack.acs_emulator.calls.events import NOTHING, Events
from devstack.acs_emulator.calls.far_ends import FarEnds
from devstack.acs_emulator.calls.outcomes import (
    CANCELED,
    INITIAL_SILENCE,
    INTER_TONE_TIMEOUT,
    MAX_TONES,
    PROMPT_FAILED,
    STOP_TONE,
    SUCCESS,
    Outcome,
)
from devstack.emulation.background import Background

# Sources may take no time at all here; a loop of them must leave some to others.
LOOP_PAUSE_SECONDS = 0.01


class MediaOperation(Protocol):
    name: str

    async def perform(self) -> None:
        """Do it, and tell how it went."""

    def tell_canceled(self) -> None: ...

    def hear(self, raw_id: str, tone: str) -> None: ...


class Player:
    """The media of one connection.

    Args:
        press: called with a raw id and a tone when the far end presses a key by itself.
    """

    def __init__(
        self,
        connection: Connection,
        events: Events,
        far_ends: FarEnds,
        press: Callable[[str, str], None],
        background: Background,
    ) -> None:
        self._connection = connection
        self._events = events
        self._far_ends = far_ends
        self._press = press
        self._background = background
        # The first one is under way.
        self._operations: deque[MediaOperation] = deque()
        self._work: asyncio.Task[None] | None = None
        self._listening: dict[str, ContinuousDtmf] = {}
        self._heard = 0

    def play(self, request: Play) -> None:
        self._add(
            Playing(request, self._connection, self._events, self._far_ends),
            interrupt=request.interrupt_call_media_operation,
        )

    def recognize(self, request: Recognize) -> None:
        self._add(
            Recognizing(
                request,
                self._connection,
                self._events,
                self._far_ends,
                lambda: self._background.spawn(self._press_keys(request)),
            ),
            interrupt=request.interrupt_call_media_operation,
        )

    def cancel_all(self) -> None:
        """End what is under way or waits, and tell so."""
        if self._work is not None:
            self._work.cancel()
            self._work = None
        while self._operations:
            self._operations.popleft().tell_canceled()

    def listen(self, request: ContinuousDtmf) -> None:
        self._listening[request.target_participant] = request

    def stop_listening(self, request: ContinuousDtmf) -> bool:
        """Whether anybody listened."""
        if self._listening.pop(request.target_participant, None) is None:
            return False
        self._events.tell_operation(self._connection, request, "ContinuousDtmfRecognitionStopped")
        return True

    def hear(self, raw_id: str, tone: str) -> None:
        if self._operations:
            self._operations[0].hear(raw_id, tone)
        if listener := self._listening.get(raw_id):
            self._heard += 1
            self._events.tell_operation(
                self._connection,
                listener,
                "ContinuousDtmfRecognitionToneReceived",
                more={"tone": tone, "sequenceId": self._heard},
            )

    def inspected(self) -> list[JsonValue]:
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
        person = self._connection.conversation.participants.get(target)
        for tone in person.presses.pop(0) if person and person.presses else spec.tones:
            await asyncio.sleep(spec.tone_ms / 1000)
            self._press(target, tone)


class Playing:
    name = "play"

    def __init__(
        self, request: Play, connection: Connection, events: Events, far_ends: FarEnds
    ) -> None:
        self._request = request
        self._connection = connection
        self._events = events
        self._far_ends = far_ends

    async def perform(self) -> None:
        self._tell("PlayStarted")
        while True:
            for index, source in enumerate(self._request.play_sources):
                if fault := fault_of(source, self._far_ends):
                    self._tell("PlayFailed", fault, {"failedPlaySourceIndex": index})
                    return
                await asyncio.sleep(self._far_ends.play_seconds)
            if not self._request.play_options.loop:
                break
            await asyncio.sleep(LOOP_PAUSE_SECONDS)
        self._tell("PlayCompleted")

    def tell_canceled(self) -> None:
        self._tell("PlayCanceled", CANCELED)

    def hear(self, raw_id: str, tone: str) -> None:
        """Nobody listens while it plays."""

    def _tell(
        self, name: str, outcome: Outcome = SUCCESS, more: Mapping[str, JsonValue] = NOTHING
    ) -> None:
        self._events.tell_operation(self._connection, self._request, name, outcome, more)


class Recognizing:
    """Collects tones from one participant, after its prompts.

    [assumed] Keys pressed during a prompt that they may not interrupt are lost, and a stop tone is
    not among the tones of the result.
    """

    name = "recognize"

    def __init__(
        self,
        request: Recognize,
        connection: Connection,
        events: Events,
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
        self._is_open = self._options.interrupt_prompt
        self._pressed = asyncio.Event()

    async def perform(self) -> None:
        for index, source in enumerate(self._request.prompts):
            if fault_of(source, self._far_ends):
                self._tell("RecognizeFailed", PROMPT_FAILED, {"failedPlaySourceIndex": index})
                return
            if await self._play():
                break
        self._is_open = True
        keys = self._press_keys()
        try:
            await self._collect()
        finally:
            keys.cancel()  # what is left of them is not for the next operation

    def tell_canceled(self) -> None:
        self._tell("RecognizeCanceled", CANCELED)

    def hear(self, raw_id: str, tone: str) -> None:
        if self._is_open and raw_id == self._options.target_participant:
            self._tones.put_nowait(tone)
            self._pressed.set()

    async def _play(self) -> bool:
        """Play one prompt; whether a key interrupted it."""
        try:
            async with asyncio.timeout(self._far_ends.play_seconds):
                await self._pressed.wait()
        except TimeoutError:
            return False
        return True

    async def _collect(self) -> None:
        wanted = self._options.dtmf_options
        tones: list[str] = []
        seconds = self._options.initial_silence_timeout_in_seconds
        while wanted.max_tones_to_collect is None or len(tones) < wanted.max_tones_to_collect:
            try:
                async with asyncio.timeout(self._far_ends.seconds(seconds)):
                    tone = await self._tones.get()
            except TimeoutError:
                if tones:
                    self._complete(INTER_TONE_TIMEOUT, tones)
                else:
                    self._tell("RecognizeFailed", INITIAL_SILENCE)
                return
            if tone in wanted.stop_tones:
                self._complete(STOP_TONE, tones)
                return
            tones.append(tone)
            seconds = wanted.inter_tone_timeout_in_seconds
        self._complete(MAX_TONES, tones)

    def _complete(self, outcome: Outcome, tones: list[str]) -> None:
        result: dict[str, JsonValue] = {"tones": [*tones]}
        more: dict[str, JsonValue] = {"recognitionType": "dtmf", "dtmfResult": result}
        self._tell("RecognizeCompleted", outcome, more)

    def _tell(
        self, name: str, outcome: Outcome = SUCCESS, more: Mapping[str, JsonValue] = NOTHING
    ) -> None:
        self._events.tell_operation(self._connection, self._request, name, outcome, more)


def fault_of(source: PlaySource, far_ends: FarEnds) -> Outcome | None:
    """What is wrong with a source; speech is always fine."""
    return far_ends.fault_of(source.file.uri) if source.file is not None else None
