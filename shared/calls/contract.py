"""Bodies, queries and answers of the functions about calls."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, override
from urllib.parse import urlencode
from uuid import UUID

from pydantic import Field, model_validator

from shared.bodies import (
    WHOLE_NUMBER,
    Answer,
    Body,
    Pattern,
    PersonId,
    Query,
    Timestamp,
    is_absent,
    page_pattern,
)
from shared.calls.acs_types import PlaySource, ToneRecognition
from shared.calls.participants import Participant, masked, participant_id
from shared.calls.recording_contract import ReasonAnswer, RecordingAnswer, RecordingStateAnswer
from shared.calls.rows import MOST_TARGETS, Action, ActionState, Call, CallState, LoggedEvent
from shared.identity.resource_accounts import MAX_NAME_LENGTH
from shared.settings_reader import E164, GUID

if TYPE_CHECKING:  # so that loading the functions does not load the rules
    from shared.calls.calls import CallView
    from shared.calls.dialling import Target

_PHONE_NUMBER = Pattern(E164, "is not a phone number such as +14255550123")
_TONES = Pattern("[0-9*#a-d]*", "is not keys such as 12# (0 to 9, *, # and a to d)")
_AGENT = Pattern(GUID, "is not an object id of Entra, which is a GUID")
_PARTICIPANT = Pattern("[0-9a-f]{32}", "is not the id of a participant in an answer about the call")

type PhoneNumber = Annotated[str, _PHONE_NUMBER]
type AccountName = Annotated[str, Field(min_length=1, max_length=MAX_NAME_LENGTH)]
type Tones = Annotated[str, Field(max_length=16), _TONES]
# ACS allows 0 to 300 s until the first tone, 1 to 60 s between two (reference D.2, limits).
type InitialSilenceTimeout = Annotated[int, Field(ge=1, le=300), WHOLE_NUMBER]
type InterToneTimeout = Annotated[int, Field(ge=1, le=60), WHOLE_NUMBER]


class TargetBody(Body):
    """A user, a bot or a phone number."""

    alternatives: ClassVar[tuple[str, ...]] = ("user", "bot", "phoneNumber")

    user: PersonId | None = None
    bot: PersonId | None = None
    phone_number: PhoneNumber | None = None

    def read(self) -> "Target":
        from shared.calls.dialling import Target

        return Target(self.user, self.bot, self.phone_number)


class InviteeBody(TargetBody):
    """A user, a bot, a phone number, or an agent (object id of a Teams user)."""

    alternatives = ("user", "bot", "phoneNumber", "agent")

    agent: Annotated[str, _AGENT] | None = None

    @override
    def read(self) -> "Target":
        return replace(super().read(), agent=self.agent)


class CallBody(Body):
    """Whom to call, or which group call to join. For phone numbers only: `callerId`, or `from`, the
    name of the Teams resource account that calls."""

    # 50 ids of 256 characters are up to 150 KiB.
    max_bytes = 160 * 1024
    alternatives = ("to", "groupId")

    to: Annotated[list[TargetBody], Field(min_length=1, max_length=MOST_TARGETS)] | None = None
    caller_id: PhoneNumber | None = None
    from_: Annotated[AccountName | None, Field(alias="from")] = None
    group_id: UUID | None = None

    @model_validator(mode="after")
    def _calls_phones_with_caller_id(self) -> "CallBody":
        phones = any(target.phone_number for target in self.to or ())
        for field, value in (("callerId", self.caller_id), ("from", self.from_)):
            if value is not None and not phones:
                raise ValueError(f"has a {field}, which is for phone numbers only")
        if self.caller_id is not None and self.from_ is not None:
            raise ValueError("has both callerId and from; keep one of them")
        return self


class PlaySourceBody(Body):
    """The audio file at a URL, or a text and the voice that speaks it."""

    # A text of 5,000 characters is up to 59 KiB.
    max_bytes = 64 * 1024
    alternatives = ("url", "text")
    partners: ClassVar[Mapping[str, tuple[str, ...]]] = {"text": ("voice",)}

    url: Annotated[str, Field(min_length=1, max_length=2048)] | None = None
    text: Annotated[str, Field(min_length=1, max_length=5000)] | None = None
    voice: Annotated[str, Field(min_length=1, max_length=128)] | None = None

    @model_validator(mode="after")
    def _has_a_voice_with_a_text(self) -> "PlaySourceBody":
        if (self.text is None) != (self.voice is None):
            raise ValueError("has to have a voice if it has a text, and only then")
        return self

    def read(self) -> PlaySource:
        return PlaySource(self.url, self.text, self.voice)


class PlayBody(PlaySourceBody):
    """What to play, and to whom: `to` is a participant's id from an answer; without it, to all."""

    to: Annotated[str, _PARTICIPANT] | None = None
    loop: bool = False


class TonesBody(Body):
    """Whose tones to collect, and how many; a stop tone, or silence, ends it earlier."""

    # An id, and a prompt.
    max_bytes = 72 * 1024

    from_: Annotated[TargetBody, Field(alias="from")]
    max_tones: Annotated[int, Field(ge=1, le=20), WHOLE_NUMBER]
    stop_tones: Tones = ""
    first_within_seconds: InitialSilenceTimeout = 5
    next_within_seconds: InterToneTimeout = 2
    prompt: PlaySourceBody | None = None

    def read(self) -> ToneRecognition:
        return ToneRecognition(
            self.max_tones, self.stop_tones, self.first_within_seconds, self.next_within_seconds
        )


