"""Events about a call, and what each changes in the call's record.

The order in which the events come makes no difference to the result. Events are external input: an
unknown type changes nothing, unknown fields are ignored, and what is too long is refused.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import from_json

from shared.calls.acs_types import NO_IDS
from shared.calls.participants import Participant
from shared.calls.reasons import Reason
from shared.calls.rows import Action, ActionState, Call, CallState
from shared.problems import InvalidRequest

logger = logging.getLogger(__name__)

_TYPE_PREFIX = "Microsoft.Communication."
RECORDING_STATE = "RecordingStateChanged"
# ACS allows so many participants in a call.
_MOST_PARTICIPANTS = 350
_TONES = {
    "zero": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6",
    "seven": "7", "eight": "8", "nine": "9", "a": "a", "b": "b", "c": "c", "d": "d",
    "pound": "#", "asterisk": "*",
}  # fmt: skip

# Wide enough for any clock, and inside what Python and Table Storage can express.
_FIRST, _LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)

type Code = Annotated[int, Field(ge=-(2**31), lt=2**31)]
type Name = Annotated[str, Field(max_length=1024)]
type RecordingId = Annotated[str, Field(max_length=512)]
type Moment = Annotated[AwareDatetime, Field(ge=_FIRST, le=_LAST)]


class EventPart(BaseModel):
    """A part of an event: external input, in ACS's field names; unknown fields are ignored."""

    model_config = ConfigDict(alias_generator=to_camel, defer_build=True)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, content: object) -> object:
        """A field that is null is missing: ACS's services write both."""
        if not isinstance(content, dict):
            return content
        return {name: value for name, value in content.items() if value is not None}


class ResultInformation(EventPart):
    """ACS's codes. Its text is not read, because it may hold raw ids and numbers."""

    code: Code = 0
    sub_code: Code = 0


class Identifier(EventPart):
    raw_id: Annotated[str, Field(pattern="^[!-~]{1,256}$")]


class CallParticipant(EventPart):
    identifier: Identifier
    is_muted: bool = False
    is_on_hold: bool = False


class DtmfResult(EventPart):
    tones: Annotated[list[Name], Field(max_length=100)] = []


class EventData(EventPart):
    """The fields of an event's `data` that are read here, whatever the event's type."""

    call_connection_id: Name
    server_call_id: Name | None = None
    operation_context: Name | None = None
    result_information: ResultInformation | None = None
    participants: Annotated[list[CallParticipant], Field(max_length=_MOST_PARTICIPANTS)] = []
    sequence_number: Annotated[int, Field(ge=0, lt=2**63)] = 0
    dtmf_result: DtmfResult | None = None
    recording_id: RecordingId | None = None
    state: Name | None = None


class CallEvent(EventPart):
    """A CloudEvent of Call Automation."""

    id: Annotated[str, Field(min_length=1, max_length=256)]
    specversion: Literal["1.0"]
    type: Name
    time: Moment
    data: EventData

    @property
    def kind(self) -> str:
        """The type without the prefix that all have in common."""
        return self.type.removeprefix(_TYPE_PREFIX)


@dataclass(frozen=True)
class AppliedEvents:
    """The result of a callback.

    Attributes:
        call: the call before the last of the events was applied.
        has_new_events: whether any of the events came for the first time.
    """

    call: Call
    has_new_events: bool


type CallEvents = Annotated[list[CallEvent], Field(min_length=1, max_length=100)]

# ACS sends one event in each request, in an array (reference D.3).
_MOST_EVENTS = 100
# The brackets and quotes that a callback may hold: each costs the parser time, whatever is in it.
# An event about 350 participants has 1,000 and 10,000.
_MOST_BRACKETS, _MOST_QUOTES = 20_000, 60_000


def read_events(body: bytes) -> list[CallEvent]:
    """The events of a callback. Those that cannot be read are left out, if any can be.

    Raises:
        InvalidRequest: none can be read. The error does not quote the body, which may hold
            anything.
    """
    events = [event for event in read_each(body, CallEvent) if event is not None]
    if not events:
        raise InvalidRequest("The body is not an array of events about a call.")
    return events


def read_each[E: EventPart](body: bytes, kind: type[E]) -> list[E | None]:
    """The events of an array, each read by itself; None in the place of one that cannot be read.

    Returns:
        An empty list if the body is no array of 1 to 100 elements.
    """

    def read(content: JsonValue) -> E | None:
        try:
            return kind.model_validate(content)
        except ValidationError:
            logger.warning("an event with an unknown shape is left out")
            return None

    brackets = body.count(b"{") + body.count(b"[")
    if brackets > _MOST_BRACKETS or body.count(b'"') > _MOST_QUOTES:
        return []
    try:
        contents = from_json(body)
    except ValueError:
        return []
    is_array = isinstance(contents, list) and len(contents) <= _MOST_EVENTS
    return [read(content) for content in contents] if is_array else []


def apply_event(call: Call, event: CallEvent) -> Call:
    """The call after an event. The caller has checked that the event is about this call."""
    if event.kind == RECORDING_STATE:
        return _report_recording(call, event)
    call = call.revived()
    identified = replace(
        call,
        connection_id=call.connection_id or event.data.call_connection_id,
        server_call_id=call.server_call_id or event.data.server_call_id,
    )
    effect = EFFECTS.get(event.kind)
    return identified if effect is None else effect(identified, event)


