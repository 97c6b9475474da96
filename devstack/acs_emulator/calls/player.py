"""The media of one connection: its operations run one after the other."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from pydantic import JsonValue

from devstack.acs_emulator.calls.answers import too_many_operations
from devstack.acs_emulator.calls.bodies import ContinuousDtmf, Operation, Play, Recognize
from devstack.acs_emulator.calls.connections import CallConnection
from devstack.acs_emulator.calls.events import CallEvents
from devstack.acs_emulator.calls.far_ends import FarEnds
from devstack.acs_emulator.calls.media_operations import (
    MediaOperation,
    OperationReport,
    PlayOperation,
    content_of,
)
from devstack.acs_emulator.calls.recognition import RecognizeOperation
from devstack.acs_emulator.calls.response import Response
from devstack.acs_emulator.calls.speech import Speech
from devstack.emulation.background import BackgroundTasks

# [assumed] How many operations one connection may have in progress and waiting.
MAX_OPERATIONS = 100


class Player:
    """The media of one connection.

    Args:
        press_key: called with a raw id and a tone when the far end presses a key by itself.
        say: called with a raw id and what the far end says by itself.
    """

    def __init__(
        self,
        connection: CallConnection,
        events: CallEvents,
        far_ends: FarEnds,
        press_key: Callable[[str, str], None],
        say: Callable[[str, Speech], None],
        background: BackgroundTasks,
    ) -> None:
        self._connection = connection
        self._events = events
        self._far_ends = far_ends
        self._press_key = press_key
        self._say = say
        self._background = background
        # The first one is in progress.
        self._operations: deque[MediaOperation] = deque()
        self._work: asyncio.Task[None] | None = None
        self._continuous_dtmf: dict[str, ContinuousDtmf] = {}  # by raw id
        self._received = 0  # tones, by continuous recognition
        # The keys that a person has pressed, by raw id and operationContext: who is asked the same
        # again, because the app did not get the answer, presses the same again.
        self._pressed: dict[tuple[str, str], list[str]] = {}

    # Both raise AcsError if too many operations wait.

    def play(self, request: Play) -> None:
        self._add(
            PlayOperation(self._connection.call, request, self._report(request), self._far_ends),
            interrupt=request.interrupt_call_media_operation,
        )

    def recognize(self, request: Recognize) -> None:
        self._add(
            RecognizeOperation(
                self._connection.call,
                request,
                self._report(request),
                self._far_ends,
                lambda: self._respond(request),
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

    def receive_speech(self, raw_id: str, speech: Speech) -> None:
        if self._operations:
            self._operations[0].receive_speech(raw_id, speech)

    def for_inspection(self) -> dict[str, JsonValue]:
        return {
            "media": [operation.name for operation in self._operations],
            "history": [*self._connection.history],
        }

    def _report(self, request: Operation) -> OperationReport:
        return OperationReport(self._events, self._connection, request)

    def _add(self, operation: MediaOperation, *, interrupt: bool) -> None:
        if interrupt:
            self.cancel_all()
        if len(self._operations) >= MAX_OPERATIONS:
            raise too_many_operations()
        self._operations.append(operation)
        if self._work is None:
            self._work = self._background.spawn(self._perform_all())

    async def _perform_all(self) -> None:
        while self._operations:
            operation = self._operations[0]
            for source in operation.sources:
                self._connection.remember("plays", content_of(source))
            await operation.perform()
            self._operations.popleft()
        self._work = None

    def _respond(self, request: Recognize) -> Response:
        """What the far end does when it is listened to: it speaks, or else presses its keys."""
        target = request.recognize_options.target_participant
        spec = self._far_ends.of(target)
        participant = self._connection.call.participants.get(target)
        if participant is not None and request.hears_speech:
            speech = self._far_ends.next_speech(participant)
            if speech is not None:
                return self._perform(target, [speech], spec.say_ms / 1000)
        hears_tones, context = request.hears_tones, request.operation_context
        tones = self._tones_of(target, context) if hears_tones else []
        return self._perform(target, tones, spec.tone_ms / 1000)

    def _perform(self, target: str, what: Sequence[str | Speech], seconds: float) -> Response:
        def deliver(one: str | Speech) -> None:
            if isinstance(one, Speech):
                self._say(target, one)
            else:
                self._press_key(target, one)

        return Response(what, seconds, deliver, self._background)

    def _tones_of(self, target: str, context: str | None) -> list[str]:
        asked = (target, context or "")
        if context and asked in self._pressed:
            return self._pressed[asked]
        participant = self._connection.call.participants.get(target)
        if participant is None or not participant.presses:
            return self._far_ends.of(target).tones
        self._pressed[asked] = participant.presses.pop(0)
        return self._pressed[asked]
