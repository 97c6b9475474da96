"""The options of a new connection for its streams: the sound of the call, and its transcription."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator

from devstack.acs_emulator.calls.parts import Part
from devstack.acs_emulator.wire.webhooks import checked_socket_url

type SocketUrl = Annotated[str, AfterValidator(checked_socket_url)]


def has_region(locale: str) -> bool:
    """Documented: only locales with a region, such as `en-US`, are transcribed."""
    return re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]+)+", locale, re.ASCII) is not None


class MediaStreamingOptions(Part):
    """Without `transport_url`, nothing can be started. The defaults are documented."""

    transport_type: Literal["websocket"]
    audio_channel_type: Literal["mixed", "unmixed"]
    transport_url: SocketUrl | None = None
    content_type: Literal["audio"] = "audio"
    start_media_streaming: bool = False
    enable_bidirectional: bool = False
    audio_format: Literal["pcm16KMono", "pcm24KMono"] = "pcm16KMono"
    enable_dtmf_tones: bool = False


class TranscriptionOptions(Part):
    """Without `transport_url`, nothing can be started. A custom model changes nothing here: the
    test sets the recognized text."""

    transport_type: Literal["websocket"]
    locale: str
    transport_url: SocketUrl | None = None
    start_transcription: bool = False
    enable_intermediate_results: bool = False
