"""Rows of the table `friends`, and what they mean.

A friendship of two people is two rows, one in each person's partition. A row has two halves: `mine`
is its owner's decision about the friend, and only the owner's requests write it; `theirs` is a copy
of the friend's decision about the owner, and only the friend's requests write it. Each decision has
a sequence number, and a lower one never overwrites a higher.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from shared.identity.rows import Identity
from shared.keys import milliseconds
from shared.tables import Row, Value


class Decision(StrEnum):
    """What one person has decided about another."""

    NONE = "none"
    YES = "yes"
    NO = "no"  # removed, declined or withdrawn
    BLOCK = "block"  # as NO, and later requests of the other stay hidden; copied as NO


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# How long both rows of an ended friendship or request stay, until `shared.friends.withdrawn`
# removes them: an HTTP request ends after minutes, and hosts' clocks differ by less.
KEPT = timedelta(hours=1)
# How long a person's own no is shown to them: it counts, and is in their export. After that they
# cannot tell whether the row was removed, or stays because the other has blocked them. It is
# shorter than KEPT by more than hosts' clocks differ, so that no row is removed that is still
# shown.
NO_TOLD = KEPT - timedelta(minutes=10)
# A look-up takes a quarter of the time of `Decision(...)`, and a list has thousands.
_DECISIONS = {decision.value: decision for decision in Decision}


class State(StrEnum):
    """How a friendship looks to the owner of a row."""

    ACCEPTED = "accepted"  # both have said yes
    REQUESTED = "requested"  # the owner has said yes; a no of the friend is not shown
    INCOMING = "incoming"  # the friend has said yes, and the owner has not answered since
    HIDDEN = "hidden"  # not in the list


@dataclass(frozen=True)
class Profile:
    """What friends see of a person.

    Attributes:
        version: of the name and the ACS id; see `Identity.version`.
        resource: the RowKey of the person's mapping, which names the ACS resource.
    """

    version: int
    display_name: str | None
    communication_user_id: str
    resource: str

    @classmethod
    def of(cls, identity: Identity) -> "Profile":
        return cls(
            identity.version,
            identity.display_name,
            identity.communication_user_id,
            identity.row.row_key,
        )


@dataclass  # not frozen: to make one would take twice as long, and a list has thousands
class Friend:
    """A friend as the owner of a row may see them.

    Attributes:
        display_name: None unless they have said yes, and have a name.
        communication_user_id: None unless both have said yes.
    """

    id: str
    display_name: str | None
    state: State
    communication_user_id: str | None

    @classmethod
    def of(
        cls,
        friend_id: str,
        state: State,
        display_name: str | None,
        communication_user_id: str | None,
    ) -> "Friend":
        """The friend in this state; name and ACS id are what the owner's row has."""
        if state is State.ACCEPTED:
            return cls(friend_id, display_name, state, communication_user_id)
        return cls(friend_id, display_name if state is State.INCOMING else None, state, None)

    @classmethod
    def in_list(cls, row: Row) -> "Friend":
        """The friend of a stored row. A list has thousands: to read the rest of each row takes five
        times as long."""
        values: Mapping[str, Any] = row.values
        state = _state(
            _DECISIONS[values["mine"]],
            values["mineSeq"],
            _DECISIONS[values["theirs"]],
            values["theirsSeq"],
        )
        name, user_id = values.get("theirsName"), values.get("theirsUserId")
        return cls.of(values.get("friendId") or "", state, name, user_id)


