"""Writes each decision about a friend to both rows of the friendship, also if a host is killed.

A decision is first written to the decider's own row, by etag; then it is copied to the friend's
row; then the request answers. If a request is killed in between, its repetition finishes it. To
resolve one friend or to open a call, each person's decision is read from their own row. The list of
friends shows the copies, and who shares a call reads them.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime

from shared.changes import change_row, retry_if_changed
from shared.friends.rows import Decision, Friendship, Profile, State, told_since
from shared.identity.rows import Identity
from shared.keys import milliseconds, principal_key
from shared.principals import Principal
from shared.table_api import Parameter
from shared.tables import PAGE_ROWS, Row, RowChanged, Table, Value
from shared.upstream.concurrency import for_each

# Up to so many friends of one person are read with a request each, at the same time; more are read
# by a query for all of them, which costs more the more friends there are.
_MOST_POINT_READS = 32
# The rows that count, with those of a young no: that depends on when its owner said it, and never
# on what the other says.
_COUNTED = "mine ne @none and ( mine ne @no or mineSeq gt @since )"
# The filter, and its parameters, for rows whose owner has said yes.
_SAID_YES = ("mine eq @yes", {"yes": Decision.YES.value})


class Friendships:
    """The rows of all friendships. `shared.friends.friends` decides who may do what."""

    def __init__(
        self, table: Table, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._table = table
        self._now = now

    async def find(self, owner: Principal, friend: Principal) -> Friendship:
        """The owner's row about the friend, or an empty one if there is none. One point read."""
        return await self._find(principal_key(owner), principal_key(friend))

    async def decide(
        self, found: Friendship, friend: Principal, decision: Decision, *, unblock: bool = False
    ) -> tuple[Friendship, bool]:
        """Write a decision to the owner's own row, unless the row holds it already.

        Args:
            found: the owner's row, as it was read.
            unblock: whether a NO lifts a block.

        Returns:
            The owner's row as it is now, and whether this request has written it.
        """
        owner, other = found.owner, found.friend

        def change(row: Row | None) -> Mapping[str, Value] | None:
            before = _friendship(owner, other, row)
            decided = before.with_my_decision(decision, friend.id, self._now(), unblock=unblock)
            return None if decided is before else decided.values()

        changed = await change_row(self._table, owner, other, change, found=found.row)
        return _friendship(owner, other, changed.now), changed.written

    async def copy_decision(
        self,
        own_row: Friendship,
        owner_id: str,
        profile: Profile | None = None,
        *,
        or_insert: bool = True,
    ) -> Friendship | None:
        """Copy the owner's decision and profile to the friend's row, unless that has newer ones.

        Args:
            own_row: the owner's row.
            owner_id: the owner's id, by which the friend knows them.
            profile: the owner's, if they say yes.
            or_insert: if not, only a row that holds a copy of this decision gets the profile.

        Returns:
            The friend's row as it is now; None if it holds no copy and may get none.
        """
        owner, friend = own_row.friend, own_row.owner  # of the friend's row
        holds_copy = True

        def change(row: Row | None) -> Mapping[str, Value] | None:
            nonlocal holds_copy
            friends_row = _friendship(owner, friend, row)
            holds_copy = friends_row.theirs_seq == own_row.mine_seq
            if not or_insert and not holds_copy:
                return None
            copied = friends_row.with_their_decision(own_row, owner_id, profile)
            return None if copied is friends_row else copied.values()

        changed = await change_row(self._table, owner, friend, change)
        if not or_insert and not holds_copy:
            return None
        return _friendship(owner, friend, changed.now)

    async def announce(self, owner: Principal, identity: Identity) -> None:
        """Copy the owner's new name and ACS id to everybody to whom the owner has said yes.

        One query for each 1,000 of them; and for each a read, and a write on condition that the
        row is as it was read: else it could bring back a name that a withdrawal has removed.
        """
        profile = Profile.of(identity)
        after, more = "", True
        while more:
            rows, more = await self._table.page(principal_key(owner), *_SAID_YES, after=after)
            after = rows[-1].row_key if rows else ""
            # Only rows that hold a copy of this decision: if it is missing, either its request is
            # still under way and will copy it, or one of the two was erased.
            await for_each(
                map(Friendship.of, rows),
                lambda own_row: self.copy_decision(own_row, owner.id, profile, or_insert=False),
            )

    async def page(
        self,
        owner: Principal,
        state: State | None,
        after: str,
        most: int = PAGE_ROWS,
        only: Sequence[str] = (),
    ) -> tuple[list[Row], bool]:
        """The owner's rows in one state, or in all states but HIDDEN; see `Table.page`."""
        state_filter = "state ne @state" if state is None else "state eq @state"
        parameters = {"state": (state or State.HIDDEN).value}
        return await self._table.page(
            principal_key(owner), state_filter, parameters, after=after, most=most, only=only
        )

    async def keys_in_state(self, owner: Principal, state: State, most: int) -> list[str]:
        """The keys of at most `most` friends in one state, according to the copies."""
        found: list[str] = []
        more = True
        while more and len(found) < most:
            after = found[-1] if found else ""
            rows, more = await self.page(owner, state, after, most, only=("state",))
            found += [row.row_key for row in rows]
        return found[:most]

    async def counted(self, owner: Principal, most: int) -> list[Value | None]:
        """The states of at least `most` of those about whom the owner has decided, if there are so
        many; else of all. A no counts as long as it is shown to its owner (`Friendship.told`).

        One query for each 1,000, which reads nothing else of them.
        """
        parameters: Mapping[str, Parameter] = {
            "none": Decision.NONE.value,
            "no": Decision.NO.value,
            "since": told_since(self._now()),
        }
        found: list[Value | None] = []
        after, more = "", True
        while more and len(found) < most:
            rows, more = await self._table.page(
                principal_key(owner), _COUNTED, parameters, after=after, only=("state",)
            )
            after = rows[-1].row_key if rows else ""
            found += [row.values.get("state") for row in rows]
        return found

    async def friends_among(self, owner: str, others: Collection[str]) -> set[str]:
        """Which of the others are friends of a partition's owner, according to the copies.

        A point read for each of at most 32 others; if more are asked about, a query for each 1,000
        friends.
        """
        if len(others) > _MOST_POINT_READS:
            accepted = ("state eq @state", {"state": State.ACCEPTED.value})
            rows = await self._table.list_for(owner, *accepted, only=("state",))
            return {row.row_key for row in rows}.intersection(others)
        found = set[str]()

        async def read(other: str) -> None:
            if await self.has_as_friend(owner, other):
                found.add(other)

        await for_each(others, read)
        return found

    async def has_as_friend(self, owner: str, friend: str) -> bool:
        """Whether both say yes, by the owner's row, which has a copy of the friend's decision. One
        point read."""
        return (await self._find(owner, friend)).state is State.ACCEPTED

    async def ids_of_friends(self, owner: str) -> dict[str, str]:
        """The ids of everybody in a partition's rows, by the keys of their mappings."""
        rows = await self._table.list_for(owner)
        return {
            row.row_key: str(row.values["friendId"]) for row in rows if "friendId" in row.values
        }

    async def has_accepted(self, owner: str, friend: str) -> bool:
        """Whether the owner says yes to the friend, by the owner's own row. One point read."""
        return (await self._find(owner, friend)).mine is Decision.YES

    async def undo(
        self, decided: Friendship, *, written: bool = True, before: Decision = Decision.NONE
    ) -> None:
        """Remove a decision from both rows, such as one whose owner was erased meanwhile.

        A later decision stays, also that of a person who came after the erasure; and so does the
        friend's own decision.

        Args:
            decided: the owner's row with the decision.
            written: whether this request wrote it; if not, only an orphaned copy is removed.
            before: the owner's decision before this one.
        """

        async def remove_from_both() -> None:
            own_row = await self._find(decided.owner, decided.friend)
            friends_row = await self._find(decided.friend, decided.owner)
            if not written and own_row.mine_seq == decided.mine_seq:
                return
            if friends_row.theirs_seq == decided.mine_seq:
                await self._replace_or_remove(friends_row, friends_row.without_theirs())
            if own_row.mine_seq == decided.mine_seq:
                await self._replace_or_remove(own_row, own_row.with_restored_decision(before))

        await retry_if_changed(remove_from_both)

    async def undo_earlier(self, owner: str, friend: str, than: datetime | None) -> None:
        """Remove the owner's decision from both rows if it was made before a time; None for any."""
        decided = await self._find(owner, friend)
        is_earlier = than is None or decided.mine_seq < milliseconds(than)
        if decided.mine is not Decision.NONE and is_earlier:
            await self.undo(decided)

    async def retract_orphan(self, owner: Principal, friend: Principal) -> None:
        """Remove the copy of an owner's decision if the owner's row does not hold the decision.

        A request that was killed while its caller was being erased may leave such a copy. A
        decision is written before it is copied, so the copy is read first: if its decision is not
        in the row that is read after it, that decision was removed.
        """
        await self._retract_orphan(principal_key(owner), principal_key(friend))

    async def _retract_orphan(self, owner: str, friend: str) -> None:
        async def retract() -> None:
            friends_row = await self._find(friend, owner)
            own_row = await self._find(owner, friend)
            if friends_row.theirs_seq > own_row.mine_seq:
                await self._replace_or_remove(friends_row, friends_row.without_theirs())

        await retry_if_changed(retract)

    async def settle(self, owner: str, friend: str) -> None:
        """Remove the copy of a yes from the friend's row if the owner has withdrawn the yes.

        It copies no yes: for that, the owner repeats the request. Repeatable.

        Args:
            owner, friend: PartitionKeys of their mappings.
        """

        async def change(row: Row | None) -> Mapping[str, Value] | None:
            friends_row, own_row = _friendship(friend, owner, row), await self._find(owner, friend)
            if own_row.mine is Decision.YES or friends_row.friend_id is None:
                return None
            copied = friends_row.with_their_decision(own_row, friends_row.friend_id)
            return None if copied is friends_row else copied.values()

        await change_row(self._table, friend, owner, change)
        await self._retract_orphan(owner, friend)

    async def are_friends(self, one: str, other: str) -> bool:
        """Whether both say yes, each by their own row. Two point reads."""
        accepted = await asyncio.gather(
            self.has_accepted(one, other), self.has_accepted(other, one)
        )
        return all(accepted)

    async def erase(self, principal: Principal) -> None:
        """Remove both rows of every friendship. Repeatable, also after a kill half-way."""
        rows, more = await self._table.page(principal_key(principal))
        while rows:
            await for_each(map(Friendship.of, rows), self._erase)
            rows, more = await self._table.page(principal_key(principal)) if more else ([], False)

    async def export(self, principal: Principal) -> list[dict[str, Value]]:
        """The principal's decisions, and of the friends' decisions only what the list shows: that a
        friend has said no, or was erased, must not be revealed, although the rows hold it. An old
        no is not exported either: its row stays only because of what the friend says."""
        now = self._now()
        rows = map(Friendship.of, await self._table.list_for(principal_key(principal)))
        told = ((row, row.told(now)) for row in rows if row.friend_id)
        return [
            _exported(row, mine)
            for row, mine in told
            if mine is not Decision.NONE or row.state is not State.HIDDEN
        ]

    async def _find(self, owner: str, friend: str) -> Friendship:
        return _friendship(owner, friend, await self._table.find(owner, friend))

    async def _erase(self, own_row: Friendship) -> None:
        """Remove the friend's row, and then the owner's, by which the friend's is found."""
        found = own_row

        async def remove_both() -> None:
            nonlocal found
            friends_row = await self._find(own_row.friend, own_row.owner)
            try:
                await self._replace_or_remove(friends_row, friends_row.without_friend())
                await self._replace_or_remove(found, None)
            except RowChanged:
                found = await self._find(own_row.owner, own_row.friend)
                if found.row is not None:  # else the friend is being erased too, and removed it
                    raise

        await retry_if_changed(remove_both)

    async def _replace_or_remove(self, found: Friendship, new: Friendship | None) -> None:
        """Replace a row that was read, or remove it if `new` is None. Raises RowChanged."""
        if found.row is None or new == found:
            return
        if new is None:
            await self._table.remove_unchanged(found.row)
        else:
            await self._table.replace(found.row, new.values())


def _friendship(owner: str, friend: str, row: Row | None) -> Friendship:
    return Friendship(owner, friend) if row is None else Friendship.of(row)


def _exported(friendship: Friendship, mine: Decision) -> dict[str, Value]:
    # Without the sequence number: it is higher than the friend's, and would reveal a hidden no.
    exported: dict[str, Value] = {"id": friendship.friend_id or "", "mine": mine.value}
    if friendship.state is not State.HIDDEN:
        exported["state"] = friendship.state.value
    if friendship.profile and friendship.profile.display_name and friendship.state in _NAMED:
        exported["displayName"] = friendship.profile.display_name
    return exported


# The states in which the owner sees the friend's name.
_NAMED = (State.ACCEPTED, State.INCOMING)
