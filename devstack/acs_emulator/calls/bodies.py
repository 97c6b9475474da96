"""The bodies that clients of Call Automation send. A body is checked as a whole before anything is
changed.

[assumed] Unknown fields are ignored, a null is the same as no field, and the first mistake is
answered in the form that people report for callback addresses.
"""

import json
from typing import Annotated, Literal
from urllib.parse import urlsplit

from aiohttp import web
from pydantic import AfterValidator, BeforeValidator, Field, ValidationError

from devstack.acs_emulator.calls.answers import bad_request, invalid_field, not_emulated
from devstack.acs_emulator.calls.parts import Part
from devstack.acs_emulator.calls.streaming_options import (
    MediaStreamingOptions,
    TranscriptionOptions,
)
from devstack.acs_emulator.wire.answers import unsupported_media_type
from devstack.acs_emulator.wire.identifiers import (
    PUBLIC_CLOUD,
    TEAMS_APP,
    checked_number,
    raw_id_of,
)
from devstack.acs_emulator.wire.webhooks import checked_webhook_url
from devstack.guids import normal_guid

# Documented.
MAX_INVITATION_SECONDS = 180
MAX_SILENCE_SECONDS = 300
MAX_TONE_GAP_SECONDS = 60
DEFAULT_SILENCE_SECONDS = 5
DEFAULT_TONE_GAP_SECONDS = 2

_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
# The keys of a telephone, and the names of their tones.
TONES = {
    **{str(digit): name for digit, name in enumerate(_DIGITS)},
    **{letter: letter.lower() for letter in "ABCD"},
    "#": "pound",
    "*": "asterisk",
}

# What requests may ask for that is not emulated, by the way to the field.
NOT_EMULATED_FIELDS = {
    ("customCallingContext", "teamsPhoneCallDetails"): "details of Teams phone calls",
}


def _https(url: str) -> str:
    if urlsplit(url).scheme != "https" or not urlsplit(url).hostname:
        raise ValueError("is no https URL")
    return url


def _web_address(url: str) -> str:
    if urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname:
        raise ValueError("is no absolute URL")
    return url


def _number(given: object) -> object:
    match given:
        case {"value": str(number)}:
            return checked_number(number)
    raise ValueError("has no value")


def _user(given: object) -> object:
    match given:
        case {"id": str(user)}:
            return raw_id_of({"communicationUser": {"id": user}})
    raise ValueError("has no id")


type RawId = Annotated[str, BeforeValidator(raw_id_of)]
type PhoneNumber = Annotated[str, BeforeValidator(_number)]
type User = Annotated[str, BeforeValidator(_user)]
type CallbackUrl = Annotated[str, AfterValidator(checked_webhook_url)]
type Tone = Literal[
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
    "a", "b", "c", "d", "pound", "asterisk",
]  # fmt: skip


class CallIntelligenceOptions(Part):
    cognitive_services_endpoint: Annotated[str, AfterValidator(_https)] | None = None


class NewConnection(Part):
    """The common fields of createCall, answer and connect."""

    callback_uri: CallbackUrl
    operation_context: str | None = None
    call_intelligence_options: CallIntelligenceOptions = CallIntelligenceOptions()
    media_streaming_options: MediaStreamingOptions | None = None
    transcription_options: TranscriptionOptions | None = None

    @property
    def speech_endpoint(self) -> str | None:
        return self.call_intelligence_options.cognitive_services_endpoint


class TeamsAppSource(Part):
    """The resource account as which a call is placed."""

    app_id: Annotated[str, AfterValidator(normal_guid)]
    cloud: str = PUBLIC_CLOUD


class CreateCall(NewConnection):
    targets: Annotated[list[RawId], Field(min_length=1)]
    source_caller_id_number: PhoneNumber | None = None
    source_display_name: str | None = None
    source: User | None = None
    teams_app_source: TeamsAppSource | None = None

    @property
    def teams_account(self) -> str | None:
        return self.teams_app_source.app_id if self.teams_app_source is not None else None

    @property
    def source_raw_id(self) -> str | None:
        """[assumed] The account is the app's participant."""
        return TEAMS_APP + self.teams_account if self.teams_account is not None else self.source


class AnswerCall(NewConnection):
    incoming_call_context: str
    answered_by: User | None = None


class CallLocator(Part):
    kind: str | None = None
    group_call_id: Annotated[str, AfterValidator(normal_guid)] | None = None
    server_call_id: str | None = None
    room_id: str | None = None


class ConnectCall(NewConnection):
    call_locator: CallLocator


class RedirectCall(Part):
    incoming_call_context: str
    target: RawId


class RejectCall(Part):
    incoming_call_context: str
    call_reject_reason: Literal["none", "busy", "forbidden"] = "none"


class Operation(Part):
    """The common fields of operations within a call."""

    operation_context: str | None = None
    operation_callback_uri: CallbackUrl | None = None


class CustomCallingContext(Part):
    """What the event of an incoming call tells about it."""

    voip_headers: dict[str, str] = Field(default_factory=dict)
    sip_headers: dict[str, str] = Field(default_factory=dict)


