"""What a transcription sends to an app: what people say, as a test sets it.

The messages are documented.
"""

import asyncio
import time

from pydantic import JsonValue

from devstack.acs_emulator.calls.connections import CallConnection
from devstack.acs_emulator.calls.results import TRANSCRIPTION_FAILED
from devstack.acs_emulator.calls.speech import Speech, words_of
from devstack.acs_emulator.streams.sockets import AppSocket
from devstack.emulation.background import report_failure

# How many texts may wait until they are sent.
MAX_WAITING = 1000
# The confidence of a text for which a test sets none.
CONFIDENCE = 0.9

# .NET counts time in 100 ns since the year 1.
_TICKS_1970 = 621_355_968_000_000_000
_LAST_TICK = 3_155_378_975_999_999_999
_WORD_TICKS = 4_000_000


class Transcription:
    """The texts of its events are recorded or documented."""

    name = "Transcription"
    update_field = "transcriptionUpdate"
    no_connection = "streamConnectionUnsuccessful"
    failure = TRANSCRIPTION_FAILED
    resumed = "transcriptionResumed"

    def __init__(self, connection: CallConnection) -> None:
        self._subscription = connection.transcription
        self._connection = connection
        assert self._subscription.options is not None  # noqa: S101  else there is no stream
        self._options = self._subscription.options
        self._messages: asyncio.Queue[dict[str, JsonValue]] = asyncio.Queue(MAX_WAITING)
        self._sent = self._received = 0
        self.update_fields: dict[str, JsonValue] = {}

    @property
    def url(self) -> str:
        return self._options.transport_url or ""

    @property
    def is_active(self) -> bool:
        return self._subscription.is_active

    @is_active.setter
    def is_active(self, is_active: bool) -> None:
        self._subscription.is_active = is_active

    def metadata(self) -> dict[str, JsonValue]:
        return {
            "kind": "TranscriptionMetadata",
            "transcriptionMetadata": {
                "subscriptionId": self._subscription.id,
                "locale": self._subscription.locale,
                "callConnectionId": self._connection.id,
                "correlationId": self._connection.call.correlation_id,
            },
        }

    async def send_all(self, socket: AppSocket) -> None:
        while True:
            await socket.send(await self._messages.get())
            self._sent += 1

    def hear_speech(self, raw_id: str, speech: Speech) -> None:
        """Somebody says something. Where there are no words, there is nothing to transcribe."""
        words = speech.text.split()
        if not self.is_active or not words:
            return
        person = self._connection.call.participants.get(raw_id)
        if person is None or person.is_muted or person.is_on_hold:
            return
        if self._options.enable_intermediate_results and len(words) > 1:
            begin = " ".join(words[: len(words) // 2])
            self._put(raw_id, Speech(text=begin, confidence=speech.confidence), "Intermediate")
        self._put(raw_id, speech, "Final")

    def forget(self) -> None:
        while not self._messages.empty():
            self._messages.get_nowait()

    def receive(self, _message: str | bytes, /) -> None:
        """An app has nothing to say here."""
        self._received += 1

    def for_inspection(self) -> dict[str, JsonValue]:
        return {"textsSent": self._sent, "notUnderstood": self._received}

    def _put(self, raw_id: str, speech: Speech, status: str) -> None:
        if self._messages.full():
            report_failure(f"a text of {raw_id} is one too many for the transcription")
            return
        # The documented offsets count backwards, to the last moment that .NET knows: this one is a
        # moment of December 2023, when the page was written.
        offset = _LAST_TICK - (_TICKS_1970 + time.time_ns() // 100)
        words = words_of(speech.text)
        confidence = CONFIDENCE if speech.confidence is None else speech.confidence
        data: dict[str, JsonValue] = {
            "text": speech.text,
            "format": "display",
            "confidence": confidence,
            "offset": offset,
            "duration": len(words) * _WORD_TICKS,
            "words": [
                {"text": word, "offset": offset - number * _WORD_TICKS, "duration": _WORD_TICKS}
                for number, word in enumerate(words)
            ],
            "participantRawID": raw_id,
            "resultStatus": status,
        }
        self._messages.put_nowait({"kind": "TranscriptionData", "transcriptionData": data})
