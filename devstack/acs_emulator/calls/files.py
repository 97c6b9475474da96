"""The files that apps play: whether they can be fetched, and are in a format that ACS plays."""

import io
import wave
from http import HTTPStatus

import aiohttp

from devstack.acs_emulator.calls.results import BAD_FORMAT, NOT_DOWNLOADABLE, ResultInformation

ANSWER_SECONDS = 5  # [assumed]
# Enough for everything before the sound. More is not read.
HEAD_BYTES = 4096
# What clients hear of a file: eight minutes of WAV. The rest is cut off.
MAX_FILE_BYTES = 16 * 1024 * 1024
# Documented: WAV is mono, 16 bits, 16 kHz; an MP3 file begins with an ID3v2 tag.
WAV_FORMAT = (1, 2, 16_000)
MP3_TAG = b"ID3"


class AudioFiles:
    """Fetches files, as ACS does, by the proxies that the environment names.

    Args:
        are_fetched: else every file is taken for a good one.
    """

    def __init__(self, *, are_fetched: bool) -> None:
        self._are_fetched = are_fetched
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        if self._are_fetched:
            timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
            self._session = aiohttp.ClientSession(timeout=timeout, trust_env=True)

    async def stop(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def error_of(self, url: str) -> ResultInformation | None:
        """Why a file cannot be played, or None."""
        if self._session is None:
            return None
        try:
            async with self._session.get(url) as answer:
                if answer.status != HTTPStatus.OK:
                    return NOT_DOWNLOADABLE
                head = await _beginning(answer.content, HEAD_BYTES)
        except (aiohttp.ClientError, OSError, ValueError):  # a time that is over is an OSError, too
            return NOT_DOWNLOADABLE
        return None if _is_playable(head) else BAD_FORMAT

    async def content(self, url: str) -> bytes | None:
        """The whole file, or None: it is not, or cannot be, fetched. A long one is cut off."""
        if self._session is None:
            return None
        try:
            async with self._session.get(url) as answer:
                if answer.status != HTTPStatus.OK:
                    return None
                return await _beginning(answer.content, MAX_FILE_BYTES)
        except (aiohttp.ClientError, OSError, ValueError):
            return None


async def _beginning(content: aiohttp.StreamReader, limit: int) -> bytes:
    beginning = bytearray()
    while len(beginning) < limit and (part := await content.read(limit - len(beginning))):
        beginning += part
    return bytes(beginning)


def _is_playable(head: bytes) -> bool:
    if head.startswith(MP3_TAG):
        return True
    try:
        with wave.open(io.BytesIO(head)) as file:
            return (file.getnchannels(), file.getsampwidth(), file.getframerate()) == WAV_FORMAT
    except (wave.Error, EOFError):
        return False