class AddParticipant(Operation):
    participant_to_add: RawId
    source_caller_id_number: PhoneNumber | None = None
    source_display_name: str | None = None
    invitation_timeout_in_seconds: Annotated[int, Field(ge=0, le=MAX_INVITATION_SECONDS)] | None = (
        None
    )
    custom_calling_context: CustomCallingContext = CustomCallingContext()


class TransferToParticipant(Operation):
    """Without `transferee`, the only other participant is transferred."""

    target_participant: RawId
    transferee: RawId | None = None
    source_caller_id_number: PhoneNumber | None = None
    custom_calling_context: CustomCallingContext = CustomCallingContext()


class RemoveParticipant(Operation):
    participant_to_remove: RawId


class MuteParticipants(Operation):
    target_participants: Annotated[list[RawId], Field(min_length=1)]


class CancelAddParticipant(Operation):
    invitation_id: str


class FileSource(Part):
    uri: Annotated[str, AfterValidator(_web_address)]


class TextSource(Part):
    text: Annotated[str, Field(min_length=1)]
    source_locale: str | None = None


class SsmlSource(Part):
    ssml_text: Annotated[str, Field(min_length=1)]


class PlaySource(Part):
    kind: Literal["file", "text", "ssml"]
    file: FileSource | None = None
    text: TextSource | None = None
    ssml: SsmlSource | None = None

    @property
    def is_spoken(self) -> bool:
        return self.kind != "file"

    @property
    def is_whole(self) -> bool:
        """It has the source of its kind."""
        return getattr(self, self.kind) is not None


class PlayOptions(Part):
    loop: bool = False


class Play(Operation):
    play_sources: Annotated[list[PlaySource], Field(min_length=1)]
    play_to: list[RawId] = Field(default_factory=list)
    play_options: PlayOptions = PlayOptions()
    interrupt_call_media_operation: bool = False


class DtmfOptions(Part):
    inter_tone_timeout_in_seconds: Annotated[int, Field(ge=1, le=MAX_TONE_GAP_SECONDS)] = (
        DEFAULT_TONE_GAP_SECONDS
    )
    max_tones_to_collect: Annotated[int, Field(ge=1)] | None = None
    stop_tones: list[Tone] = Field(default_factory=list)


class Choice(Part):
    label: Annotated[str, Field(min_length=1)]
    phrases: Annotated[list[str], Field(min_length=1)]
    tone: Tone | None = None


class RecognizeOptions(Part):
    target_participant: RawId
    interrupt_prompt: bool = False
    initial_silence_timeout_in_seconds: Annotated[int, Field(ge=0, le=MAX_SILENCE_SECONDS)] = (
        DEFAULT_SILENCE_SECONDS
    )
    dtmf_options: DtmfOptions = DtmfOptions()
    choices: list[Choice] = Field(default_factory=list)


class Recognize(Operation):
    recognize_input_type: Literal["dtmf", "speech", "speechOrDtmf", "choices"]
    recognize_options: RecognizeOptions
    play_prompt: PlaySource | None = None
    play_prompts: list[PlaySource] = Field(default_factory=list)
    interrupt_call_media_operation: bool = False

    @property
    def hears_tones(self) -> bool:
        return self.recognize_input_type != "speech"

    @property
    def hears_speech(self) -> bool:
        return self.recognize_input_type != "dtmf"

    @property
    def prompts(self) -> list[PlaySource]:
        return [*([self.play_prompt] if self.play_prompt else []), *self.play_prompts]


class ContinuousDtmf(Operation):
    target_participant: RawId


class Hold(Operation):
    target_participant: RawId
    play_source_info: PlaySource | None = None


class Unhold(Operation):
    target_participant: RawId


class SendDtmf(Operation):
    target_participant: RawId
    tones: Annotated[list[Tone], Field(min_length=1)]


async def read_body[B: Part](request: web.Request, kind: type[B]) -> B:
    """The body as `kind`.

    Raises:
        AcsError: with the first mistake, or 501 with the name of what is not emulated.
    """
    raw = await request.read()
    if raw and request.content_type != "application/json":
        raise unsupported_media_type()
    try:
        content = json.loads(raw or b"{}")
        json.dumps(content, ensure_ascii=False).encode()  # .NET refuses lone surrogates
        given = _without_nulls(content)
        _refuse_not_emulated(given)
        return kind.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        if not first["loc"]:
            raise bad_request("The request body must be a JSON object.") from None
        where = ".".join(str(step) for step in first["loc"])
        why = f"{where}: {first['msg'].removeprefix('Value error, ')}"
        raise invalid_field(str(first["loc"][0]), f"({why})") from None
    except (ValueError, RecursionError):
        raise bad_request("The request body is not valid JSON.") from None


def _refuse_not_emulated(content: object) -> None:
    """A client must not believe that it gets what is never sent."""
    for path, feature in NOT_EMULATED_FIELDS.items():
        part = content
        for name in path:
            part = part.get(name) if isinstance(part, dict) else None
        if part is not None:
            raise not_emulated(feature)


def _without_nulls(value: object) -> object:
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    if isinstance(value, dict):
        return {name: _without_nulls(item) for name, item in value.items() if item is not None}
    return value
