"""Rows of shared calls, and what they mean.

The record of a call (table `sharedcalls`) says who may join and how, and each change by the owner
goes through it. Listings are read from the table `invitations`: it has a row for each person or
space, which is written after the record. A row of a listing may outlive the record, so it never
holds how to join.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from shared.bounds import INVITEES
from shared.keys import key, principal_key
from shared.principals import Principal
from shared.sharing.join_details import JoinDetails
from shared.sharing.packed_keys import packed, unpacked
from shared.sharing.places import Place, places_text, read_places
from shared.tables import Row, Value

RECORD_ROW = "call"
# ACS allows 350 participants in a group call; their keys fit in one property of the record.
MOST_INVITEES = INVITEES.number
LONGEST_TITLE = 256  # characters
_CALL_ID = re.compile("[0-9a-f]{64}")
# How long a call without an end time is listed, from its start or from when it was shared.
DEFAULT_DURATION = timedelta(hours=24)
# Revisions count the seconds from here: so they fit into the 32 bits of a calendar's SEQUENCE.
_FIRST_REVISION = datetime(2020, 1, 1, tzinfo=UTC)


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
    """The reason why an owner may invite somebody."""

    FRIENDSHIP = "friendship"
    ROLE = "role"  # the owner has the app role to invite anyone


# A look-up takes a quarter of the time of `Role(...)`, and a listing has a thousand rows.
_KINDS = {kind.value: kind for kind in CallKind}
_ROLES = {role.value: role for role in Role}
_CONSENTS = {consent.value: consent for consent in Consent}


@dataclass  # as the next two not frozen: a listing has a thousand, and would take twice as long
class Host:
    """The person who shares a call, as invitees see them."""

    id: str
    display_name: str | None


@dataclass
class Content:
    """What is shared.

    Attributes:
        locator: the argument of the Calling SDK's `join`, a capability. Empty in a listing.
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
        return self.ends_at or (self.starts_at or self.shared_at) + DEFAULT_DURATION

    @property
    def due_at(self) -> datetime:
        """When it begins; listings are sorted by this."""
        return self.starts_at or self.shared_at

    def values(self) -> dict[str, Value]:
        times = {"startsAt": self.starts_at, "endsAt": self.ends_at}
        texts = {"title": self.title, "hostName": self.host.display_name}
        return {
            "kind": self.kind,
            **({"locator": json.dumps(dict(self.locator))} if self.locator else {}),
            "sharedAt": self.shared_at,
            "hostId": self.host.id,
            **{name: moment for name, moment in times.items() if moment is not None},
            **{name: text for name, text in texts.items() if text is not None},
        }

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "Content":
        return cls(
            kind=_KINDS[values["kind"]],
            locator=json.loads(values["locator"]) if "locator" in values else {},
            title=values.get("title"),
            starts_at=values.get("startsAt"),
            ends_at=values.get("endsAt"),
            shared_at=values["sharedAt"],
            host=Host(values["hostId"], values.get("hostName")),
        )


