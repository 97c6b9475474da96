"""The bodies that clients send. A body is checked as a whole before anything is changed.

[assumed] A property that does not exist or cannot be set is refused, because it is not known what
Graph tolerates. Only createOrGet ignores such properties, as Graph is known to do.
"""

import json
from typing import Annotated, Literal, Self

from aiohttp import web
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from devstack.graph_emulator.answers import bad_body
from devstack.graph_emulator.times import read_time


def _read_given_time(text: object) -> int | None:
    return None if text is None else read_time(text)


type Time = Annotated[int | None, BeforeValidator(_read_given_time)]

LobbyScope = Literal[
    "organizer",
    "organization",
    "organizationAndFederated",
    "everyone",
    "invited",
    "organizationExcludingGuests",
]


class Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, alias_generator=to_camel)


class User(BaseModel):
    """The identity of a participant; other properties of Entra are not kept."""

    model_config = ConfigDict(strict=True, frozen=True)

    id: str | None = None


class IdentitySet(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)

    user: User = User()


class Attendee(Part):
    upn: str | None = None
    role: Literal["attendee", "presenter", "coorganizer"] | None = None
    identity: IdentitySet = IdentitySet()

    @model_validator(mode="after")
    def has_an_id(self) -> Self:
        if not self.upn and not self.identity.user.id:
            raise PydanticCustomError("graph", "an attendee has a upn, or identity.user.id")
        return self


class Participants(Part):
    """The organizer is the user in the path; the last two fields were for live events."""

    organizer: object = None
    attendees: list[Attendee] = Field(default_factory=list)
    producers: object = None
    contributors: object = None


class LobbyBypassSettings(Part):
    scope: LobbyScope = "organization"
    is_dial_in_bypass_enabled: bool = False


class MeetingOptions(Part):
    """What create and update can set, with the defaults of a meeting, most of them [assumed]."""

    allow_attendee_to_enable_camera: bool = True
    allow_attendee_to_enable_mic: bool = True
    allow_breakout_rooms: bool = True
    allowed_lobby_admitters: Literal[
        "organizerAndCoOrganizersAndPresenters", "organizerAndCoOrganizers"
    ] = "organizerAndCoOrganizersAndPresenters"
    allowed_presenters: Literal["everyone", "organization", "roleIsPresenter", "organizer"] = (
        "everyone"
    )
    allow_live_share: Literal["enabled", "disabled"] = "enabled"
    allow_meeting_chat: Literal["enabled", "disabled", "limited"] = "enabled"
    allow_power_point_sharing: bool = True
    allow_recording: bool = True
    allow_teamwork_reactions: bool = True
    allow_transcription: bool = True
    allow_whiteboard: bool = True
    is_entry_exit_announced: bool = True
    lobby_bypass_settings: LobbyBypassSettings = LobbyBypassSettings()
    record_automatically: bool = False


class _Scheduled(Part):
    """[assumed] A null for a time or for the participants is the same as no such field."""

    subject: str | None = None
    start_date_time: Time = None
    end_date_time: Time = None
    participants: Participants | None = None

    @model_validator(mode="after")
    def ends_after_it_starts(self) -> Self:
        start, end = self.start_date_time, self.end_date_time
        if end is not None and start is None:
            raise PydanticCustomError("graph", "endDateTime needs a startDateTime")
        if start is not None and end is not None and end < start:
            raise PydanticCustomError("graph", "endDateTime is earlier than startDateTime")
        return self


class JoinMeetingIdSettings(Part):
    """The id and the passcode are chosen by Graph."""

    is_passcode_required: bool


class _Detailed(_Scheduled, MeetingOptions):
    @model_validator(mode="after")
    def names_presenters(self) -> Self:
        """If only presenters may present, the same request has to name them."""
        attendees = self.participants.attendees if self.participants else []
        if self.allowed_presenters == "roleIsPresenter" and not any(
            attendee.role == "presenter" for attendee in attendees
        ):
            message = "allowedPresenters roleIsPresenter needs the attendees, with presenters"
            raise PydanticCustomError("graph", message)
        return self


class CreateBody(_Detailed):
    join_meeting_id_settings: JoinMeetingIdSettings | None = None
    external_id: object = None

    @property
    def passcode(self) -> bool | None:
        """Whether joining by id needs a passcode; None: the tenant decides."""
        given = self.join_meeting_id_settings
        return None if given is None else given.is_passcode_required

    @model_validator(mode="after")
    def has_no_external_id(self) -> Self:
        if "external_id" in self.model_fields_set:
            raise PydanticCustomError("graph", "externalId is for createOrGet only")
        return self


class CreateOrGetBody(_Scheduled):
    model_config = ConfigDict(extra="ignore")

    external_id: Annotated[str, Field(min_length=1)]


class UpdateBody(_Detailed):
    @model_validator(mode="before")
    @classmethod
    def changes_nothing_fixed(cls, given: JsonValue) -> JsonValue:
        match given:
            case {"joinMeetingIdSettings": _}:
                raise PydanticCustomError("graph", "joinMeetingIdSettings cannot be changed")
            case {"participants": {"organizer": _}}:
                raise PydanticCustomError("graph", "the organizer cannot be changed")
        return given

    @model_validator(mode="after")
    def changes_both_times(self) -> Self:
        if (self.start_date_time is None) != (self.end_date_time is None):
            raise PydanticCustomError("graph", "startDateTime and endDateTime go together")
        return self


async def read_body[B: BaseModel](request: web.Request, kind: type[B]) -> B:
    """The body as `kind`, without its OData annotations.

    Raises:
        GraphError: with the first mistake; Graph reports only one.
    """
    raw = await request.read()
    if not raw:
        raise bad_body("Empty Payload. JSON content expected.")  # recorded
    if request.content_type != "application/json":
        raise bad_body("The Content-Type of the request must be application/json.")
    try:
        content = json.loads(raw)
        json.dumps(content, ensure_ascii=False).encode()  # .NET refuses lone surrogates
        return kind.model_validate(without_annotations(content))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(step) for step in first["loc"])
        raise bad_body(f"{where}: {first['msg']}" if where else first["msg"]) from error
    except (ValueError, RecursionError):
        raise bad_body("Unable to read JSON request payload.") from None


def without_annotations(value: JsonValue) -> JsonValue:
    if isinstance(value, list):
        return [without_annotations(item) for item in value]
    if isinstance(value, dict):
        return {k: without_annotations(v) for k, v in value.items() if "@odata." not in k}
    return value
