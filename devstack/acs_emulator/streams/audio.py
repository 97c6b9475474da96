"""Sound as media streaming sends it: 16-bit PCM, mono, in frames of 20 ms, which is documented."""

import array
import math
import sys
from collections.abc import Sequence
from functools import lru_cache

FRAME_SECONDS = 0.02
# Documented for the formats of the API: 640 bytes a frame at 16 kHz, 960 at 24 kHz.
SAMPLE_RATES = {"pcm16KMono": 16_000, "pcm24KMono": 24_000}
# So that a frame has whole periods only, and one frame follows the other without a crack.
_STEP_HZ = round(1 / FRAME_SECONDS)
_FIRST_VOICE_HZ = 400
# Other voices sound like the first ones; it keeps the pitch below half of any sample rate.
_VOICES = 64
# So that the four loudest voices together stay within 16 bits.
_AMPLITUDE = 8_000


def frame_bytes(rate: int) -> int:
    return round(rate * FRAME_SECONDS) * 2


def silence(rate: int) -> bytes:
    """One frame in which nobody speaks."""
    return bytes(frame_bytes(rate))


def voices(rate: int, numbers: Sequence[int]) -> bytes:
    """One frame in which these voices sound at once; each has a pitch of its own.

    Args:
        numbers: whose voices; the same number always sounds the same.
    """
    mixed = array.array("h", silence(rate))
    for number in numbers:
        for index, sample in enumerate(_tone(rate, number % _VOICES)):
            mixed[index] = max(-32_768, min(32_767, mixed[index] + sample))
    return _little_endian(mixed)


@lru_cache(maxsize=2 * _VOICES)
def _tone(rate: int, number: int) -> array.array[int]:
    pitch = _FIRST_VOICE_HZ + _STEP_HZ * number
    samples = frame_bytes(rate) // 2
    return array.array(
        "h",
        (
            round(_AMPLITUDE * math.sin(2 * math.pi * pitch * index / rate))
            for index in range(samples)
        ),
    )


def _little_endian(samples: array.array[int]) -> bytes:
    if sys.byteorder == "big":
        samples.byteswap()
    return samples.tobytes()