def is_about(event: CallEvent, call: Call) -> bool:
    """Is the event about this call?

    Events about recordings name no connection of the call: their callConnectionId is of the
    recording itself (recorded with the tests of Microsoft's SDKs).
    """
    if event.kind != RECORDING_STATE:
        named = event.data.call_connection_id
        return named not in NO_IDS and call.connection_id in (None, named)
    acs_id = event.data.recording_id or ""
    found = call.recordings.of_acs(acs_id)
    if found is None or acs_id in NO_IDS:
        return False
    if found.acs_id is not None:
        return True
    return call.server_call_id is not None and event.data.server_call_id == call.server_call_id


def _report_recording(call: Call, event: CallEvent) -> Call:
    is_active, at = event.data.state == "active", event.time.astimezone(UTC)
    acs_id = event.data.recording_id or ""
    return replace(call, recordings=call.recordings.with_report(acs_id, at, is_active=is_active))


@dataclass(frozen=True)
class _ActionEffect:
    """Sets the state of the action that an event is about."""

    state: ActionState

    def __call__(self, call: Call, event: CallEvent) -> Call:
        context = event.data.operation_context or ""
        action = call.actions.get(context)
        if action is None:  # of the notice of a recording, or of another client of the same call
            if not self.state.is_final:
                return call
            heard, at = self.state is ActionState.SUCCEEDED, event.time.astimezone(UTC)
            reason = _reason(event)
            recordings = call.recordings.with_notice(context, at, heard=heard, reason=reason)
            return replace(call, recordings=recordings)
        reported = replace(
            action,
            state=self.state,
            reported_at=event.time.astimezone(UTC),
            reason=_reason(event),
            tones=_tones(event),
        )
        return call.with_action(_prevailing(action, reported))


def _prevailing(recorded: Action, reported: Action) -> Action:
    """A final state prevails over one that is not; of two of the same kind the earlier prevails."""
    return min(
        recorded,
        reported,
        key=lambda action: (
            not action.state.is_final,
            action.reported_at is None,
            action.reported_at,
            action.state,
        ),
    )


def _advance(call: Call, state: CallState) -> Call:
    return call if call.state.rank >= state.rank else replace(call, state=state)


def _connect(call: Call, event: CallEvent) -> Call:
    at = event.time.astimezone(UTC)
    connected_at = at if call.connected_at is None else min(at, call.connected_at)
    return replace(_advance(call, CallState.CONNECTED), connected_at=connected_at)


def _end(call: Call, event: CallEvent) -> Call:
    at, reason = event.time.astimezone(UTC), _reason(event)
    if call.ended_at is not None and (call.ended_at, str(call.reason)) <= (at, str(reason)):
        return call
    return _advance(replace(call, ended_at=at, reason=reason), CallState.DISCONNECTED)


def _update_participants(call: Call, event: CallEvent) -> Call:
    call = _with_joined_guests(call, {one.identifier.raw_id for one in event.data.participants})
    if event.data.sequence_number <= call.sequence:
        return call
    participants = tuple(
        Participant(one.identifier.raw_id, one.is_muted, one.is_on_hold)
        for one in event.data.participants
    )
    return replace(call, participants=participants, sequence=event.data.sequence_number)


def _with_joined_guests(call: Call, raw_ids: set[str]) -> Call:
    """Record which guests of the bot have been in the call. A list that comes late shows it, too,
    although it does not replace a newer list of participants."""
    if call.bot_state is None:
        return call
    joined = call.bot_state.joined | (raw_ids & set(call.bot_state.guests))
    return replace(call, bot_state=replace(call.bot_state, joined=joined))


def _reason(event: CallEvent) -> Reason | None:
    result = event.data.result_information
    if result is None:
        return None
    return Reason(result.code, result.sub_code)


def _tones(event: CallEvent) -> str | None:
    if event.data.dtmf_result is None:
        return None
    return "".join(_TONES.get(tone.lower(), "") for tone in event.data.dtmf_result.tones)


_SUCCEED, _FAIL = _ActionEffect(ActionState.SUCCEEDED), _ActionEffect(ActionState.FAILED)
EFFECTS: dict[str, Callable[[Call, CallEvent], Call]] = {
    "CallConnected": _connect,
    "CallDisconnected": _end,
    "CreateCallFailed": _end,
    "ConnectFailed": _end,
    "AnswerFailed": _end,
    "ParticipantsUpdated": _update_participants,
    "PlayStarted": _ActionEffect(ActionState.STARTED),
    "PlayCanceled": _ActionEffect(ActionState.CANCELED),
    "RecognizeCanceled": _ActionEffect(ActionState.CANCELED),
    **dict.fromkeys(
        (
            "AddParticipantSucceeded",
            "RemoveParticipantSucceeded",
            "PlayCompleted",
            "RecognizeCompleted",
        ),
        _SUCCEED,
    ),
    **dict.fromkeys(
        ("AddParticipantFailed", "RemoveParticipantFailed", "PlayFailed", "RecognizeFailed"),
        _FAIL,
    ),
}
