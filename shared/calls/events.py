"""What an event about a call changes in its record: the same in whatever order events come.

Events are strangers' words until they are read: unknown types change nothing, unknown fields are
not looked at, and what is too long is refused.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from shared.calls.rows import Action, ActionState, Call, CallState, Member, Reason
from shared.problems import InvalidRequest

_TYPE_PREFIX = "Microsoft.Communication."
# ACS lets so many into a call.
_MOST_MEMBERS = 350
_TONES = {
    "zero": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6",
    "seven": "7", "eight": "8", "nine": "9", "a": "a", "b": "b", "c": "c", "d": "d",
    "pound": "#", "asterisk": "*",
}  # fmt: skip

# A record has room for so much of each action's.
_MOST_OF_MESSAGE = 120
# No clock is further off; and what Python and Table Storage have no words for is far beyond.
_FIRST, _LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)

type Code = Annotated[int, Field(ge=-(2**31), lt=2**31)]
type Name = Annotated[str, Field(max_length=1024)]
type Moment = Annotated[AwareDatetime, Field(ge=_FIRST, le=_LAST)]


class Part(BaseModel):
    """What a stranger says, in the field names of ACS; unknown fields are not looked at."""

    model_config = ConfigDict(alias_generator=to_camel)


class ResultInformation(Part):
    code: Code = 0
    sub_code: Code = 0
    message: Annotated[str, Field(max_length=4096)] | None = None


class Identifier(Part):
    raw_id: Annotated[str, Field(pattern="^[!-~]{1,256}$")]


class Participant(Part):
    identifier: Identifier
    is_muted: bool = False
    is_on_hold: bool = False


class DtmfResult(Part):
    tones: Annotated[list[Name], Field(max_length=100)] = []


class EventData(Part):
    """What of any event's `data` is read here."""

    call_connection_id: Name
    server_call_id: Name | None = None
    operation_context: Name | None = None
    result_information: ResultInformation | None = None
    participants: Annotated[list[Participant], Field(max_length=_MOST_MEMBERS)] = []
    sequence_number: Annotated[int, Field(ge=0, lt=2**63)] = 0
    dtmf_result: DtmfResult | None = None


class CallEvent(Part):
    """A CloudEvent of Call Automation."""

    id: Annotated[str, Field(min_length=1, max_length=256)]
    specversion: Literal["1.0"]
    type: Name
    time: Moment
    data: EventData

    @property
    def kind(self) -> str:
        """The type without the part that all have in common."""
        return self.type.removeprefix(_TYPE_PREFIX)


# ACS sends one in each request, in an array (reference D.3).
_EVENTS = TypeAdapter(Annotated[list[CallEvent], Field(min_length=1, max_length=100)])


def read_events(body: bytes) -> list[CallEvent]:
    """The events of a callback.

    Raises:
        InvalidRequest: it is something else; with no detail, which may hold anything.
    """
    try:
        return _EVENTS.validate_json(body)
    except ValidationError:
        raise InvalidRequest("The body is no array of events about a call.") from None


def applied(call: Call, event: CallEvent) -> Call:
    """The call after an event; whose it is has been judged before."""
    call = call.revived()
    seen = replace(
        call,
        connection_id=call.connection_id or event.data.call_connection_id,
        server_call_id=call.server_call_id or event.data.server_call_id,
    )
    effect = _EFFECTS.get(event.kind)
    return seen if effect is None else effect(seen, event)


@dataclass(frozen=True)
class _Outcome:
    """What an event says of the action that it belongs to."""

    state: ActionState

    def __call__(self, call: Call, event: CallEvent) -> Call:
        action = call.actions.get(event.data.operation_context or "")
        if action is None:
            return call  # asked by somebody else of the same call
        told = replace(
            action,
            state=self.state,
            reported_at=event.time.astimezone(UTC),
            reason=_reason(event),
            tones=_tones(event),
        )
        return call.with_action(_earlier(action, told))


def _earlier(standing: Action, told: Action) -> Action:
    """How an action ended beats how it began; of two tellings of one kind the earlier stands."""
    return min(
        standing,
        told,
        key=lambda one: (
            not one.state.is_final,
            one.reported_at is None,
            one.reported_at,
            one.state,
        ),
    )


def _advanced(call: Call, state: CallState) -> Call:
    return call if call.state.rank >= state.rank else replace(call, state=state)


def _connected(call: Call, event: CallEvent) -> Call:
    at = event.time.astimezone(UTC)
    connected_at = at if call.connected_at is None else min(at, call.connected_at)
    return replace(_advanced(call, CallState.CONNECTED), connected_at=connected_at)


def _ended(call: Call, event: CallEvent) -> Call:
    at, reason = event.time.astimezone(UTC), _reason(event)
    if call.ended_at is not None and (call.ended_at, str(call.reason)) <= (at, str(reason)):
        return call
    return _advanced(replace(call, ended_at=at, reason=reason), CallState.DISCONNECTED)


def _joined(call: Call, event: CallEvent) -> Call:
    call = _noted(call, {one.identifier.raw_id for one in event.data.participants})
    if event.data.sequence_number <= call.sequence:
        return call
    members = tuple(
        Member(one.identifier.raw_id, one.is_muted, one.is_on_hold)
        for one in event.data.participants
    )
    return replace(call, members=members, sequence=event.data.sequence_number)


def _noted(call: Call, there: set[str]) -> Call:
    """Which guests of a bot have been there; a list that is late tells so too."""
    if call.bot_state is None:
        return call
    joined = call.bot_state.joined | (there & set(call.bot_state.guests))
    return replace(call, bot_state=replace(call.bot_state, joined=joined))


def _reason(event: CallEvent) -> Reason | None:
    told = event.data.result_information
    if told is None:
        return None
    return Reason(told.code, told.sub_code, (told.message or "")[:_MOST_OF_MESSAGE])


def _tones(event: CallEvent) -> str | None:
    if event.data.dtmf_result is None:
        return None
    return "".join(_TONES.get(tone.lower(), "") for tone in event.data.dtmf_result.tones)


_SUCCEEDED, _FAILED = _Outcome(ActionState.SUCCEEDED), _Outcome(ActionState.FAILED)
_EFFECTS: dict[str, Callable[[Call, CallEvent], Call]] = {
    "CallConnected": _connected,
    "CallDisconnected": _ended,
    "CreateCallFailed": _ended,
    "ConnectFailed": _ended,
    "AnswerFailed": _ended,
    "ParticipantsUpdated": _joined,
    "PlayStarted": _Outcome(ActionState.STARTED),
    "PlayCanceled": _Outcome(ActionState.CANCELED),
    "RecognizeCanceled": _Outcome(ActionState.CANCELED),
    **dict.fromkeys(
        (
            "AddParticipantSucceeded",
            "RemoveParticipantSucceeded",
            "PlayCompleted",
            "RecognizeCompleted",
        ),
        _SUCCEEDED,
    ),
    **dict.fromkeys(
        ("AddParticipantFailed", "RemoveParticipantFailed", "PlayFailed", "RecognizeFailed"),
        _FAILED,
    ),
}