@dataclass(frozen=True)
class Friendship:
    """One person's row about another, as it is stored or will be.

    Attributes:
        owner, friend: PartitionKeys of their mappings (`principal_key`); the keys of the row.
        friend_id: None if the row is a block that stays after the friend's erasure.
        profile: the friend's, while the friend says yes.
        row: the stored row, as it was read; None if there is none.
    """

    owner: str
    friend: str
    friend_id: str | None = None
    mine: Decision = Decision.NONE
    mine_seq: int = 0
    theirs: Decision = Decision.NONE
    theirs_seq: int = 0
    profile: Profile | None = None
    row: Row | None = field(default=None, compare=False)

    @classmethod
    def of(cls, row: Row) -> "Friendship":
        values: Mapping[str, Any] = row.values
        profile = None
        if "theirsUserId" in values:
            profile = Profile(
                values["theirsVersion"],
                values.get("theirsName"),
                values["theirsUserId"],
                values["theirsResource"],
            )
        return cls(
            owner=row.partition_key,
            friend=row.row_key,
            friend_id=values.get("friendId"),
            mine=_DECISIONS[values["mine"]],
            mine_seq=values["mineSeq"],
            theirs=_DECISIONS[values["theirs"]],
            theirs_seq=values["theirsSeq"],
            profile=profile,
            row=row,
        )

    def values(self) -> dict[str, Value]:
        """The values to store; `state` is stored for queries."""
        stored: dict[str, Value] = {
            "mine": self.mine,
            "mineSeq": self.mine_seq,
            "theirs": self.theirs,
            "theirsSeq": self.theirs_seq,
            "state": self.state,
        }
        if self.friend_id is not None:
            stored["friendId"] = self.friend_id
        if self.profile is not None:
            stored["theirsVersion"] = self.profile.version
            stored["theirsUserId"] = self.profile.communication_user_id
            stored["theirsResource"] = self.profile.resource
            if self.profile.display_name is not None:
                stored["theirsName"] = self.profile.display_name
        return stored

    @property
    def state(self) -> State:
        return _state(self.mine, self.mine_seq, self.theirs, self.theirs_seq)

    @property
    def decided_at(self) -> datetime:
        """When the later of the two decisions was made, or a little later: see `milliseconds`."""
        return _EPOCH + timedelta(milliseconds=max(self.mine_seq, self.theirs_seq))

    def told(self, now: datetime) -> Decision:
        """The owner's decision, as it is shown to the owner: an old no is taken for none.

        It follows from the owner's half alone. How long the row stays depends on the friend's
        decision, and must not show.
        """
        is_old_no = self.mine is Decision.NO and self.mine_seq <= told_since(now)
        return Decision.NONE if is_old_no else self.mine

    def is_over(self, until: datetime | None = None) -> bool:
        """Whether nobody says yes or blocks here, and nobody has decided anything since `until`."""
        is_over = {self.mine, self.theirs} <= {Decision.NONE, Decision.NO}
        return is_over and (until is None or self.decided_at <= until)

    def with_my_decision(
        self, decision: Decision, friend_id: str, at: datetime, *, unblock: bool
    ) -> "Friendship":
        """The row after a decision of its owner; the same object if that changes nothing.

        The sequence number is higher than both numbers of the row, even if the clocks of hosts
        differ, and higher than any from before an erasure of the row.

        Args:
            unblock: whether a NO lifts a block; if not, a NO leaves the block as it is.
        """
        if decision is Decision.NO and (self.mine is Decision.NONE or self.mine is Decision.NO):
            is_unchanged = self.state is State.HIDDEN
        elif decision is Decision.NO and self.mine is Decision.BLOCK:
            is_unchanged = not unblock
        else:
            is_unchanged = self.mine is decision
        if is_unchanged:
            return self
        seq = max(self.mine_seq, self.theirs_seq, milliseconds(at) - 1) + 1
        return replace(self, friend_id=friend_id, mine=decision, mine_seq=seq)

    def with_their_decision(
        self, friends_row: "Friendship", friend_id: str, profile: Profile | None = None
    ) -> "Friendship":
        """The row with a copy of the friend's decision; the same object if that is not newer.

        Args:
            friends_row: the friend's row about the owner of this row.
            profile: the friend's, if they say yes; a no removes it.
        """
        says_yes = friends_row.mine is Decision.YES
        version = profile.version if says_yes and profile else 0
        stored_version = self.profile.version if self.profile else 0
        if (friends_row.mine_seq, version) <= (self.theirs_seq, stored_version):
            return self
        return replace(
            self,
            friend_id=friend_id,
            theirs=Decision.YES if says_yes else Decision.NO,
            theirs_seq=friends_row.mine_seq,
            profile=profile if says_yes else None,
        )

    def with_restored_decision(self, decision: Decision) -> "Friendship | None":
        """The row with the owner's former decision, under the number of the present one; None if
        nothing is left in the row."""
        if decision is Decision.NONE and self.theirs is Decision.NONE:
            return None
        seq = 0 if decision is Decision.NONE else self.mine_seq
        return replace(self, mine=decision, mine_seq=seq)

    def without_theirs(self) -> "Friendship | None":
        """The row with the owner's half alone; None if that is empty, too."""
        if self.mine is Decision.NONE:
            return None
        # A block does not need the friend's id, and the friend may have been erased.
        friend_id = None if self.mine is Decision.BLOCK else self.friend_id
        return replace(self, friend_id=friend_id, theirs=Decision.NONE, theirs_seq=0, profile=None)

    def without_friend(self) -> "Friendship | None":
        """What stays after the friend's erasure: nothing, or the keys of a block, because else a
        blocked person could lift the block by an erasure."""
        if self.mine is not Decision.BLOCK:
            return None
        return Friendship(self.owner, self.friend, None, self.mine, self.mine_seq, row=self.row)


def told_since(now: datetime) -> int:
    """The sequence number after which a no is shown to its owner."""
    return milliseconds(now - NO_TOLD)


def friends_resource(row: Row) -> str | None:
    """The resource of the friend's ACS id that a stored row has; None if it has none."""
    resource = row.values.get("theirsResource")
    return None if resource is None else str(resource)


def _state(mine: Decision, mine_seq: int, theirs: Decision, theirs_seq: int) -> State:
    if mine is Decision.YES:
        return State.ACCEPTED if theirs is Decision.YES else State.REQUESTED
    if theirs is not Decision.YES or mine is Decision.BLOCK:
        return State.HIDDEN
    # A person whom the owner has removed stays hidden until they withdraw and ask again.
    return State.INCOMING if theirs_seq > mine_seq else State.HIDDEN
