"""Reads Graph's answers about online meetings; for `shared.meetings.graph`."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AliasChoices, AwareDatetime, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


@dataclass(frozen=True)
class OnlineMeeting:
    """A Teams meeting as Graph describes it.

    Attributes:
        link: the URL by which people and the Calling SDK join. A capability, like the passcode.
        lobby: who need not wait in the lobby: a `lobbyBypassSettings.scope`.
        presenters_admit: whether presenters may admit people from the lobby.
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
    """Read one meeting; raises pydantic's ValidationError if the answer is none."""
    return _online_meeting(_Meeting.model_validate_json(answer))


def read_first_meeting(answer: bytes) -> OnlineMeeting | None:
    """Read the first meeting of a list, None if it is empty; raises as `read_meeting`."""
    meetings = _MeetingList.model_validate_json(answer).value
    return _online_meeting(meetings[0]) if meetings else None


class _GraphModel(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)


class _JoinMeetingId(_GraphModel):
    join_meeting_id: str | None = None
    passcode: str | None = None


class _Lobby(_GraphModel):
    scope: str | None = None


class _AudioConferencing(_GraphModel):
    toll_number: str | None = None
    toll_free_number: str | None = None
    conference_id: Annotated[
        str | None, Field(validation_alias=AliasChoices("conferenceId", "ConferenceId"))
    ] = None


class _Meeting(_GraphModel):
    """The fields of Graph's `onlineMeeting` that we read; old meetings lack many of them."""

    id: str
    join_web_url: str
    subject: str | None = None
    start_date_time: AwareDatetime | None = None
    end_date_time: AwareDatetime | None = None
    join_meeting_id_settings: _JoinMeetingId | None = None
    lobby_bypass_settings: _Lobby | None = None
    allowed_lobby_admitters: str | None = None
    audio_conferencing: _AudioConferencing | None = None


class _MeetingList(_GraphModel):
    value: list[_Meeting]


def _online_meeting(meeting: _Meeting) -> OnlineMeeting:
    by_id = meeting.join_meeting_id_settings or _JoinMeetingId()
    by_phone = meeting.audio_conferencing or _AudioConferencing()
    lobby = meeting.lobby_bypass_settings or _Lobby()
    return OnlineMeeting(
        id=meeting.id,
        link=meeting.join_web_url,
        subject=meeting.subject,
        starts_at=meeting.start_date_time and meeting.start_date_time.astimezone(UTC),
        ends_at=meeting.end_date_time and meeting.end_date_time.astimezone(UTC),
        lobby=lobby.scope,
        presenters_admit=meeting.allowed_lobby_admitters != "organizerAndCoOrganizers",
        meeting_id=by_id.join_meeting_id,
        passcode=by_id.passcode,
        toll_number=by_phone.toll_number,
        toll_free_number=by_phone.toll_free_number,
        conference_id=by_phone.conference_id,
    )