class CallsQuery(Query):
    """The query of the list; `page` comes from a `nextLink`."""

    bot: PersonId | None = None
    page: Annotated[str, page_pattern("call-[0-9]{16}-[0-9a-f]{32}")] | None = None


class ParticipantAnswer(Answer):
    """A participant: a user or bot of the realm, a masked phone number, or somebody unnamed."""

    id: str
    user: str | None = Field(exclude_if=is_absent)
    bot: str | None = Field(exclude_if=is_absent)
    phone_number: str | None = Field(exclude_if=is_absent)
    is_muted: bool
    is_on_hold: bool

    @classmethod
    def of(cls, call: Call, member: Participant, names: Mapping[str, str]) -> "ParticipantAnswer":
        kind, _, name = names.get(member.raw_id, "").partition(":")
        number = member.phone_number
        return cls(
            id=participant_id(call.call_id, call.salt, member.raw_id),
            user=name if kind == "user" else None,
            bot=name if kind == "bot" else None,
            phone_number=masked(number) if number else None,
            is_muted=member.is_muted,
            is_on_hold=member.is_on_hold,
        )


class ActionAnswer(Answer):
    """An action in a call and its result; `tones` are those that were pressed."""

    id: str
    kind: Literal["invite", "remove", "play", "tones"]
    state: ActionState
    asked_at: Timestamp
    ended_at: Timestamp | None = Field(exclude_if=is_absent)
    reason: ReasonAnswer | None = Field(exclude_if=is_absent)
    tones: str | None = Field(exclude_if=is_absent)

    @classmethod
    def of(cls, action: Action) -> "ActionAnswer":
        return cls(
            id=action.id,
            kind=action.kind,  # type: ignore[arg-type]
            state=action.state,
            asked_at=action.asked_at,
            ended_at=action.reported_at if action.state.is_final else None,
            reason=ReasonAnswer.of(action.reason),
            tones=action.tones,
        )


class EventAnswer(Answer):
    """An event that ACS has sent about the call. `type` is its name without
    `Microsoft.Communication.`, such as `CallConnected`. The page "Calls and bots" lists those that
    change the call; a client has to expect others."""

    type: str
    at: Timestamp

    @classmethod
    def of(cls, event: LoggedEvent) -> "EventAnswer":
        return cls(type=event.kind, at=event.at)


class CallAnswer(Answer):
    """A call and its state, as far as ACS has reported it. After the end, `participants` are those
    of ACS's last report."""

    id: str
    state: CallState
    created_at: Timestamp
    connected_at: Timestamp | None = Field(exclude_if=is_absent)
    ended_at: Timestamp | None = Field(exclude_if=is_absent)
    reason: ReasonAnswer | None = Field(exclude_if=is_absent)
    participants: list[ParticipantAnswer]
    actions: list[ActionAnswer]
    recording: RecordingStateAnswer | None = Field(exclude_if=is_absent)

    @classmethod
    def of(cls, view: "CallView") -> "CallAnswer":
        call = view.call
        actions = sorted(call.actions.values(), key=lambda action: (action.asked_at, action.id))
        return cls(
            id=call.call_id,
            state=call.state,
            created_at=call.created_at,
            connected_at=call.connected_at,
            ended_at=call.ended_at,
            reason=ReasonAnswer.of(call.reason),
            participants=[
                ParticipantAnswer.of(call, one, view.names) for one in call.remote_participants
            ],
            actions=[ActionAnswer.of(action) for action in actions],
            recording=RecordingStateAnswer.of_latest(call),
        )

    @property
    def path(self) -> str:
        return f"/api/calls/{self.id}"


class WatchedCallAnswer(CallAnswer):
    """One call with its events; if a bot was called, also who called and which bot answered."""

    caller: str | None = Field(exclude_if=is_absent)
    answered_by: str | None = Field(exclude_if=is_absent)
    events: list[EventAnswer]
    recordings: list[RecordingAnswer] | None = Field(exclude_if=is_absent)

    @classmethod
    def with_events(cls, view: "CallView") -> "WatchedCallAnswer":
        call, bot_state = view.call, view.call.bot_state
        answered_by = (bot_state and bot_state.bot) or view.id_of(call.own_id)
        return cls(
            **CallAnswer.of(view).__dict__,
            caller=view.id_of(bot_state.caller) if bot_state else None,
            answered_by=answered_by if bot_state and call.connection_id else None,
            events=[EventAnswer.of(event) for event in view.events],
            recordings=[
                RecordingAnswer.of(one, call.ended_at, view.files.get(one.id, ()))
                for one in call.recordings.listed
            ]
            or None,
        )


class EventsAnswer(Answer):
    """How many events a callback held. One that came before counts too, and changes nothing."""

    applied: int


class CallsAnswer(Answer):
    """A page of the caller's calls, the newest first; `nextLink` leads to the next."""

    calls: list[CallAnswer]
    next_link: str | None = Field(exclude_if=is_absent)

    @classmethod
    def of(cls, views: "list[CallView]", after: str | None, query: CallsQuery) -> "CallsAnswer":
        bot = {"bot": query.bot} if query.bot is not None else {}
        link = f"/api/calls?{urlencode({**bot, 'page': after})}" if after else None
        return cls(calls=[CallAnswer.of(view) for view in views], next_link=link)
