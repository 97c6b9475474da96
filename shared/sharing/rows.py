"""Rows of shared calls, and what they mean.

The record of a call (table `sharedcalls`) says who may join, and each change by the owner goes
through it. Listings are read from the table `invitations`: it has a row for each person or space,
which is written after the record.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from shared.keys import key, principal_key
from shared.principals import Principal
from shared.tables import Row, Value

RECORD_ROW = "call"
# ACS allows 350 participants in a group call; their keys fit in one property of the record.
MOST_INVITEES = 350
# Characters of a title.
LONGEST_TITLE = 256
_CALL_ID = re.compile("[0-9a-f]{64}")
# How long a call without an end time is listed, from its start or from when it was shared.
_DEFAULT_DURATION = timedelta(hours=24)


class CallKind(StrEnum):
    """What the participants join."""

    GROUP_CALL = "groupCall"
    TEAMS_MEETING = "teamsMeeting"


class Role(StrEnum):
    """Why a row is in a partition."""

    OWNER = "owner"
    INVITEE = "invitee"
    SPACE = "space"


class Consent(StrEnum):
    """What lets an owner invite somebody."""

    FRIENDSHIP = "friendship"
    ROLE = "role"  # the owner has the app role to invite anyone


@dataclass(frozen=True)
class Host:
    """The person who shares a call, as invitees see them."""

    id: str
    display_name: str | None


@dataclass(frozen=True)
class Content:
    """What is shared.

    Attributes:
        locator: the argument of the Calling SDK's `join`.
        shared_at: when the owner last shared it.
    """

    kind: CallKind
    locator: Mapping[str, str]
    title: str | None
    starts_at: datetime | None
    ends_at: datetime | None
    shared_at: datetime
    host: Host

    @property
    def gone_at(self) -> datetime:
        """When it disappears from all answers."""
        return self.ends_at or (self.starts_at or self.shared_at) + _DEFAULT_DURATION

    @property
    def due_at(self) -> datetime:
        """When it begins; listings are sorted by this."""
        return self.starts_at or self.shared_at

    def values(self) -> dict[str, Value]:
        times = {"startsAt": self.starts_at, "endsAt": self.ends_at}
        texts = {"title": self.title, "hostName": self.host.display_name}
        return {
            "kind": self.kind,
            "locator": json.dumps(dict(self.locator)),
            "sharedAt": self.shared_at,
            "hostId": self.host.id,
            **{name: moment for name, moment in times.items() if moment is not None},
            **{name: text for name, text in texts.items() if text is not None},
        }

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "Content":
        return cls(
            kind=CallKind(values["kind"]),
            locator=json.loads(values["locator"]),
            title=values.get("title"),
            starts_at=values.get("startsAt"),
            ends_at=values.get("endsAt"),
            shared_at=values["sharedAt"],
            host=Host(values["hostId"], values.get("hostName")),
        )


@dataclass(frozen=True)
class JoinDetails:
    """How to join a meeting, as Teams says; shown when a call is opened, not in listings.

    Attributes:
        checked_at: when Teams said this.
        lobby: who need not wait (Graph's lobbyBypassSettings.scope); None if not known.
        presenters_admit: whether presenters may admit people from the lobby.
        requested_lobby: the lobby that the owner asked for; None to leave it as it is.
    """

    checked_at: datetime
    meeting_id: str | None = None
    passcode: str | None = field(default=None, repr=False)
    toll_number: str | None = field(default=None, repr=False)
    toll_free_number: str | None = field(default=None, repr=False)
    conference_id: str | None = field(default=None, repr=False)
    lobby: str | None = None
    presenters_admit: bool = True
    requested_lobby: str | None = None

    def text(self) -> str:
        """As it is stored. The names are spelled out, so that renaming a field loses no data."""
        return json.dumps(
            {
                "looked_at": self.checked_at.isoformat(),
                "meeting_id": self.meeting_id,
                "passcode": self.passcode,
                "toll_number": self.toll_number,
                "toll_free_number": self.toll_free_number,
                "conference_id": self.conference_id,
                "lobby": self.lobby,
                "presenters_admit": self.presenters_admit,
                "wished_lobby": self.requested_lobby,
            }
        )

    @classmethod
    def of(cls, text: str) -> "JoinDetails":
        stored = json.loads(text)
        return cls(
            checked_at=datetime.fromisoformat(stored["looked_at"]),
            meeting_id=stored["meeting_id"],
            passcode=stored["passcode"],
            toll_number=stored["toll_number"],
            toll_free_number=stored["toll_free_number"],
            conference_id=stored["conference_id"],
            lobby=stored["lobby"],
            presenters_admit=stored["presenters_admit"],
            requested_lobby=stored["wished_lobby"],
        )


@dataclass(frozen=True)
class Invitation:
    """A row of a listing.

    Attributes:
        partition: the partition of a person (`principal_key`) or a space (`space_key`).
        owner: PartitionKey of the owner's mapping.
        content: None in the owner's row until the record is stored: until then the row only tells
            an erasure of the owner that there may be a record.
    """

    partition: str
    call_id: str
    role: Role
    owner: str
    consent: Consent
    content: Content | None
    row: Row | None = field(default=None, compare=False)

    def is_live(self, at: datetime) -> bool:
        return self.content is not None and self.content.gone_at > at

    def has_ended(self, at: datetime) -> bool:
        return self.content is not None and self.content.gone_at <= at

    def values(self) -> dict[str, Value]:
        content = {} if self.content is None else self.content.values()
        return {"role": self.role, "owner": self.owner, "consent": self.consent, **content}

    @classmethod
    def of(cls, row: Row) -> "Invitation":
        values = row.values
        return cls(
            partition=row.partition_key,
            call_id=row.row_key,
            role=Role(str(values["role"])),
            owner=str(values["owner"]),
            consent=Consent(str(values["consent"])),
            content=Content.of(values) if "kind" in values else None,
            row=row,
        )


@dataclass(frozen=True)
class SharedCallRecord:
    """Who may join a call.

    Attributes:
        change_id: a random id of each change by the owner, so that equal content shared twice
            makes two different records.
        owner: PartitionKey of the owner's mapping.
        proven_at: when the token was issued with which the owner shared it.
        consent: what lets the owner invite the invitees.
        content: None once the call is unshared.
        invitees: PartitionKeys of their mappings; at most 350, which fit in one property.
        leaving: invitees of earlier versions whose rows may still be there.
        space: the partition of a space, or "".
        former_space: a space of an earlier version whose row may still be there, or "".
        details: how to join a Teams meeting. They change as Teams answers, so two records are
            equal even if they differ in this.
    """

    call_id: str
    change_id: str
    owner: str
    realm: str
    proven_at: datetime
    consent: Consent
    content: Content | None
    invitees: frozenset[str] = frozenset()
    leaving: frozenset[str] = frozenset()
    space: str = ""
    former_space: str = ""
    details: JoinDetails | None = field(default=None, compare=False)
    row: Row | None = field(default=None, compare=False)

    @property
    def other_partitions(self) -> frozenset[str]:
        """The partitions that may hold rows of this call, except the owner's."""
        spaces = {self.space, self.former_space} - {""}
        return self.invitees | self.leaving | spaces

    def is_live(self, at: datetime) -> bool:
        return self.content is not None and self.content.gone_at > at

    def replacing(self, previous: "SharedCallRecord") -> "SharedCallRecord":
        """This record, which also names the rows that the previous one may have left."""
        former_space = "" if previous.space == self.space else previous.space
        leaving = (previous.invitees | previous.leaving) - self.invitees
        return replace(self, leaving=leaving, former_space=former_space)

    def without(self, partitions: Iterable[str]) -> "SharedCallRecord":
        """This record after the rows in some partitions were removed."""
        removed = frozenset(partitions)
        return replace(
            self,
            invitees=self.invitees - removed,
            leaving=self.leaving - removed,
            space="" if self.space in removed else self.space,
            former_space="" if self.former_space in removed else self.former_space,
        )

    def values(self) -> dict[str, Value]:
        return {
            "sharing": self.change_id,
            "owner": self.owner,
            "realm": self.realm,
            "provenAt": self.proven_at,
            "consent": self.consent,
            "invitees": _packed(self.invitees),
            "leaving": _packed(self.leaving),
            "space": self.space,
            "formerSpace": self.former_space,
            **({} if self.details is None else {"details": self.details.text()}),
            **({} if self.content is None else self.content.values()),
        }

    @classmethod
    def of(cls, row: Row) -> "SharedCallRecord":
        values: Mapping[str, Any] = row.values
        return cls(
            call_id=row.partition_key,
            change_id=values["sharing"],
            owner=values["owner"],
            realm=values["realm"],
            proven_at=values["provenAt"],
            consent=Consent(values["consent"]),
            content=Content.of(values) if "kind" in values else None,
            invitees=_unpacked(values["invitees"]),
            leaving=_unpacked(values["leaving"]),
            space=values["space"],
            former_space=values["formerSpace"],
            details=JoinDetails.of(values["details"]) if "details" in values else None,
            row=row,
        )

    def invitation_for(self, partition: str, role: Role) -> Invitation:
        return Invitation(partition, self.call_id, role, self.owner, self.consent, self.content)


def call_key(owner: Principal, kind: CallKind, name: str) -> str:
    """The id of a shared call.

    It depends on the owner, so two people who share one group id have two records. It is a hash,
    so it does not give away the group id, which is a capability.
    """
    return key("shared call", principal_key(owner), kind.value, name)


def is_call_id(text: str) -> bool:
    """Whether a text has the form of a shared call's id."""
    return bool(_CALL_ID.fullmatch(text))


def space_key(realm: str, name: str) -> str:
    """The partition of a social space."""
    return key("space", realm, name)


def _packed(keys: frozenset[str]) -> str:
    # 64 characters each: 350 are 22,400, and a property holds 32,768.
    return "".join(sorted(keys))


def _unpacked(text: str) -> frozenset[str]:
    return frozenset(text[n : n + 64] for n in range(0, len(text), 64))
