"""The rows of the table `calls`: calls that this service places, and calls that bots answer.

Each call has a partition with its record and one row for each event that was applied to it. The
partition of its creator has an index of their calls, the newest first, and one row for each
Idempotency-Key, which names the call that the request created. The creator of a call to a bot is
the bot; the person who called has an index of their calls to bots.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Self

from shared.bounds import ACTIONS, TARGETS
from shared.calls.bot_state import BotCallState
from shared.calls.participants import Participant, read_participants, stored_participants
from shared.calls.reasons import Reason
from shared.calls.recordings import NO_RECORDINGS, Recordings
from shared.identity.resource_accounts import account_raw_id
from shared.stored_rows import MOST_BYTES
from shared.tables import Row, Value

RECORD_ROW = "call"
# ACS sends the first event of an answered call at once, and repeats it for less than a minute.
_REVIVABLE = timedelta(minutes=5)
# ACS gives up a call that nobody answers after at most 180 s (reference: invitation timeout). If
# ACS has reported nothing about a call for this long, it does not know the call.
UNCONFIRMED = timedelta(minutes=5)
# How long a request that places a call, or invites somebody, may be repeated. After a day ACS
# forgets its Repeatability-Request-ID, and would place a second call, or ring a second time.
REPEATABLE = timedelta(hours=12)
TOO_OLD = "The request is too old to be repeated: use another Idempotency-Key."
# Users, bots and phone numbers that one request may call.
MOST_TARGETS = TARGETS.number
# One property holds all actions of a call: an action takes up to 450 of its 32,768 characters.
MOST_ACTIONS = ACTIONS.number


class CallState(StrEnum):
    """How far a call has come; it never goes back."""

    PLACING = "placing"  # ACS has not confirmed yet that it makes or answers the call
    CONNECTING = "connecting"
    CONNECTED = "connected"
    DISCONNECTED = "disconnected"

    @property
    def rank(self) -> int:
        return list(CallState).index(self)


# The kind of action that costs money, and that a request may repeat.
INVITE = "invite"


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
class Action:
    """Something that was requested in a call: an invitation, a removal, a play or a recognition.

    Attributes:
        id: sent to ACS as the operation context, which the events about the action repeat.
        fingerprint: a hash of what was requested. An Idempotency-Key that comes again with another
            fingerprint is refused.
        asked_at: when it was requested; by this time, too, ACS recognizes a repetition.
        reported_at: the time of `state`, as the event says; ours if ACS refused the request.
        tones: the tones that were pressed: `0` to `9`, `*`, `#`, `a` to `d`.
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
        """As it is stored. The names in it stay, even if the fields are renamed."""
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
        creator: PartitionKey of the creator's identity mapping.
        connection_id: ACS's callConnectionId, once it is known; events about another one are
            refused.
        sequence: the sequence number of the latest list of participants; -1 before the first.
        targets: raw ids of those whom the service calls; recorded just before ACS is asked.
        salt: random; the ids of participants in answers are made with it. Empty in records of
            versions that had none, whose ids stay as they were.
        own_id: raw id of the service itself in the call; of the bot, if a bot is called.
        account: object id of the Teams resource account that calls, or whose number was called;
            None in a call without one.
        is_refused: whether the last attempt to make or answer the call was refused, or never
            confirmed. Until ACS reports a connection after all, the call does not count against its
            caller's limit.
        is_abandoned: whether it is being removed, so that ACS is not to be asked for it any more.
        reconciled_at: when ACS was last asked whether the call goes on; None if it never was.
        bot_state: what the bot does, in a call to a bot; None in a call that the service places.
        recordings: those that were asked for.
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
    participants: tuple[Participant, ...] = ()
    actions: Mapping[str, Action] = field(default_factory=dict)
    group_id: str | None = None
    targets: tuple[str, ...] = ()
    salt: str = ""
    own_id: str | None = None
    account: str | None = None
    is_refused: bool = False
    is_abandoned: bool = False
    reconciled_at: datetime | None = None
    bot_state: BotCallState | None = None
    recordings: Recordings = NO_RECORDINGS
    row: Row | None = field(default=None, compare=False)

    @property
    def may_have_reached_acs(self) -> bool:
        """May ACS have been asked to make or answer it? That is recorded before it is asked."""
        return bool(self.targets) or self.group_id is not None or self.bot_state is not None

    @property
    def is_ongoing(self) -> bool:
        """Has ACS made or answered it, and not reported its end?"""
        return self.connection_id is not None and self.state is not CallState.DISCONNECTED

    @property
    def remote_participants(self) -> tuple[Participant, ...]:
        """Everybody in the call except the service itself.

        By which id ACS lists the service in calls of a Teams resource account is not documented.
        """
        own = {self.own_id, None if self.account is None else account_raw_id(self.account)}
        return tuple(one for one in self.participants if one.raw_id not in own)

    def may_be_revived(self, now: datetime) -> bool:
        """Was it recorded as missed, and may an event, or a repetition of the request that places
        it, still show that it was not?

        ACS may have made or answered the call, although its answer to us was lost.
        """
        longest = _REVIVABLE if self.bot_state is not None else REPEATABLE + _REVIVABLE
        return self.is_refused and now - self.created_at < longest

    def as_missed(self, reason: Reason, at: datetime) -> "Call":
        """The call as one that ACS never made, or let nobody answer; unchanged if ACS did."""
        if self.connection_id is not None:
            return self
        return replace(
            self, state=CallState.DISCONNECTED, reason=reason, ended_at=at, is_refused=True
        )

    def revived(self) -> "Call":
        """The call once ACS shows that it is there, even if it was recorded as missed."""
        if not self.is_refused:
            return self
        if self.connection_id is not None:  # an earlier version recorded it of a call that is there
            return replace(self, is_refused=False)
        return replace(self, state=CallState.PLACING, reason=None, ended_at=None, is_refused=False)

    def with_action(self, action: Action) -> "Call":
        return replace(self, actions={**self.actions, action.id: action})

    def with_room(self, now: datetime, *, is_urgent: bool = False) -> "Call | None":
        """The call with room for another action; None if no recorded one may make room.

        The oldest finished action is dropped, but never an invitation whose request may still be
        repeated, or the bot's latest action.

        Args:
            is_urgent: whether an action may make room, too, whose end was never reported; and if
                there is none, whether there may be one action more.
        """
        if len(self.actions) < MOST_ACTIONS:
            return self
        turn = None if self.bot_state is None else self.bot_state.turn
        removable = [
            action
            for action in self.actions.values()
            if (action.kind != INVITE or now - action.asked_at >= REPEATABLE)
            and (action.state.is_final or is_urgent)
            and (turn is None or action.id != turn.action)
        ]
        if not removable:
            return self if is_urgent and len(self.actions) == MOST_ACTIONS else None
        oldest = min(removable, key=lambda one: (not one.state.is_final, one.asked_at, one.id))
        others = {id_: one for id_, one in self.actions.items() if id_ != oldest.id}
        return replace(self, actions=others)

    def with_failed_action(self, action_id: str, message: str, at: datetime) -> "Call":
        """The call after ACS refused the request for an action.

        If an event has already reported how the action ended, that is kept: it is what happened,
        and only a repetition of the request was refused.
        """
        action = self.actions.get(action_id)
        if action is None or action.state.is_final:
            return self
        reason = Reason(HTTPStatus.BAD_REQUEST, 0, message)
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
            "account": self.account,
            "salt": self.salt or None,
            "isAbandoned": self.is_abandoned or None,
            "reconciledAt": self.reconciled_at,
            "attendance": None if self.bot_state is None else self.bot_state.text(),
            "recordings": self.recordings.text() if self.recordings.listed else None,
        }
        return {
            "creator": self.creator,
            "realm": self.realm,
            "createdAt": self.created_at,
            "state": self.state,
            "sequence": self.sequence,
            "targets": _compact_json(self.targets),
            "isRefused": self.is_refused,
            "actions": _actions_text(self.actions.values()),
            **stored_participants(self.participants),
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
            participants=read_participants(values),
            targets=tuple(json.loads(values["targets"])),
            actions={one["id"]: Action.of(one) for one in json.loads(values["actions"])},
            group_id=values.get("groupId"),
            salt=values.get("salt", ""),
            own_id=values.get("ownId"),
            account=values.get("account"),
            is_refused=values["isRefused"],
            is_abandoned=values.get("isAbandoned", False),
            reconciled_at=values.get("reconciledAt"),
            bot_state=BotCallState.of(values["attendance"]) if "attendance" in values else None,
            recordings=Recordings.of(values.get("recordings", "[]")),
            row=row,
        )


@dataclass(frozen=True)
class LoggedEvent:
    """An event that was applied to a call, as the call's log shows it."""

    kind: str
    at: datetime

    def values(self) -> dict[str, Value]:
        return {"kind": self.kind, "at": self.at}

    @classmethod
    def of(cls, row: Row) -> Self:
        values: Mapping[str, Any] = row.values
        return cls(values["kind"], values["at"])


def _actions_text(actions: Iterable[Action]) -> str:
    """The actions, as they fit into one property.

    Rows of earlier versions may hold long texts of ACS's, which are never shown; these make room.
    """
    listed = list(actions)
    text = _compact_json([action.stored() for action in listed])
    if len(text.encode("utf-16-le")) <= MOST_BYTES:
        return text
    for n, action in enumerate(listed):
        if action.reason is not None and not action.reason.is_ours:
            listed[n] = replace(action, reason=replace(action.reason, message=""))
    return _compact_json([action.stored() for action in listed])


def _compact_json(content: object) -> str:
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False)
