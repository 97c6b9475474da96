"""The body of the request that starts a recording, and what the recorded file will be."""

from typing import Annotated, Literal

from pydantic import Field, JsonValue

from devstack.acs_emulator.calls.answers import invalid_field, not_emulated
from devstack.acs_emulator.calls.bodies import CallbackUrl, CallLocator
from devstack.acs_emulator.calls.parts import Part

type ContentType = Literal["audio", "audioVideo"]
type ChannelType = Literal["mixed", "unmixed"]
type FormatType = Literal["wav", "mp3", "mp4"]

# Documented: "Call Recording overview", supported formats. Without any of the three fields, it is
# the first.
COMBINATIONS: tuple[tuple[ContentType, ChannelType, FormatType], ...] = (
    ("audioVideo", "mixed", "mp4"),
    ("audio", "mixed", "mp3"),
    ("audio", "mixed", "wav"),
    ("audio", "unmixed", "wav"),
)


class ChannelAffinity(Part):
    """Microsoft's own tests name a participant who is not in the call, by an id that is not
    valid."""

    channel: Annotated[int, Field(ge=0, le=4)] | None = None
    participant: dict[str, JsonValue]


class ExternalStorage(Part):
    recording_storage_kind: Literal["azureCommunicationServices", "azureBlobStorage"]
    recording_destination_container_url: str | None = None


class StartRecording(Part):
    """It names the call by a locator, or by one of the app's connections."""

    call_locator: CallLocator | None = None
    call_connection_id: str | None = None
    recording_state_callback_uri: CallbackUrl | None = None
    recording_content_type: ContentType | None = None
    recording_channel_type: ChannelType | None = None
    recording_format_type: FormatType | None = None
    audio_channel_participant_ordering: list[dict[str, JsonValue]] = Field(default_factory=list)
    channel_affinity: list[ChannelAffinity] = Field(default_factory=list)
    pause_on_start: bool = False
    external_storage: ExternalStorage | None = None

    def media(self) -> tuple[ContentType, ChannelType, FormatType]:
        """What is recorded: the first documented combination that has all of the given fields.

        Raises:
            AcsError: there is no such combination, or the storage is not emulated.
        """
        storage = self.external_storage
        if storage is not None and storage.recording_storage_kind == "azureBlobStorage":
            raise not_emulated("recording to Azure Blob Storage")
        given = (
            self.recording_content_type,
            self.recording_channel_type,
            self.recording_format_type,
        )
        for combination in COMBINATIONS:
            if all(one in (None, whole) for one, whole in zip(given, combination, strict=True)):
                return combination
        why = "There is no such combination of content, channel and format."  # [assumed]
        raise invalid_field("recordingFormatType", why)
