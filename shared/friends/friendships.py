"""How a decision about a friend reaches both rows of the friendship, whoever dies on the way.

A decision is first claimed in the decider's own row, by etag; then it is copied to the friend's
row; then the request answers. A request that was killed in between is finished by its repetition.
Consent to resolve one friend is judged on each side's own word, the list shows the copies.
"""

import contextlib
from collections.abc import Callable
from datetime import UTC, datetime

from shared.friends.rows import Decision, Friendship, Profile, State
from shared.identity.rows import Identity
from shared.keys import principal_key
from shared.principals import Principal
from shared.problems import Conflict
from shared.tables import PAGE_ROWS, RowChanged, Table, Value
from shared.upstream.concurrency import for_each

# How often a write is tried anew because another request wrote the same row meanwhile.
_TRIES = 10
_SAID_YES = ("mine eq @yes", {"yes": Decision.YES.value})


class Friendships:
    """The rows of all friendships. Who may do what is the business of `shared.friends.friends`."""

    def __init__(
        self, table: Table, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._table = table
        self._now = now

    async def find(self, owner: Principal, friend: Principal) -> Friendship:
        """The owner's row about the friend, an empty one where there is none. One point read."""
        return await self._find(principal_key(owner), principal_key(friend))

    async def decide(
        self, found: Friendship, friend: Principal, word: Decision, *, unblock: bool = False
    ) -> tuple[Friendship, bool]:
        """Claim a decision in the owner's own row; nothing is written where it stands already.

        Args:
            found: the owner's row, as it was read.
            unblock: whether a NO lifts a block.

        Returns:
            The owner's row as it stands, and whether this call has written it.
        """
        for _ in range(_TRIES):
            decided = found.with_my_decision(word, friend.id, self._now(), unblock=unblock)
            if decided is found:
                return found, False
            try:
                return await self._write(decided), True
            except RowChanged:
                found = await self._find(found.owner, found.friend)
        raise Conflict

    async def copy_decision(
        self, said: Friendship, owner_id: str, profile: Profile | None = None
    ) -> Friendship:
        """Copy the owner's word, and who they are, to the friend's row, unless newer is there.

        Args:
            said: the owner's row.
            owner_id: what the friend calls the owner.
            profile: the owner's, where they say yes.

        Returns:
            The friend's row as it stands.
        """
        told = await self._copy_decision(said, owner_id, profile, or_insert=True)
        assert told is not None  # noqa: S101
        return told

    async def announce(self, owner: Principal, identity: Identity) -> None:
        """Tell everybody whom the owner has said yes to the owner's new name and ACS id.

        One query for each 1,000 of them, and for each a read and a write on condition of what was
        read: a blind write could bring back what a withdrawal has wiped.
        """
        profile = Profile.of(identity)
        after, more = "", True
        while more:
            rows, more = await self._table.page(principal_key(owner), *_SAID_YES, after=after)
            after = rows[-1].row_key if rows else ""
            # Only who has been told already: others hear it from the request that is under way,
            # or somebody has been erased since.
            await for_each(
                map(Friendship.of, rows),
                lambda said: self._copy_decision(said, owner.id, profile, or_insert=False),
            )

    async def page(
        self, owner: Principal, state: State | None, after: str, most: int = PAGE_ROWS
    ) -> tuple[list[Friendship], bool]:
        """The owner's rows in one state, or in all that are shown; see `Table.page`."""
        only = "state ne @state" if state is None else "state eq @state"
        named = {"state": (state or State.HIDDEN).value}
        rows, more = await self._table.page(
            principal_key(owner), only, named, after=after, most=most
        )
        return [Friendship.of(row) for row in rows], more

    async def keys_in_state(self, owner: Principal, state: State, most: int) -> list[str]:
        """The keys of friends in one state, as the copies say; no more than are asked for."""
        found: list[str] = []
        more = True
        while more and len(found) < most:
            rows, more = await self.page(owner, state, found[-1] if found else "", most)
            found += [row.friend for row in rows]
        return found[:most]

    async def accepted(self, owner: str) -> set[str]:
        """The keys of everybody who is a friend of the owner of a partition, as the copies say."""
        only = ("state eq @state", {"state": State.ACCEPTED.value})
        return {row.row_key for row in await self._table.list_for(owner, *only)}

    async def accepted_by(self, owner: str) -> set[str]:
        """The keys of everybody whom the owner of a partition says yes to."""
        rows = await self._table.list_for(owner, *_SAID_YES)
        return {row.row_key for row in rows}

    async def has_accepted(self, owner: str, friend: str) -> bool:
        """The owner's own word about the friend. One point read."""
        return (await self._find(owner, friend)).mine is Decision.YES

    async def undo(
        self, decided: Friendship, *, written: bool = True, before: Decision = Decision.NONE
    ) -> None:
        """Leave nothing of a decision, such as one whose owner was erased while it was made.

        What whoever came after the erasure decided stands, and what the friend did.

        Args:
            written: whether it was this request that wrote it; else only an orphaned copy goes.
            before: what the owner's word was.
        """
        for _ in range(_TRIES):
            own = await self._find(decided.owner, decided.friend)
            other = await self._find(decided.friend, decided.owner)
            if not written and own.mine_seq == decided.mine_seq:
                return
            try:
                if other.theirs_seq == decided.mine_seq:
                    await self._leave(other, other.without_theirs())
                if own.mine_seq == decided.mine_seq:
                    await self._leave(own, own.with_restored_decision(before))
            except RowChanged:
                continue
            return
        raise Conflict

    async def retract_orphan(self, owner: Principal, friend: Principal) -> None:
        """Remove a copy of the owner's word that the owner's row does not bear out.

        A request that died while its caller was being erased may leave one. A word is claimed
        before it is copied, so to read the copy first shows whether its claim is gone.
        """
        other = await self.find(friend, owner)
        own = await self.find(owner, friend)
        if other.theirs_seq > own.mine_seq:
            with contextlib.suppress(RowChanged):  # something newer is there
                await self._leave(other, other.without_theirs())

    async def erase(self, principal: Principal) -> None:
        """Remove both rows of every friendship; repeatable, also after a kill half-way."""
        rows, more = await self._table.page(principal_key(principal))
        while rows:
            await for_each(map(Friendship.of, rows), self._erase)
            rows, more = await self._table.page(principal_key(principal)) if more else ([], False)

    async def export(self, principal: Principal) -> list[dict[str, Value]]:
        """What the principal has said about whom. Of the others' words what the list shows: the
        rows hold more, and that somebody has said no, or was erased, is not ours to tell."""
        rows = map(Friendship.of, await self._table.list_for(principal_key(principal)))
        return [
            _exported(row)
            for row in rows
            if row.friend_id and (row.mine is not Decision.NONE or row.state is not State.HIDDEN)
        ]

    async def _find(self, owner: str, friend: str) -> Friendship:
        row = await self._table.find(owner, friend)
        return Friendship(owner, friend) if row is None else Friendship.of(row)

    async def _copy_decision(
        self, said: Friendship, owner_id: str, profile: Profile | None, *, or_insert: bool
    ) -> Friendship | None:
        for _ in range(_TRIES):
            found = await self._find(said.friend, said.owner)
            if not or_insert and found.theirs_seq != said.mine_seq:
                return None
            told = found.with_their_decision(said, owner_id, profile)
            if told is found:
                return found
            try:
                return await self._write(told)
            except RowChanged:
                continue
        raise Conflict

    async def _erase(self, own: Friendship) -> None:
        """Remove the friend's row, then the owner's, which is what points to it."""
        for _ in range(_TRIES):
            other = await self._find(own.friend, own.owner)
            try:
                await self._leave(other, other.without_friend())
                await self._leave(own, None)
            except RowChanged:
                own = await self._find(own.owner, own.friend)
                if own.row is None:  # the friend, who is being erased too, was faster
                    return
            else:
                return
        raise Conflict

    async def _leave(self, found: Friendship, left: Friendship | None) -> None:
        if found.row is None or left == found:
            return
        if left is None:
            await self._table.remove_unchanged(found.row)
        else:
            await self._write(left)

    async def _write(self, friendship: Friendship) -> Friendship:
        """Store a row that is based on one that was read, or on none.

        Raises:
            RowChanged: that is no longer what is there.
        """
        values = friendship.values()
        if friendship.row is not None:
            return Friendship.of(await self._table.replace(friendship.row, values))
        written = Friendship.of(
            await self._table.insert_if_absent(friendship.owner, friendship.friend, values)
        )
        if written != friendship:
            raise RowChanged
        return written


def _exported(friendship: Friendship) -> dict[str, Value]:
    # Without the sequence number, which climbs over the friend's.
    said: dict[str, Value] = {"id": friendship.friend_id or "", "mine": friendship.mine.value}
    if friendship.state is not State.HIDDEN:
        said["state"] = friendship.state.value
    if friendship.profile and friendship.profile.display_name and friendship.state in _NAMED:
        said["displayName"] = friendship.profile.display_name
    return said


_NAMED = (State.ACCEPTED, State.INCOMING)
