"""Bodies, queries and answers of calls."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import urlencode
from uuid import UUID

from pydantic import Field, model_validator

from shared.bodies import Answer, Body, PersonId, Query, Timestamp, is_absent
from shared.calls.acs_types import PlaySource, ToneRecognition
from shared.calls.rows import (
    MOST_TARGETS,
    Action,
    Call,
    CallState,
    Member,
    Reason,
    masked,
    member_id,
)
from shared.calls.settings import E164

if TYPE_CHECKING:  # nothing that the rules need is loaded with the functions
    from shared.calls.calls import CallView
    from shared.calls.dialling import Target
    from shared.calls.records import LoggedEvent

type PhoneNumber = Annotated[str, Field(pattern=f"^{E164.pattern}$")]
type Tones = Annotated[str, Field(pattern="^[0-9*#a-d]*$", max_length=16)]
# ACS: 0 to 300 s until the first tone, 1 to 60 s between two (reference D.2, limits).
type FirstWithin = Annotated[int, Field(ge=1, le=300)]
type NextWithin = Annotated[int, Field(ge=1, le=60)]
_ONE = "has to be one of user, bot and phoneNumber"


class TargetBody(Body):
    """Exactly one of the three."""

    user: PersonId | None = None
    bot: PersonId | None = None
    phone_number: PhoneNumber | None = None

    @model_validator(mode="after")
    def _is_one(self) -> "TargetBody":
        if len([one for one in (self.user, self.bot, self.phone_number) if one is not None]) != 1:
            raise ValueError(_ONE)
        return self

    def read(self) -> "Target":
        from shared.calls.dialling import Target

        return Target(self.user, self.bot, self.phone_number)


class CallBody(Body):
    """Whom to call, or which group call to join."""

    to: Annotated[list[TargetBody], Field(min_length=1, max_length=MOST_TARGETS)] | None = None
    caller_id: PhoneNumber | None = None
    group_id: UUID | None = None

    @model_validator(mode="after")
    def _is_one(self) -> "CallBody":
        if (self.to is None) == (self.group_id is None):
            raise ValueError("has to have one of to and groupId")
        phones = any(target.phone_number for target in self.to or ())
        if self.caller_id is not None and not phones:
            raise ValueError("has a callerId, which is for phone numbers only")
        return self


class PlaySourceBody(Body):
    """Audio at a URL, or a text to be spoken."""

    url: Annotated[str, Field(min_length=1, max_length=2048)] | None = None
    text: Annotated[str, Field(min_length=1, max_length=5000)] | None = None
    voice: Annotated[str, Field(min_length=1, max_length=128)] | None = None

    @model_validator(mode="after")
    def _is_one(self) -> "PlaySourceBody":
        if (self.url is None) == (self.text is None):
            raise ValueError("has to have one of url and text")
        if (self.text is None) != (self.voice is None):
            raise ValueError("has to have a voice with a text, and none without")
        return self

    def read(self) -> PlaySource:
        return PlaySource(self.url, self.text, self.voice)


class PlayBody(PlaySourceBody):
    """`to` is a participant's id as answers give it; everybody where it is left out."""

    to: Annotated[str, Field(pattern="^[0-9a-f]{32}$")] | None = None
    loop: bool = False


class TonesBody(Body):
    """From whom to hear how many tones; it ends at a stop tone, or when nothing more is pressed."""

    from_: Annotated[TargetBody, Field(alias="from")]
    max_tones: Annotated[int, Field(ge=1, le=20)]
    stop_tones: Tones = ""
    first_within_seconds: FirstWithin = 5
    next_within_seconds: NextWithin = 2
    prompt: PlaySourceBody | None = None

    def read(self) -> ToneRecognition:
        return ToneRecognition(
            self.max_tones, self.stop_tones, self.first_within_seconds, self.next_within_seconds
        )


class CallsQuery(Query):
    """Of the list; `page` is what a `nextLink` holds."""

    bot: PersonId | None = None
    page: Annotated[str, Field(pattern="^call-[0-9]{16}-[0-9a-f]{32}$")] | None = None


class ReasonAnswer(Answer):
    code: int
    sub_code: int
    message: str

    @classmethod
    def of(cls, reason: Reason | None) -> "ReasonAnswer | None":
        return None if reason is None else cls.model_validate(reason, from_attributes=True)


