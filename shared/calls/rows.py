"""Rows of calls that this service places and watches (table `calls`), and what they mean.

A call has a partition: its record, and a row for each event that was applied to it. Its creator has
an index: the newest first, and what a repeated request was answered with. The creator of a call to
a bot is the bot; who has called bots has an index of those.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Self

from shared.calls.bot_state import BotCallState
from shared.keys import key, milliseconds
from shared.tables import Row, Value

RECORD_ROW = "call"
# Index rows sort by the time that is left until then, so the newest come first.
_END_OF_TIME = 10**16
_RAW_PHONE = "4:"
# A call that was answered is told of at once, and again for less than a minute.
_REVIVABLE = timedelta(minutes=5)
# People, bots and numbers that are called at once.
MOST_TARGETS = 50
# Actions that a record has room for: each has up to 450 characters, and a property 32,768.
MOST_ACTIONS = 64


class CallState(StrEnum):
    """How far a call has come; it never goes back."""

    PLACING = "placing"  # ACS was not asked yet to make or to answer it, or has not said yes
    CONNECTING = "connecting"
    CONNECTED = "connected"
    DISCONNECTED = "disconnected"

    @property
    def rank(self) -> int:
        return list(CallState).index(self)


class ActionState(StrEnum):
    """How far an action has come."""

    REQUESTED = "requested"
    STARTED = "started"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"

    @property
    def is_final(self) -> bool:
        return self not in (ActionState.REQUESTED, ActionState.STARTED)


@dataclass(frozen=True)
class Reason:
    """Why a call or an action ended: ACS's own code, subcode and words; or ours, with subcode 0,
    where it came to no more than that ACS refused, or was not asked."""

    code: int
    sub_code: int
    message: str

    def stored(self) -> dict[str, Any]:
        """As it is stored, under names that stay whatever the fields are called."""
        return {"code": self.code, "sub_code": self.sub_code, "message": self.message}

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Self:
        return cls(stored["code"], stored["sub_code"], stored["message"])


@dataclass(frozen=True)
class Member:
    """Somebody in a call.

    Attributes:
        raw_id: of ACS: `8:acs:…` for users and bots, `4:+…` for phone numbers.
    """

    raw_id: str
    is_muted: bool = False
    is_on_hold: bool = False

    def text(self) -> str:
        # 350 of 79 characters and these are 29,000, and a property holds 32,768.
        return f"{self.raw_id} {self.is_muted:d}{self.is_on_hold:d}"

    @classmethod
    def of(cls, text: str) -> "Member":
        raw_id, _, flags = text.rpartition(" ")
        return cls(raw_id, flags[0] == "1", flags[1] == "1")

    @property
    def phone_number(self) -> str | None:
        return self.raw_id[len(_RAW_PHONE) :] if self.raw_id.startswith(_RAW_PHONE) else None


@dataclass(frozen=True)
class Action:
    """Something that was asked of a call; its id is its operation context in ACS.

    Attributes:
        fingerprint: of what was asked: a key that comes again with another one is refused.
        asked_at: also the time by which ACS knows a repetition.
        reported_at: when ACS said how it ended; of two reports the earlier stands.
        tones: what was pressed: `0` to `9`, `*`, `#`, `a` to `d`.
    """

    id: str
    kind: str
    fingerprint: str
    asked_at: datetime
    state: ActionState = ActionState.REQUESTED
    reported_at: datetime | None = None
    reason: Reason | None = None
    tones: str | None = None

    def stored(self) -> dict[str, Any]:
        """As it is stored, under names that stay whatever the fields are called."""
        return {
            "id": self.id,
            "kind": self.kind,
            "wish": self.fingerprint,
            "asked_at": self.asked_at.isoformat(),
            "state": self.state,
            "told_at": None if self.reported_at is None else self.reported_at.isoformat(),
            "reason": None if self.reason is None else self.reason.stored(),
            "tones": self.tones,
        }

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Self:
        reported_at, reason = stored["told_at"], stored["reason"]
        return cls(
            id=stored["id"],
            kind=stored["kind"],
            fingerprint=stored["wish"],
            asked_at=datetime.fromisoformat(stored["asked_at"]),
            state=ActionState(stored["state"]),
            reported_at=None if reported_at is None else datetime.fromisoformat(reported_at),
            reason=None if reason is None else Reason.of(reason),
            tones=stored["tones"],
        )


@dataclass(frozen=True)
class Call:
    """The record of a call.

    Attributes:
        creator: PartitionKey of the mapping of whoever placed it.
        connection_id: ACS's, once it is known; callbacks of any other are refused.
        sequence: of the last list of participants; -1 for none.
        targets: whom ACS was to call first, by raw id; before ACS is asked there are none.
        own_id: as whom the service is in the call, by raw id.
        is_refused: whether ACS took the last request for it for wrong.
        bot_state: of a call to a bot, which the service answers; None where the service calls.
    """

    call_id: str
    creator: str
    realm: str
    created_at: datetime
    state: CallState = CallState.PLACING
    reason: Reason | None = None
    connection_id: str | None = None
    server_call_id: str | None = None
    connected_at: datetime | None = None
    ended_at: datetime | None = None
    sequence: int = -1
    members: tuple[Member, ...] = ()
    actions: Mapping[str, Action] = field(default_factory=dict)
    group_id: str | None = None
    targets: tuple[str, ...] = ()
    own_id: str | None = None
    is_refused: bool = False
    bot_state: BotCallState | None = None
    row: Row | None = field(default=None, compare=False)

    @property
    def was_asked_for(self) -> bool:
        """Has ACS perhaps been asked to make it, or to answer it?"""
        return bool(self.targets) or self.group_id is not None or self.bot_state is not None

    @property
    def goes_on(self) -> bool:
        """Has ACS made it, and not told its end?"""
        return self.connection_id is not None and self.state is not CallState.DISCONNECTED

    @property
    def people(self) -> tuple[Member, ...]:
        """Who is in it, but for the service."""
        return tuple(one for one in self.members if one.raw_id != self.own_id)

    def may_be_revived(self, now: datetime) -> bool:
        """Is it thought to be missed, so shortly that it may turn out to be answered?"""
        is_young = now - self.created_at < _REVIVABLE
        return self.bot_state is not None and self.is_refused and is_young

    def missed(self, reason: Reason, at: datetime) -> "Call":
        """The call of a bot where ACS lets nobody answer; not where it is known to be answered."""
        if self.connection_id is not None:
            return self
        return replace(
            self, state=CallState.DISCONNECTED, reason=reason, ended_at=at, is_refused=True
        )

    def revived(self) -> "Call":
        """The call where it turns out that it was answered, also if it was thought to be missed."""
        if self.bot_state is None or not self.is_refused:
            return self
        return replace(self, state=CallState.PLACING, reason=None, ended_at=None, is_refused=False)

    def with_action(self, action: Action) -> "Call":
        return replace(self, actions={**self.actions, action.id: action})

    def with_refused(self, action_id: str, why: str, at: datetime) -> "Call":
        """The call where ACS did not take what an action asked for; where an event has told how it
        ended, that stands: it is ACS's own word."""
        action = self.actions.get(action_id)
        if action is None or action.state.is_final:
            return self
        reason = Reason(HTTPStatus.BAD_REQUEST, 0, why)
        failed = replace(action, state=ActionState.FAILED, reported_at=at, reason=reason)
        return self.with_action(failed)

    def values(self) -> dict[str, Value]:
        optional: dict[str, Value | None] = {
            "reason": None if self.reason is None else json.dumps(self.reason.stored()),
            "connectionId": self.connection_id,
            "serverCallId": self.server_call_id,
            "connectedAt": self.connected_at,
            "endedAt": self.ended_at,
            "groupId": self.group_id,
            "ownId": self.own_id,
            "attendance": None if self.bot_state is None else self.bot_state.text(),
        }
        return {
            "creator": self.creator,
            "realm": self.realm,
            "createdAt": self.created_at,
            "state": self.state,
            "sequence": self.sequence,
            "members": "\n".join(one.text() for one in self.members),
            "targets": _packed(self.targets),
            "isRefused": self.is_refused,
            "actions": _packed([action.stored() for action in self.actions.values()]),
            **{name: value for name, value in optional.items() if value is not None},
        }

    @classmethod
    def of(cls, row: Row) -> "Call":
        values: Mapping[str, Any] = row.values
        return cls(
            call_id=row.partition_key,
            creator=values["creator"],
            realm=values["realm"],
            created_at=values["createdAt"],
            state=CallState(values["state"]),
            reason=Reason.of(json.loads(values["reason"])) if "reason" in values else None,
            connection_id=values.get("connectionId"),
            server_call_id=values.get("serverCallId"),
            connected_at=values.get("connectedAt"),
            ended_at=values.get("endedAt"),
            sequence=int(values["sequence"]),
            members=tuple(Member.of(line) for line in values["members"].splitlines()),
            targets=tuple(json.loads(values["targets"])),
            actions={one["id"]: Action.of(one) for one in json.loads(values["actions"])},
            group_id=values.get("groupId"),
            own_id=values.get("ownId"),
            is_refused=values["isRefused"],
            bot_state=BotCallState.of(values["attendance"]) if "attendance" in values else None,
            row=row,
        )


def index_row(created_at: datetime, call_id: str) -> str:
    """The RowKey of a call in its creator's index: the newest first."""
    return f"call-{_END_OF_TIME - milliseconds(created_at):016}-{call_id}"


def bot_caller_index_row(call_id: str) -> str:
    """The RowKey of a call to a bot, in the partition of who called."""
    return f"rang-{call_id}"


def request_row(idempotency_key: str) -> str:
    """The RowKey of what a request with that key was answered with."""
    return f"request-{key('request', idempotency_key)}"


def event_row(event_id: str) -> str:
    """The RowKey of an event that was applied."""
    return f"event-{key('event', event_id)}"


def member_id(call_id: str, raw_id: str) -> str:
    """What a participant is called in answers: nobody can tell who it is from it."""
    return key("participant", call_id, raw_id)[:32]


def masked(phone_number: str) -> str:
    """A phone number as answers show it: the last two digits."""
    return "•" * max(0, len(phone_number) - 2) + phone_number[-2:]


def _packed(content: object) -> str:
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False)
