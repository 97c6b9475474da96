"""Bodies, queries and answers of shared calls, group calls in particular."""

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Self
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    Field,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from shared.bodies import VISIBLE_TEXT, Answer, Body, PersonId, Query, Timestamp, is_absent
from shared.sharing.join_details import JoinDetails
from shared.sharing.rows import LONGEST_TITLE, MOST_INVITEES, CallKind

if TYPE_CHECKING:  # a function folder imports this module, and must not load the rules with it
    from shared.sharing.audiences import Audience
    from shared.sharing.invitations import SharedCallView

_DATE = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ]")


# The words are the same for a time of years ago, which is refused before it is converted.
_DAY_AGO = "is over a day ago, the most that is allowed"
_OVER = "is over: it has to be in the future"


def _within_range(moment: datetime, info: ValidationInfo) -> datetime:
    """Accept a time that people may plan for, in UTC; then no sum of times overflows."""
    if moment > datetime.now(UTC) + timedelta(days=5 * 366):
        raise ValueError("is over five years away")
    if moment < datetime.now(UTC) - timedelta(days=366):
        raise ValueError(_OVER if info.field_name == "ends_at" else _DAY_AGO)
    return moment.astimezone(UTC)


def _rfc3339_text(moment: object) -> object:
    """Accept text that begins with a date; pydantic also takes a number, or its text, as a time."""
    if not isinstance(moment, str) or not _DATE.match(moment):
        raise ValueError("is not a time such as 2027-01-31T10:00:00Z")
    return moment


type EventTime = Annotated[
    AwareDatetime,
    Field(strict=False),
    BeforeValidator(_rfc3339_text),
    AfterValidator(_within_range),
]


def _is_true(value: bool) -> bool:
    if not value:
        raise ValueError("has to be true")
    return value


_TRUE = {"type": "boolean", "const": True}


class AudienceBody(Body):
    """The people with whom a call is shared."""

    alternatives = ("friends", "users", "space")

    # Not Literal[True]: 1 equals True, so it would be accepted.
    friends: Annotated[bool, AfterValidator(_is_true), WithJsonSchema(_TRUE)] | None = None
    users: Annotated[list[PersonId], Field(max_length=MOST_INVITEES)] | None = None
    space: Annotated[str, Field(max_length=256), VISIBLE_TEXT] | None = None

    def read(self) -> "Audience":
        from shared.sharing.audiences import Audience

        users = None if self.users is None else tuple(self.users)
        return Audience(bool(self.friends), users, self.space)


class SharingBody(Body):
    """Base of the bodies that share a call: when it is, and with whom it is shared."""

    # 350 ids of 256 characters are up to 1,050 KiB.
    max_bytes = 1100 * 1024

    starts_at: EventTime | None = None
    ends_at: EventTime | None = None
    audience: AudienceBody

    @field_validator("starts_at")
    @classmethod
    def _is_not_long_ago(cls, starts_at: datetime | None) -> datetime | None:
        if starts_at is not None and starts_at < datetime.now(UTC) - timedelta(days=1):
            raise ValueError(_DAY_AGO)
        return starts_at

    @field_validator("ends_at")
    @classmethod
    def _is_in_the_future(cls, ends_at: datetime | None, info: ValidationInfo) -> datetime | None:
        starts_at = info.data.get("starts_at")
        if ends_at is not None and starts_at is not None and ends_at <= starts_at:
            raise ValueError("is not after startsAt")
        if ends_at is not None and ends_at <= datetime.now(UTC):
            raise ValueError(_OVER)
        return ends_at


type Title = Annotated[str, Field(max_length=LONGEST_TITLE), VISIBLE_TEXT]


class GroupCallBody(SharingBody):
    group_id: UUID
    title: Title | None = None


class InvitationsQuery(Query):
    """Lists the caller's own invitations, or those of a space."""

    space: Annotated[str, Field(max_length=256), VISIBLE_TEXT] | None = None


class HostAnswer(Answer):
    id: str
    display_name: str | None


