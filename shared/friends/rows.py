"""Rows of the table `friends`, and what they mean.

A friendship of two people is two rows, one in each one's partition. A row has two halves: `mine`,
its owner's word about the friend, written by the owner's requests alone; and `theirs`, a copy of
the friend's word about the owner, written by the friend's. Each word has a sequence number, and a
lower one never overwrites a higher.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from shared.identity.rows import Identity
from shared.keys import milliseconds
from shared.tables import Row, Value


class Decision(StrEnum):
    """What one person has said about another."""

    NONE = "none"
    YES = "yes"
    NO = "no"  # has removed, declined or withdrawn
    BLOCK = "block"  # the same, and does not want to hear of it; copied as NO


class State(StrEnum):
    """How a friendship looks to the owner of a row."""

    ACCEPTED = "accepted"  # both have said yes
    REQUESTED = "requested"  # the owner has; whether the friend said no is not shown
    INCOMING = "incoming"  # the friend has, and the owner has not answered since
    HIDDEN = "hidden"


@dataclass(frozen=True)
class Profile:
    """What friends are told of a person.

    Attributes:
        version: of the other three; see `Identity.version`.
        resource: RowKey of the mapping that it comes from: names the ACS resource.
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


@dataclass(frozen=True)
class Friendship:
    """One person's row about another, stored or about to be.

    Attributes:
        owner, friend: PartitionKeys of their mappings (`principal_key`); the keys of the row.
        friend_id: None where a block outlives the friend's erasure.
        profile: the friend's, while they say yes.
        row: as it was read; None where there is none.
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
        values = row.values
        friend_id, name = values.get("friendId"), values.get("theirsName")
        profile = None
        if "theirsUserId" in values:
            profile = Profile(
                int(str(values["theirsVersion"])),
                None if name is None else str(name),
                str(values["theirsUserId"]),
                str(values["theirsResource"]),
            )
        return cls(
            owner=row.partition_key,
            friend=row.row_key,
            friend_id=None if friend_id is None else str(friend_id),
            mine=Decision(str(values["mine"])),
            mine_seq=int(str(values["mineSeq"])),
            theirs=Decision(str(values["theirs"])),
            theirs_seq=int(str(values["theirsSeq"])),
            profile=profile,
            row=row,
        )

    def values(self) -> dict[str, Value]:
        """As it is stored; `state` is there for queries."""
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
        if self.mine is Decision.YES:
            return State.ACCEPTED if self.theirs is Decision.YES else State.REQUESTED
        if self.theirs is not Decision.YES or self.mine is Decision.BLOCK:
            return State.HIDDEN
        # Whoever was removed is not seen again until they withdraw and ask anew.
        return State.INCOMING if self.theirs_seq > self.mine_seq else State.HIDDEN

    def with_my_decision(
        self, word: Decision, friend_id: str, at: datetime, *, unblock: bool
    ) -> "Friendship":
        """After a decision of the owner; itself where that is what stands already.

        The sequence number is higher than all that either side has seen, whatever the clocks of
        the hosts are, and higher than any from before an erasure of the row.

        Args:
            unblock: whether a NO lifts a block; otherwise that stays.
        """
        if word is Decision.NO and (self.mine is Decision.NONE or self.mine is Decision.NO):
            stands = self.state is State.HIDDEN
        elif word is Decision.NO and self.mine is Decision.BLOCK:
            stands = not unblock
        else:
            stands = self.mine is word
        if stands:
            return self
        seq = max(self.mine_seq, self.theirs_seq, milliseconds(at) - 1) + 1
        return replace(self, friend_id=friend_id, mine=word, mine_seq=seq)

    def with_their_decision(
        self, said: "Friendship", friend_id: str, profile: Profile | None = None
    ) -> "Friendship":
        """After a copy of the friend's word; itself where that is nothing newer.

        Args:
            said: the friend's row about the owner of this one.
            profile: the friend's, where they say yes; a no wipes it.
        """
        wanted = said.mine is Decision.YES
        version = profile.version if wanted and profile else 0
        known = self.profile.version if self.profile else 0
        if (said.mine_seq, version) <= (self.theirs_seq, known):
            return self
        return replace(
            self,
            friend_id=friend_id,
            theirs=Decision.YES if wanted else Decision.NO,
            theirs_seq=said.mine_seq,
            profile=profile if wanted else None,
        )

    def with_restored_decision(self, word: Decision) -> "Friendship | None":
        """With another word of the owner's under the same number; None where both are empty."""
        if word is Decision.NONE and self.theirs is Decision.NONE:
            return None
        return replace(self, mine=word, mine_seq=0 if word is Decision.NONE else self.mine_seq)

    def without_theirs(self) -> "Friendship | None":
        """The owner's half alone; None where that is empty too."""
        if self.mine is Decision.NONE:
            return None
        # Of a block the id is not needed, and they may have been erased.
        kept = None if self.mine is Decision.BLOCK else self.friend_id
        return replace(self, friend_id=kept, theirs=Decision.NONE, theirs_seq=0, profile=None)

    def without_friend(self) -> "Friendship | None":
        """What stays when the friend is erased: of a block, the keys, or who was blocked could
        shake that off; else nothing."""
        if self.mine is not Decision.BLOCK:
            return None
        return Friendship(self.owner, self.friend, None, self.mine, self.mine_seq, row=self.row)
