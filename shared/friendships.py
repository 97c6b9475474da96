"""How a decision about a friend reaches both rows of the friendship, whoever dies on the way.

A decision is first claimed in the decider's own row, by etag; then it is copied to the friend's
row; then the request answers. A request that was killed in between is finished by its repetition.
Consent to resolve one friend is judged on each side's own word, the list shows the copies.
"""

from collections.abc import Callable
from datetime import UTC, datetime

from shared.friend_rows import Friendship, Profile, State, Word
from shared.identity_rows import principal_key
from shared.principals import Principal
from shared.problems import Conflict
from shared.tables import PAGE_ROWS, RowChanged, Table, Value
from shared.upstream import each

# How often a write is tried anew because another request wrote the same row meanwhile.
_TRIES = 10


class Friendships:
    """The rows of all friendships. Who may do what is the business of `shared.friends`."""

    def __init__(
        self, table: Table, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._table = table
        self._now = now

    async def find(self, owner: Principal, friend: Principal) -> Friendship:
        """The owner's row about the friend, an empty one where there is none. One point read."""
        return await self._find(principal_key(owner), principal_key(friend))

    async def decide(
        self, found: Friendship, friend: Principal, word: Word, *, unblock: bool = False
    ) -> Friendship:
        """Claim a decision in the owner's own row; nothing is written where it stands already.

        Args:
            found: the owner's row, as it was read.
            unblock: whether a NO lifts a block.
        """
        for _ in range(_TRIES):
            decided = found.saying(word, friend.id, self._now(), unblock=unblock)
            if decided is found:
                return found
            try:
                return await self._write(decided)
            except RowChanged:
                found = await self._find(found.owner, found.friend)
        raise Conflict

    async def copy(
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
        told = await self._copy(said, owner_id, profile, or_insert=True)
        assert told is not None  # noqa: S101
        return told

    async def announce(self, owner: Principal, profile: Profile) -> None:
        """Tell everybody whom the owner has said yes to the owner's new name and ACS id.

        One query for each 1,000 of them, and for each a read and a write on condition of what was
        read: a blind write could bring back what a withdrawal has wiped.
        """
        after, more = "", True
        while more:
            rows, more = await self._table.page(
                principal_key(owner), "mine eq @yes", after=after, yes=Word.YES.value
            )
            after = rows[-1].row_key if rows else ""
            # Where there is no row the request is still under way, or the friend was erased.
            await each(
                map(Friendship.of, rows),
                lambda said: self._copy(said, owner.id, profile, or_insert=False),
            )

    async def page(
        self, owner: Principal, state: State | None, after: str, most: int = PAGE_ROWS
    ) -> tuple[list[Friendship], bool]:
        """The owner's rows in one state, or in all that are shown; see `Table.page`."""
        only = "state ne @state" if state is None else "state eq @state"
        rows, more = await self._table.page(
            principal_key(owner), only, after=after, most=most, state=state or State.HIDDEN.value
        )
        return [Friendship.of(row) for row in rows], more

    async def undo(self, decided: Friendship) -> None:
        """Leave nothing of a decision whose owner was erased while it was made.

        What whoever came after the erasure decided stands, and what the friend did.
        """
        for _ in range(_TRIES):
            own = await self._find(decided.owner, decided.friend)
            other = await self._find(decided.friend, decided.owner)
            try:
                if other.theirs_seq == decided.mine_seq:
                    await self._leave(other, other.without_theirs())
                if own.mine_seq == decided.mine_seq:
                    await self._leave(own, own.without_mine())
            except RowChanged:
                continue
            return
        raise Conflict

    async def forget(self, principal: Principal) -> None:
        """Remove both rows of every friendship; repeatable, also after a kill half-way."""
        rows = await self._table.list_for(principal_key(principal))
        await each(map(Friendship.of, rows), self._forget)

    async def export(self, principal: Principal) -> list[dict[str, Value]]:
        """What the principal has said about whom. Of the others' words what the list shows: the
        rows hold more, and that somebody has said no is theirs to tell."""
        rows = await self._table.list_for(principal_key(principal))
        return [_exported(Friendship.of(row)) for row in rows]

    async def _find(self, owner: str, friend: str) -> Friendship:
        row = await self._table.find(owner, friend)
        return Friendship(owner, friend) if row is None else Friendship.of(row)

    async def _copy(
        self, said: Friendship, owner_id: str, profile: Profile | None, *, or_insert: bool
    ) -> Friendship | None:
        for _ in range(_TRIES):
            found = await self._find(said.friend, said.owner)
            if found.row is None and not or_insert:
                return None
            told = found.hearing(said, owner_id, profile)
            if told is found:
                return found
            try:
                return await self._write(told)
            except RowChanged:
                continue
        raise Conflict

    async def _forget(self, own: Friendship) -> None:
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
    said: dict[str, Value] = {"mine": friendship.mine.value, "mineSeq": friendship.mine_seq}
    if friendship.friend_id is not None:
        said["id"] = friendship.friend_id
    if friendship.state is not State.HIDDEN:
        said["state"] = friendship.state.value
    if friendship.profile and friendship.profile.display_name and friendship.state in _NAMED:
        said["displayName"] = friendship.profile.display_name
    return said


_NAMED = (State.ACCEPTED, State.INCOMING)
