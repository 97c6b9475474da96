"""Rules for the rows of the table `friends`: the two rows of a friendship agree."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from shared.checking import ReadOnce, Rule, readable
from shared.friends.friendships import Friendships
from shared.friends.rows import Decision, Friendship
from shared.friends.withdrawn import WithdrawnRequests
from shared.identity.rows import REVERSE_ROW, is_erasing, is_spare, is_tombstone
from shared.keys import milliseconds
from shared.tables import FRIENDS, Row, Table

# Tidy sweeps once a day, and a sweep of large tables takes several runs.
_SWEPT_WITHIN = timedelta(days=2)


class FriendshipChecks:
    """The rules of friendships."""

    def __init__(
        self,
        table: Table,
        identities: Table,
        friendships: Friendships,
        withdrawn: WithdrawnRequests,
    ) -> None:
        self._table = table
        self._withdrawn = withdrawn
        self._identities = identities
        self._friendships = friendships
        self._friendship = ReadOnce(Friendship.of)

    @property
    def rules(self) -> Sequence[Rule]:
        return (
            readable("friendship-unreadable", FRIENDS, self._friendship),
            Rule(
                "friendship-state-wrong",
                FRIENDS,
                "the state by which lists are read is written as the decisions say",
                self._has_wrong_state,
                self._write_state,
            ),
            Rule(
                "friendship-yes-withdrawn",
                FRIENDS,
                "the copy of a yes that the friend has not said is removed",
                self._copies_no_yes,
                self._take_back,
            ),
            Rule(
                "friendship-yes-not-copied",
                FRIENDS,
                "Nobody sees anything untrue: the person who said yes can repeat their request"
                " (PUT /friends/...), or withdraw it.",
                self._is_not_copied,
            ),
            Rule(
                "friendship-of-erased",
                FRIENDS,
                "the row, which an erasure should have removed, is removed",
                self._is_of_erased,
                self._table.remove_unchanged,
            ),
            Rule(
                "friendship-over",
                FRIENDS,
                "the two rows, in which nobody says yes or blocks any more, are removed",
                lambda row: self._withdrawn.is_over(row, _SWEPT_WITHIN),
                self._withdrawn.remove,
            ),
        )

    async def _has_wrong_state(self, row: Row) -> bool:
        return row.values.get("state") != self._friendship(row).state

    async def _write_state(self, row: Row) -> None:
        await self._table.replace(row, self._friendship(row).values())

    async def _copies_no_yes(self, row: Row) -> bool:
        own = self._friendship(row)
        if own.theirs is not Decision.YES:
            return False
        return not await self._friendships.has_accepted(own.friend, own.owner)

    async def _take_back(self, row: Row) -> None:
        await self._friendships.settle(row.row_key, row.partition_key)

    async def _is_not_copied(self, row: Row) -> bool:
        own = self._friendship(row)
        if own.mine is not Decision.YES:
            return False
        other = await self._table.find(own.friend, own.owner)
        if other is None:
            return True
        friends = Friendship.of(other)
        return (friends.theirs, friends.theirs_seq) != (Decision.YES, own.mine_seq)

    async def _is_of_erased(self, row: Row) -> bool:
        """Whether its owner was erased after the decision in it, and has not come again.

        Sequence numbers are milliseconds since 1970, or a little higher.
        """
        own = self._friendship(row)
        if own.mine is Decision.NONE:
            return False  # the owner decided nothing: the friend did
        erased = [
            one
            for one in await self._identities.list_for(own.owner)
            if one.row_key != REVERSE_ROW and not is_spare(one)
        ]
        if not erased or not all(is_tombstone(one) and not is_erasing(one) for one in erased):
            return False
        times = [one.values["erasedAt"] for one in erased]
        return all(isinstance(at, datetime) and milliseconds(at) > own.mine_seq for at in times)
