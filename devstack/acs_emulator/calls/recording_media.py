"""The content of the files of recordings: silence, as long as the recording, and the metadata.

Nobody speaks in the emulator, so the media are silent; each is valid in its format.
"""

import struct
from datetime import UTC, datetime

from pydantic import JsonValue

from devstack.acs_emulator.calls.recording_bodies import FormatType

# Documented: mixed audio is of 16 kHz; in the recorded metadata it has one channel and 128 kbit/s.
SAMPLE_RATE = 16_000
BYTES_PER_SAMPLE = 2
# A longer file would only cost memory; `recordingDurationMs` is right all the same.
MAX_SECONDS = 60

# A frame of MPEG-2 layer III: no CRC, 32 kbit/s, 16 kHz, mono. Its side information of nothing but
# zeros means silence.
_MP3_HEADER = bytes((0xFF, 0xF3, 0x48, 0xC4))
_MP3_FRAME_BYTES = 144
_MP3_FRAME_MS = 36


def media(format_: FormatType, channels: int, duration_ms: int) -> bytes:
    """The content of a file."""
    milliseconds = min(duration_ms, MAX_SECONDS * 1000)
    match format_:
        case "wav":
            return _wav(channels, milliseconds)
        case "mp3":
            frame = _MP3_HEADER + bytes(_MP3_FRAME_BYTES - len(_MP3_HEADER))
            return frame * (milliseconds // _MP3_FRAME_MS + 1)
        case "mp4":
            return _mp4(milliseconds)


def _wav(channels: int, milliseconds: int) -> bytes:
    block = channels * BYTES_PER_SAMPLE
    samples = bytes(SAMPLE_RATE * milliseconds // 1000 * block)
    format_ = struct.pack(
        "<4sIHHIIHH", b"fmt ", 16, 1, channels, SAMPLE_RATE, SAMPLE_RATE * block, block,
        BYTES_PER_SAMPLE * 8,
    )  # fmt: skip
    data = struct.pack("<4sI", b"data", len(samples)) + samples
    return struct.pack("<4sI4s", b"RIFF", 4 + len(format_) + len(data), b"WAVE") + format_ + data


def _mp4(milliseconds: int) -> bytes:
    """A movie without tracks, of that duration."""
    identity = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
    times = struct.pack(">5I", 0, 0, 0, 1000, milliseconds)
    rate_and_volume = struct.pack(">IHH2I", 0x10000, 0x100, 0, 0, 0)
    header = times + rate_and_volume + identity + bytes(24) + struct.pack(">I", 1)
    brands = b"isom" + struct.pack(">I", 0x200) + b"isomiso2mp41"
    return _box(b"ftyp", brands) + _box(b"moov", _box(b"mvhd", header)) + _box(b"mdat", b"")


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def metadata(
    *,
    resource_id: str,
    call_id: str,
    document_id: str,
    started_at: float,
    duration_ms: int,
    pauses: list[tuple[float, float]],
    kinds: tuple[str, str, str],
    channels: int,
    participants: list[str],
) -> dict[str, JsonValue]:
    """The content of `acsmetadata`. Its fields are recorded.

    Args:
        started_at: seconds since 1970, and so are the times of the pauses.
        kinds: content, channel and format.
    """
    content, channel, format_ = kinds
    video: dict[str, JsonValue] = {
        "longerSideLength": 1920, "shorterSideLength": 1080, "framerate": 8, "bitRate": 1_000_000,
    }  # fmt: skip
    info: dict[str, JsonValue] = {
        "contentType": content,
        "channelType": channel,
        "format": format_,
        "audioConfiguration": {
            "sampleRate": SAMPLE_RATE, "bitRate": 128_000, "channels": channels,
        },
        **({"videoConfiguration": video} if content == "audioVideo" else {}),
    }  # fmt: skip
    return {
        "resourceId": resource_id,
        "callId": call_id,
        "chunkDocumentId": document_id,
        "chunkIndex": 0,
        "chunkStartTime": _time(started_at),
        "chunkDuration": float(duration_ms),
        "pauseResumeIntervals": [
            {"startTime": _time(begin), "duration": round((end - begin) * 1000)}
            for begin, end in pauses
        ],
        "recordingInfo": info,
        "participants": [{"participantId": raw_id} for raw_id in participants],
    }


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
