"""The sounds that apps play to windows: files, which pages get from here, and text, which browsers
speak."""

import io
import re
import secrets
import wave
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from pydantic import JsonValue

from devstack.acs_emulator.calling.lengths import TONE_RATE, file_seconds, spoken_seconds
from devstack.acs_emulator.calling.seats import Seat, Seats
from devstack.acs_emulator.calls.bodies import PlaySource
from devstack.acs_emulator.calls.connections import Call
from devstack.acs_emulator.calls.files import AudioFiles
from devstack.acs_emulator.streams.audio import FRAME_SECONDS, voices

FILES_PATH = "/_emulator/calling/files"
MAX_FILES = 20
# The sound in place of a file that is not fetched: the emulator fetches none without --fetch-files.
TONE_SECONDS = 1.0


class Sounds:
    def __init__(self, seats: Seats, files: AudioFiles) -> None:
        self._seats = seats
        self._files = files
        self._served: OrderedDict[str, bytes] = OrderedDict()

    def file(self, file_id: str) -> bytes | None:
        """A file that was played not long ago."""
        return self._served.get(file_id)

    @asynccontextmanager
    async def playing(
        self, call: Call, listeners: Sequence[str], source: PlaySource
    ) -> AsyncIterator[float | None]:
        """Play a source to the windows in a call; see `Clients.playing`."""
        hearing = self._hearing(call, listeners)
        if not hearing:
            yield None
            return
        fields, seconds = await self._described(source)
        play = secrets.token_hex(8)
        for seat in hearing:
            length = {"ms": round(seconds * 1000)}
            seat.window.send("play", play=play, state="started", **fields, **length)
        try:
            yield seconds
        finally:
            for seat in hearing:
                seat.window.send("play", play=play, state="ended")

    def _hearing(self, call: Call, listeners: Sequence[str]) -> list[Seat]:
        return [
            seat
            for seat in self._seats.connected(call)
            if (not listeners or seat.user in listeners)
            and not call.participants[seat.user].is_on_hold
        ]

    async def _described(self, source: PlaySource) -> tuple[dict[str, JsonValue], float]:
        if source.file is not None:
            content = await self._files.content(source.file.uri) or _tone()
            file_id = secrets.token_urlsafe(16)
            self._served[file_id] = content
            while len(self._served) > MAX_FILES:
                self._served.popitem(last=False)
            return {"source": "file", "url": f"{FILES_PATH}/{file_id}"}, file_seconds(content)
        text = source.text.text if source.text else ""
        if source.ssml is not None:
            text = re.sub(r"<[^>]*>", " ", source.ssml.ssml_text).strip()
        locale = source.text.source_locale if source.text else None
        return {"source": "text", "text": text, "locale": locale}, spoken_seconds(text)


def _tone() -> bytes:
    sound = io.BytesIO()
    with wave.open(sound, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(TONE_RATE)
        file.writeframes(voices(TONE_RATE, [0]) * round(TONE_SECONDS / FRAME_SECONDS))
    return sound.getvalue()
