"""The media operation that recognizes tones and speech, after its prompts."""

import asyncio
from collections.abc import Callable

from pydantic import JsonValue

from devstack.acs_emulator.calls.bodies import PlaySource, Recognize
from devstack.acs_emulator.calls.connections import Call
from devstack.acs_emulator.calls.far_ends import FarEnds
from devstack.acs_emulator.calls.media_operations import OperationReport
from devstack.acs_emulator.calls.response import Response
from devstack.acs_emulator.calls.results import (
    CANCELED,
    CHOICE_PRESSED,
    CHOICE_SPOKEN,
    INITIAL_SILENCE,
    INTER_TONE_TIMEOUT,
    MAX_TONES,
    NO_CHOICE_PRESSED,
    NO_CHOICE_SPOKEN,
    PROMPT_FAILED,
    SPEECH_NOT_RECOGNIZED,
    SPEECH_RECOGNIZED,
    STOP_TONE,
    ResultInformation,
)
from devstack.acs_emulator.calls.speech import Speech, find_choice
from devstack.emulation.background import report_failure

# How many tones and texts may wait until they are collected.
MAX_WAITING = 1000


class RecognizeOperation:
    """Plays its prompts, and then listens to one participant.

    It is documented that where both tones and speech are recognized, the first one that comes
    decides. [assumed] What comes during a prompt which it cannot interrupt is lost. A stop tone is
    not among the tones of the result.

    Args:
        respond: lets the participant do what the test has set, as soon as they are listened to.
            What comes in time by the delays that are set is waited for, however slow the machine.
    """

    name = "recognize"

    def __init__(
        self,
        call: Call,
        request: Recognize,
        report: OperationReport,
        far_ends: FarEnds,
        respond: Callable[[], Response],
    ) -> None:
        self._call = call
        self._request = request
        self._options = request.recognize_options
        self._report = report
        self._far_ends = far_ends
        self._respond = respond
        self.sources = request.prompts
        self._heard: asyncio.Queue[str | Speech] = asyncio.Queue(MAX_WAITING)
        self._response: Response | None = None
        self._listens = self._options.interrupt_prompt
        self._interrupted = asyncio.Event()

    async def perform(self) -> None:
        for index, source in enumerate(self._request.prompts):
            if await self._far_ends.source_error(source):
                self._report.send(
                    "RecognizeFailed", PROMPT_FAILED, {"failedPlaySourceIndex": index}
                )
                return
            if index == 0:
                self._report.send("PlayStarted")  # recorded, with the context of the recognition
            if await self._play_prompt(source):
                break
        self._listens = True
        self._response = self._respond()
        try:
            await self._judge(await self._next(self._options.initial_silence_timeout_in_seconds))
        finally:
            self._response.cancel()  # the rest is not for the next operation

    def send_canceled(self) -> None:
        self._report.send("RecognizeCanceled", CANCELED)

    def receive_tone(self, raw_id: str, tone: str) -> None:
        if self._request.hears_tones:
            self._receive(raw_id, tone)

    def receive_speech(self, raw_id: str, speech: Speech) -> None:
        if self._request.hears_speech:
            self._receive(raw_id, speech)

    def _receive(self, raw_id: str, what: str | Speech) -> None:
        if not self._listens or raw_id != self._options.target_participant:
            return
        if self._heard.full():
            kind = "tone" if isinstance(what, str) else "text"
            report_failure(f"{what} of {raw_id} is one {kind} too many to wait")
            return
        self._heard.put_nowait(what)
        self._interrupted.set()

    async def _play_prompt(self, source: PlaySource) -> bool:
        """Play one prompt; returns whether the participant interrupted it."""
        listeners = [self._options.target_participant]
        async with self._far_ends.playing(self._call, listeners, source) as length:
            try:
                async with asyncio.timeout(length):
                    await self._interrupted.wait()
            except TimeoutError:
                return False
        return True

    async def _next(self, seconds: float, *, tones_only: bool = False) -> str | Speech | None:
        """What the participant does next, or None if nothing comes in time."""
        limit = self._far_ends.seconds(seconds)
        comes = self._response is not None and self._response.comes_within(
            limit, tones_only=tones_only
        )
        try:
            async with asyncio.timeout(None if comes else limit):
                while True:
                    heard = await self._heard.get()
                    if isinstance(heard, str) or not tones_only:
                        return heard
        except TimeoutError:
            return None

    async def _judge(self, first: str | Speech | None) -> None:
        is_choice = self._request.recognize_input_type == "choices"
        match first:
            case None:
                self._report.send("RecognizeFailed", INITIAL_SILENCE)
            case Speech() if is_choice:
                self._judge_spoken_choice(first)
            case Speech():
                self._judge_speech(first)
            case tone if is_choice:
                self._judge_pressed_choice(tone)
            case tone:
                await self._collect(tone)

    def _judge_spoken_choice(self, speech: Speech) -> None:
        found = find_choice(speech, self._options.choices)
        if found is None:
            self._report.send("RecognizeFailed", NO_CHOICE_SPOKEN)
            return
        choice, phrase = found
        result: dict[str, JsonValue] = {"label": choice.label, "recognizedPhrase": phrase}
        self._complete(CHOICE_SPOKEN, "choices", result | _confidence(speech))

    def _judge_pressed_choice(self, tone: str) -> None:
        choice = next((one for one in self._options.choices if one.tone == tone), None)
        if choice is None:
            self._report.send("RecognizeFailed", NO_CHOICE_PRESSED)
        else:
            self._complete(CHOICE_PRESSED, "choices", {"label": choice.label})

    def _judge_speech(self, speech: Speech) -> None:
        if not speech.text:
            self._report.send("RecognizeFailed", SPEECH_NOT_RECOGNIZED)
        else:
            self._complete(
                SPEECH_RECOGNIZED, "speech", {"speech": speech.text, **_confidence(speech)}
            )

    async def _collect(self, first: str) -> None:
        options = self._options.dtmf_options
        tones: list[str] = []
        tone: str | Speech | None = first
        while isinstance(tone, str):
            if tone in options.stop_tones:
                self._complete(STOP_TONE, "dtmf", {"tones": [*tones]})
                return
            tones.append(tone)
            if len(tones) == options.max_tones_to_collect:
                self._complete(MAX_TONES, "dtmf", {"tones": [*tones]})
                return
            tone = await self._next(options.inter_tone_timeout_in_seconds, tones_only=True)
        if self._far_ends.spec.inter_tone_timeout == "failed":
            self._report.send("RecognizeFailed", INTER_TONE_TIMEOUT)
        else:
            self._complete(INTER_TONE_TIMEOUT, "dtmf", {"tones": [*tones]})

    def _complete(self, result: ResultInformation, kind: str, what: dict[str, JsonValue]) -> None:
        field = {"dtmf": "dtmfResult", "choices": "choiceResult", "speech": "speechResult"}[kind]
        self._report.send("RecognizeCompleted", result, {"recognitionType": kind, field: what})


def _confidence(speech: Speech) -> dict[str, JsonValue]:
    return {} if speech.confidence is None else {"confidence": speech.confidence}