class ParticipantAnswer(Answer):
    """Who is in a call: a user or bot of the realm, a masked number, or somebody else."""

    id: str
    user: str | None = Field(exclude_if=is_absent)
    bot: str | None = Field(exclude_if=is_absent)
    phone_number: str | None = Field(exclude_if=is_absent)
    is_muted: bool
    is_on_hold: bool

    @classmethod
    def of(cls, call: Call, member: Member, names: Mapping[str, str]) -> "ParticipantAnswer":
        kind, _, name = names.get(member.raw_id, "").partition(":")
        number = member.phone_number
        return cls(
            id=member_id(call.call_id, member.raw_id),
            user=name if kind == "user" else None,
            bot=name if kind == "bot" else None,
            phone_number=masked(number) if number else None,
            is_muted=member.is_muted,
            is_on_hold=member.is_on_hold,
        )


class ActionAnswer(Answer):
    """What was asked of a call, and how it went: the tones are those that were pressed."""

    id: str
    kind: Literal["invite", "remove", "play", "tones"]
    state: str
    asked_at: Timestamp
    ended_at: Timestamp | None = Field(exclude_if=is_absent)
    reason: ReasonAnswer | None = Field(exclude_if=is_absent)
    tones: str | None = Field(exclude_if=is_absent)

    @classmethod
    def of(cls, action: Action) -> "ActionAnswer":
        return cls(
            id=action.id,
            kind=action.kind,  # type: ignore[arg-type]
            state=action.state.value,
            asked_at=action.asked_at,
            ended_at=action.reported_at if action.state.is_final else None,
            reason=ReasonAnswer.of(action.reason),
            tones=action.tones,
        )


class EventAnswer(Answer):
    type: str
    at: Timestamp

    @classmethod
    def of(cls, known: "LoggedEvent") -> "EventAnswer":
        return cls(type=known.kind, at=known.at)


class CallAnswer(Answer):
    """A call: what it has become, as far as ACS has told."""

    id: str
    state: CallState
    created_at: Timestamp
    connected_at: Timestamp | None = Field(exclude_if=is_absent)
    ended_at: Timestamp | None = Field(exclude_if=is_absent)
    reason: ReasonAnswer | None = Field(exclude_if=is_absent)
    participants: list[ParticipantAnswer]
    actions: list[ActionAnswer]

    @classmethod
    def of(cls, seen: "CallView") -> "CallAnswer":
        call = seen.call
        actions = sorted(call.actions.values(), key=lambda one: (one.asked_at, one.id))
        return cls(
            id=call.call_id,
            state=call.state,
            created_at=call.created_at,
            connected_at=call.connected_at,
            ended_at=call.ended_at,
            reason=ReasonAnswer.of(call.reason),
            participants=[ParticipantAnswer.of(call, one, seen.names) for one in call.people],
            actions=[ActionAnswer.of(one) for one in actions],
        )

    @property
    def path(self) -> str:
        return f"/api/calls/{self.id}"


class WatchedCallAnswer(CallAnswer):
    """One call with everything that has happened to it; where a bot has answered, who called it."""

    caller: str | None = Field(exclude_if=is_absent)
    answered_by: str | None = Field(exclude_if=is_absent)
    events: list[EventAnswer]

    @classmethod
    def watching(cls, seen: "CallView") -> "WatchedCallAnswer":
        events = [EventAnswer.of(one) for one in seen.events]
        bot_state = seen.call.bot_state

        def named(raw_id: str | None) -> str | None:
            return seen.names.get(raw_id or "", "").partition(":")[2] or None

        return cls(
            **CallAnswer.of(seen).__dict__,
            caller=named(bot_state.caller) if bot_state else None,
            answered_by=named(seen.call.own_id) if bot_state and seen.call.connection_id else None,
            events=events,
        )


class EventsAnswer(Answer):
    """How many events were in a callback; one that came before counts, and changes nothing."""

    applied: int


class CallsAnswer(Answer):
    """A page of the caller's calls, the newest first; `nextLink` leads to the next."""

    calls: list[CallAnswer]
    next_link: str | None = Field(exclude_if=is_absent)

    @classmethod
    def of(cls, calls: "list[CallView]", after: str | None, query: CallsQuery) -> "CallsAnswer":
        asked = {"bot": query.bot} if query.bot is not None else {}
        link = f"/api/calls?{urlencode({**asked, 'page': after})}" if after else None
        return cls(calls=[CallAnswer.of(seen) for seen in calls], next_link=link)