class ListedAnswer(Answer):
    """A call that the caller may open. A listing may be older than the call's record, so it does
    not say how to join."""

    id: str
    kind: CallKind
    title: str | None
    starts_at: Timestamp | None = Field(exclude_if=is_absent)
    ends_at: Timestamp | None = Field(exclude_if=is_absent)
    host: HostAnswer
    mine: bool


class LobbyAnswer(Answer):
    """Whether a guest, who joins a Teams meeting with an ACS identity, waits in the lobby.

    `waits` is null if Graph was not asked or did not say. Whatever it says, the administrators of
    Teams can forbid guests. `scope` is Graph's value for the people who need not wait, read at
    `checkedAt`.
    """

    waits: bool | None
    scope: str | None
    admitted_by: tuple[str, ...]
    policy_may_refuse: bool = True
    checked_at: Timestamp | None

    @classmethod
    def of(cls, details: JoinDetails) -> "LobbyAnswer":
        is_known = details.lobby is not None
        waits = details.lobby != "everyone" if is_known else None
        presenter = ("presenter",) if details.presenters_admit else ()
        return cls(
            waits=waits,
            scope=details.lobby,
            admitted_by=("organizer", "coOrganizer", *presenter),
            checked_at=details.checked_at if is_known else None,
        )


class DialInAnswer(Answer):
    toll_number: str | None
    toll_free_number: str | None
    conference_id: str | None

    @classmethod
    def of(cls, details: JoinDetails) -> "DialInAnswer | None":
        if not (details.toll_number or details.toll_free_number):
            return None
        return cls.model_validate(details, from_attributes=True)


class GroupLocator(Answer):
    """How to join a group call: an argument of the Calling SDK's `join`."""

    group_id: str


class MeetingLinkLocator(Answer):
    """How to join a Teams meeting by its link: an argument of the Calling SDK's `join`."""

    meeting_link: str


class MeetingIdLocator(Answer):
    """How to join a Teams meeting by its id: an argument of the Calling SDK's `join`."""

    meeting_id: str
    passcode: str | None = Field(exclude_if=is_absent)


class InvitationAnswer(ListedAnswer):
    """One call, with every way to join it: `locator`, and each of `alternatives`, is the argument
    of the Calling SDK's `join`. A group call has a `GroupLocator` and no alternatives."""

    locator: GroupLocator | MeetingLinkLocator
    alternatives: list[MeetingIdLocator]
    dial_in: DialInAnswer | None = Field(exclude_if=is_absent)
    lobby: LobbyAnswer | None = Field(exclude_if=is_absent)

    @classmethod
    def of(cls, shared: "SharedCallView") -> Self:
        details = shared.details
        ways_to_join = {
            "locator": dict(shared.content.locator),
            "alternatives": [] if details is None else _meeting_id_locators(details),
            "dial_in": None if details is None else DialInAnswer.of(details),
            "lobby": None if details is None else LobbyAnswer.of(details),
        }
        return cls.model_validate({**_listed_fields(shared), **ways_to_join})


class SharedAnswer(InvitationAnswer):
    """The answer to the owner. `invited` counts the invited people; it is 0 for a space."""

    invited: int = 0

    @classmethod
    def for_owner(cls, shared: "SharedCallView", invited: int) -> "SharedAnswer":
        return cls.of(shared).model_copy(update={"invited": invited})

    @property
    def path(self) -> str:
        return f"/api/invitations/{self.id}"


class InvitationsAnswer(Answer):
    invitations: list[ListedAnswer]

    @classmethod
    def of(cls, listed: "list[SharedCallView]") -> Self:
        return cls.model_validate({"invitations": list(map(_listed_fields, listed))})


def _listed_fields(shared: "SharedCallView") -> dict[str, Any]:
    content = shared.content
    return {
        "id": shared.call_id,
        "kind": content.kind,
        "title": content.title,
        "starts_at": content.starts_at,
        "ends_at": content.ends_at,
        "host": {"id": content.host.id, "display_name": content.host.display_name},
        "mine": shared.mine,
    }


def _meeting_id_locators(details: JoinDetails) -> list[dict[str, str | None]]:
    if details.meeting_id is None:
        return []
    return [{"meeting_id": details.meeting_id, "passcode": details.passcode}]
