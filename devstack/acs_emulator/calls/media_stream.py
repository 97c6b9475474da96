"""The messages that media streaming sends to an app, and receives from it. They are documented."""

import asyncio
import base64
import json
import logging
import math
import time
from typing import Any

from pydantic import JsonValue

from devstack.acs_emulator.calls.bodies import TONES
from devstack.acs_emulator.calls.connections import CallConnection
from devstack.acs_emulator.calls.far_ends import FarEnds
from devstack.acs_emulator.calls.results import STREAMING_FAILED
from devstack.acs_emulator.calls.speech import Speech, words_of
from devstack.acs_emulator.streams.audio import (
    FRAME_SECONDS,
    SAMPLE_RATES,
    frame_bytes,
    silence,
    voices,
)
from devstack.acs_emulator.streams.sockets import AppSocket
from devstack.acs_emulator.wire.times import millisecond_time
from devstack.emulation.background import report_failure

# How long it takes to say a word.
WORD_SECONDS = 0.4
# Documented: unmixed sound is that of the four people who speak most.
MOST_CHANNELS = 4
# How many keys may wait until they are sent.
MAX_KEYS_WAITING = 1000

_KEYS = {name: key for key, name in TONES.items()}

log = logging.getLogger(__name__)


class MediaStream:
    """People are silent, except when a test lets them say something: then a tone is heard.

    The texts of its events are recorded, or are in the tests of the SDK for Java.
    """

    name = "MediaStreaming"
    update_field = "mediaStreamingUpdate"
    no_connection = "initialWebSocketConnectionFailed"  # as users report it
    failure = STREAMING_FAILED
    resumed = "mediaStreamingStarted"  # [assumed]

    def __init__(self, connection: CallConnection, far_ends: FarEnds) -> None:
        self._subscription = connection.media_streaming
        self._call = connection.call
        self._app = connection
        self._far_ends = far_ends
        assert self._subscription.options is not None  # noqa: S101  else there is no stream
        self._options = self._subscription.options
        self._rate = SAMPLE_RATES[self._options.audio_format]
        self._frames_to_say: dict[str, int] = {}  # by raw id
        self._voices: dict[str, int] = {}  # by raw id
        self._keys: asyncio.Queue[dict[str, JsonValue]] = asyncio.Queue(MAX_KEYS_WAITING)
        # What inspection shows.
        self._sent = self._received_bytes = self._stops = self._refused = 0
        self.update_fields: dict[str, JsonValue] = {"contentType": "Audio"}

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
            "kind": "AudioMetadata",
            "audioMetadata": {
                "subscriptionId": self._subscription.id,
                "encoding": "PCM",
                "sampleRate": self._rate,
                "channels": 1,
                "length": frame_bytes(self._rate),
            },
        }

    async def send_all(self, socket: AppSocket) -> None:
        due = time.monotonic()
        while True:
            while not self._keys.empty():
                await socket.send(self._keys.get_nowait())
            for message in self._next_frames():
                await socket.send(message)
                self._sent += 1
            # Late sound is dropped, as in a call.
            due = max(due + self._far_ends.spec.frame_ms / 1000, time.monotonic())
            await asyncio.sleep(due - time.monotonic())

    def hear_key(self, raw_id: str, tone: str) -> None:
        """Somebody pressed a key."""
        if not self.is_active or not self._options.enable_dtmf_tones:
            return
        if self._keys.full():
            report_failure(f"{tone} of {raw_id} is one tone too many for the stream")
            return
        data = {"data": _KEYS[tone], "timestamp": _now(), "participantRawID": raw_id}
        self._keys.put_nowait({"kind": "DtmfData", "dtmfData": {**data}})

    def hear_speech(self, raw_id: str, speech: Speech) -> None:
        """Somebody says something; without words it is a sound as long as one."""
        if self.is_active:
            seconds = max(1, len(words_of(speech.text))) * WORD_SECONDS
            frames = math.ceil(seconds / FRAME_SECONDS)
            self._frames_to_say[raw_id] = self._frames_to_say.get(raw_id, 0) + frames

    def forget(self) -> None:
        self._frames_to_say.clear()
        while not self._keys.empty():
            self._keys.get_nowait()

    def receive(self, message: str | bytes, /) -> None:
        """Sound that the app plays into the call, or that it wants to stop.

        Documented for apps is the case of `Kind`, `AudioData` and `Data`; messages to apps begin
        with lower case. [assumed] Both are understood.
        """
        kind, data = _read(message)
        if not self._options.enable_bidirectional or kind is None:
            self._refused += 1
            log.warning("a message of the app to %s is not understood", self._subscription.id)
        elif kind == "stopaudio":
            self._stops += 1
        else:
            self._received_bytes += len(data)

    def for_inspection(self) -> dict[str, JsonValue]:
        return {
            "framesSent": self._sent,
            "bytesReceived": self._received_bytes,
            "stopAudio": self._stops,
            "notUnderstood": self._refused,
        }

    def _next_frames(self) -> list[dict[str, JsonValue]]:
        """The next 20 ms, in one frame or in one for each person."""
        speaking = [raw_id for raw_id in sorted(self._frames_to_say) if self._is_heard(raw_id)]
        self._frames_to_say = {
            raw_id: left - 1 for raw_id, left in self._frames_to_say.items() if left > 1
        }
        if self._options.audio_channel_type == "mixed":
            return [self._frame(speaking, None)]
        others = sorted(self._call.people() - set(speaking))
        return [
            self._frame([raw_id] if raw_id in speaking else [], raw_id)
            for raw_id in [*speaking, *others][:MOST_CHANNELS]
        ]

    def _is_heard(self, raw_id: str) -> bool:
        """Whether they are heard when they speak."""
        person = self._call.participants.get(raw_id)
        return person is not None and not person.is_muted and not person.is_on_hold

    def _frame(self, speaking: list[str], raw_id: str | None) -> dict[str, JsonValue]:
        numbers = [self._voices.setdefault(one, len(self._voices)) for one in speaking]
        sound = voices(self._rate, numbers) if numbers else silence(self._rate)
        data: dict[str, JsonValue] = {
            "timestamp": _now(),
            "data": base64.b64encode(sound).decode(),
            "silent": not numbers,
        }
        if raw_id is not None:
            data["participantRawID"] = raw_id
        return {"kind": "AudioData", "audioData": data}


def _read(message: str | bytes) -> tuple[str | None, bytes]:
    """The kind of an app's message in lower case, with its sound; None: it is no valid message."""
    try:
        content = _lower(json.loads(message))
        kind = str(content["kind"]).lower()
        if kind == "stopaudio":
            return kind, b""
        if kind != "audiodata":
            return None, b""
        data = _lower(content["audiodata"])["data"]
        sound = base64.b64decode(str(data), validate=True)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None, b""
    # 16-bit samples: half a sample is no sound.
    return (kind, sound) if len(sound) % 2 == 0 else (None, b"")


def _lower(content: Any) -> dict[str, Any]:
    return {name.lower(): value for name, value in content.items()}


def _now() -> str:
    return millisecond_time(time.time_ns())
