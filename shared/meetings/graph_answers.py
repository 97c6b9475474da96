"""What Graph answers about online meetings, read; for `shared.meetings.graph`."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AliasChoices, AwareDatetime, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


@dataclass(frozen=True)
class OnlineMeeting:
    """A Teams meeting as Graph tells it.

    Attributes:
        link: what people, and the Calling SDK, join by. A capability, like the passcode.
        lobby: who need not wait: a `lobbyBypassSettings.scope`.
        presenters_admit: whether presenters may let in who waits.
    """

    id: str
    link: str = field(repr=False)
    subject: str | None
    starts_at: datetime | None
    ends_at: datetime | None
    lobby: str | None
    presenters_admit: bool
    meeting_id: str | None
    passcode: str | None = field(repr=False)
    toll_number: str | None = field(repr=False)
    toll_free_number: str | None = field(repr=False)
    conference_id: str | None = field(repr=False)


def read_meeting(answer: bytes) -> OnlineMeeting:
    """One meeting; raises pydantic's ValidationError where it is none."""
    return _online_meeting(_Meeting.model_validate_json(answer))


def read_found(answer: bytes) -> OnlineMeeting | None:
    """The first of those that were found; raises as `read_meeting`."""
    found = _Found.model_validate_json(answer).value
    return _online_meeting(found[0]) if found else None


class _Part(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)


class _JoinMeetingId(_Part):
    join_meeting_id: str | None = None
    passcode: str | None = None


class _Lobby(_Part):
    scope: str | None = None


class _AudioConferencing(_Part):
    toll_number: str | None = None
    toll_free_number: str | None = None
    conference_id: Annotated[
        str | None, Field(validation_alias=AliasChoices("conferenceId", "ConferenceId"))
    ] = None


class _Meeting(_Part):
    """What we read of Graph's `onlineMeeting`; old meetings lack much of it."""

    id: str
    join_web_url: str
    subject: str | None = None
    start_date_time: AwareDatetime | None = None
    end_date_time: AwareDatetime | None = None
    join_meeting_id_settings: _JoinMeetingId | None = None
    lobby_bypass_settings: _Lobby | None = None
    allowed_lobby_admitters: str | None = None
    audio_conferencing: _AudioConferencing | None = None


class _Found(_Part):
    value: list[_Meeting]


def _online_meeting(read: _Meeting) -> OnlineMeeting:
    by_id = read.join_meeting_id_settings or _JoinMeetingId()
    by_phone = read.audio_conferencing or _AudioConferencing()
    lobby = read.lobby_bypass_settings or _Lobby()
    return OnlineMeeting(
        id=read.id,
        link=read.join_web_url,
        subject=read.subject,
        starts_at=read.start_date_time and read.start_date_time.astimezone(UTC),
        ends_at=read.end_date_time and read.end_date_time.astimezone(UTC),
        lobby=lobby.scope,
        presenters_admit=read.allowed_lobby_admitters != "organizerAndCoOrganizers",
        meeting_id=by_id.join_meeting_id,
        passcode=by_id.passcode,
        toll_number=by_phone.toll_number,
        toll_free_number=by_phone.toll_free_number,
        conference_id=by_phone.conference_id,
    )