@dataclass
class Invitation:
    """A row of a listing.

    Attributes:
        partition: the partition of a person (`principal_key`) or a space (`space_key`).
        owner: PartitionKey of the owner's mapping.
        content: without the locator. None in the owner's row until the record is stored: until
            then the row only tells an erasure of the owner that there may be a record.
        space: in the owner's row: the space that the record names, or ""; None in rows that an
            earlier version wrote.
        places: in the owner's row: those that requests have taken for the call.
        old_locator: what earlier versions wrote; no answer has it.
    """

    partition: str
    call_id: str
    role: Role
    owner: str
    consent: Consent
    content: Content | None
    space: str | None = None
    places: tuple[Place, ...] = ()
    old_locator: str | None = None
    row: Row | None = field(default=None, compare=False)

    def is_live(self, at: datetime) -> bool:
        return self.content is not None and self.content.gone_at > at

    def has_ended(self, at: datetime) -> bool:
        return self.content is not None and self.content.gone_at <= at

    def without_place(self, change_id: str) -> "Invitation":
        """The row after the request of a change has given its place back."""
        left = tuple(place for place in self.places if place.change_id != change_id)
        return replace(self, places=left)

    def values(self) -> dict[str, Value]:
        content = {} if self.content is None else self.content.values()
        return {
            "role": self.role,
            "owner": self.owner,
            "consent": self.consent,
            **content,
            **({} if self.space is None else {"space": self.space}),
            **({"places": places_text(self.places)} if self.places else {}),
            **({} if self.old_locator is None else {"locator": self.old_locator}),
        }

    @classmethod
    def of(cls, row: Row) -> "Invitation":
        values: Mapping[str, Any] = row.values
        stored = {**values, "locator": "{}"} if "locator" in values else values
        return cls(
            partition=row.partition_key,
            call_id=row.row_key,
            role=_ROLES[values["role"]],
            owner=values["owner"],
            consent=_CONSENTS[values["consent"]],
            content=Content.of(stored) if "kind" in values else None,
            space=values.get("space"),
            places=read_places(values["places"]) if "places" in values else (),
            old_locator=values.get("locator"),
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
        consent: the reason why the owner may invite the invitees.
        content: None once the call is unshared.
        invitees: PartitionKeys of their mappings; at most 350, which fit in one property.
        leaving: invitees of earlier versions whose rows may still be there.
        space: the partition of a space, or "".
        former_space: a space of an earlier version whose row may still be there, or "".
        space_name: how the owner named the space; None if none is named, or by an earlier version.
        counted_revision: as `revision`; None in records that an earlier version wrote.
        fallback: of a meeting whose changes Teams has not accepted yet: the record before them, as
            `fallbacks` reads it, or "" if nothing was shared; None if there is nothing to accept.
        details: how to join a Teams meeting. They change as Teams answers, so two records are
            equal even if they differ in this.
        is_settled: whether all rows show this record, and the consent of each invitee was read
            after their row was written. Before one of these rows is removed, the record is changed.
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
    space_name: str | None = None
    counted_revision: int | None = None
    fallback: str | None = field(default=None, compare=False)
    details: JoinDetails | None = field(default=None, compare=False)
    is_settled: bool = field(default=False, compare=False)
    row: Row | None = field(default=None, compare=False)

    @property
    def other_partitions(self) -> frozenset[str]:
        """The partitions that may hold rows of this call, except the owner's."""
        spaces = {self.space, self.former_space} - {""}
        return self.invitees | self.leaving | spaces

    @property
    def revision(self) -> int:
        """A number that each sharing raises: at least the seconds since 2020, so that it is higher
        than before even if the record was removed in between."""
        if self.counted_revision is not None or self.content is None:
            return self.counted_revision or 0
        return (self.content.shared_at - _FIRST_REVISION) // timedelta(seconds=1)

    def is_live(self, at: datetime) -> bool:
        return self.content is not None and self.content.gone_at > at

    def replacing(self, previous: "SharedCallRecord") -> "SharedCallRecord":
        """This record, which also names the rows that the previous one may have left."""
        former_space = "" if previous.space == self.space else previous.space
        return replace(
            self,
            leaving=(previous.invitees | previous.leaving) - self.invitees,
            former_space=former_space,
            counted_revision=max(self.revision, previous.revision + 1),
            is_settled=False,
        )

    def ended(self, change_id: str) -> "SharedCallRecord":
        """This record once the call is unshared: it still names the rows that have to go."""
        return replace(
            self,
            content=None,
            details=None,
            fallback=None,
            change_id=change_id,
            counted_revision=self.revision,
            is_settled=False,
        )

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
            "invitees": packed(self.invitees),
            "leaving": packed(self.leaving),
            "space": self.space,
            "formerSpace": self.former_space,
            **({} if self.space_name is None else {"spaceName": self.space_name}),
            **({} if self.counted_revision is None else {"revision": self.counted_revision}),
            **({} if self.fallback is None else {"fallback": self.fallback}),
            **({} if self.details is None else {"details": self.details.text()}),
            **({"settled": True} if self.is_settled else {}),
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
            consent=_CONSENTS[values["consent"]],
            content=Content.of(values) if "kind" in values else None,
            invitees=unpacked(values["invitees"]),
            leaving=unpacked(values["leaving"]),
            space=values["space"],
            former_space=values["formerSpace"],
            space_name=values.get("spaceName"),
            counted_revision=values.get("revision"),
            fallback=values.get("fallback"),
            details=JoinDetails.of(values["details"]) if "details" in values else None,
            is_settled=values.get("settled", False),
            row=row,
        )

    def invitation_for(self, partition: str, role: Role) -> Invitation:
        """The row that lists the call for somebody; it does not say how to join."""
        listed = None if self.content is None else replace(self.content, locator={})
        space = self.space if role is Role.OWNER else None
        return Invitation(partition, self.call_id, role, self.owner, self.consent, listed, space)


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
