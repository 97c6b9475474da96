"""How long a sound lasts, which is how long an app waits for the end of what it plays."""

import io
import wave

from devstack.acs_emulator.calls.speech import words_of

WORD_SECONDS = 0.4  # as in streams
# For a file whose length cannot be read.
UNKNOWN_SECONDS = 1.0
TONE_RATE = 16_000

_ID3_HEADER = 10
_FRAME_HEADER = 4
# MPEG audio layer III, by ISO/IEC 11172-3 and 13818-3; a version is 3 (MPEG 1), 2, or 0 (2.5).
_SYNC, _LAYER_III = 0x7FF, 1
_SLOW = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_FAST = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_BIT_RATES = {3: _FAST, 2: _SLOW, 0: _SLOW}  # kbit/s
_SAMPLES = {3: 1152, 2: 576, 0: 576}  # of a frame
_SAMPLE_RATES = {
    3: (44_100, 48_000, 32_000),
    2: (22_050, 24_000, 16_000),
    0: (11_025, 12_000, 8_000),
}


def spoken_seconds(text: str) -> float:
    return max(1, len(words_of(text))) * WORD_SECONDS


def file_seconds(content: bytes) -> float:
    """The length of a WAV or MP3 file."""
    try:
        with wave.open(io.BytesIO(content)) as file:
            return float(file.getnframes() / file.getframerate())
    except (wave.Error, EOFError, ZeroDivisionError):
        return _mp3_seconds(content) or UNKNOWN_SECONDS


def _mp3_seconds(content: bytes) -> float:
    """The sum of the frames after the tag; 0 if there is none."""
    position, seconds = _after_tag(content), 0.0
    while frame := _frame(content[position : position + _FRAME_HEADER]):
        length, duration = frame
        position += length
        seconds += duration
    return seconds


def _frame(header: bytes) -> tuple[int, float] | None:
    """The bytes and the seconds of a frame, or None: it is none of layer III."""
    bits = int.from_bytes(header)
    sync, version, layer = bits >> 21, bits >> 19 & 3, bits >> 17 & 3
    bit_rate, sample_rate, padding = bits >> 12 & 15, bits >> 10 & 3, bits >> 9 & 1
    if len(header) < _FRAME_HEADER or sync != _SYNC or layer != _LAYER_III:
        return None
    try:
        rate = _SAMPLE_RATES[version][sample_rate]
        bits_a_second = _BIT_RATES[version][bit_rate] * 1000
    except (KeyError, IndexError):  # reserved
        return None
    samples = _SAMPLES[version]
    length = samples // 8 * bits_a_second // rate + padding
    return (length, samples / rate) if bits_a_second else None


def _after_tag(content: bytes) -> int:
    if not content.startswith(b"ID3") or len(content) < _ID3_HEADER:
        return 0
    size = 0
    for byte in content[6:_ID3_HEADER]:  # seven bits in each
        size = size << 7 | byte & 0x7F
    return _ID3_HEADER + size
