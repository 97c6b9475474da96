"""Removes what is left of friend requests that were withdrawn, and of friendships that both ended.

A no is stored in a row, too, because a copy of the yes before it may still be on its way: if the
rows were removed at once, that copy would bring the request back. An hour later, all HTTP requests
that began before the no have ended, and later ones first read what is stored. Then both rows are
removed, each only if it is as it was read: a new decision stays. A missing row means the same as a
no.
"""

import contextlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from shared.friends.rows import KEPT, Friendship, State
from shared.intents import Finisher, Intent, Intents, Places
from shared.tables import Row, RowChanged, Table
from shared.upstream.concurrency import for_each

# The kind of intent to remove them; its subject is the PartitionKey of the owner's mapping. All
# requests of an owner within so many minutes share one, so that nobody fills the table with them.
WITHDRAWN = "withdrawn"
_SHARED_FOR = timedelta(minutes=10)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HIDDEN = ("state eq @hidden", {"hidden": State.HIDDEN.value})


class WithdrawnRequests:
    """Pairs of rows in which neither person says yes, or has blocked the other."""

    def __init__(
        self,
        table: Table,
        intents: Intents,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._table = table
        self._intents = intents
        self._now = now

    @property
    def finishers(self) -> Mapping[str, Finisher]:
        return {WITHDRAWN: self._finish}

    async def expect(self, owner: str) -> None:
        """Have Tidy look at what an owner withdraws now, as soon as it may be removed."""
        await self._intents.expect(WITHDRAWN, owner, _due_at(self._now() + KEPT))

    async def sweep(self, places: Places | None = None) -> None:
        """Remove all of them, also those that earlier versions and dead requests have left. Reads
        the whole table; `places` as for `Sweeps`."""
        name, places = "withdrawn requests", {} if places is None else places
        async for rows in self._table.sweep(*_HIDDEN, name, places):
            await for_each(map(Friendship.of, rows), self._remove_if_over)

    async def remove(self, row: Row) -> None:
        """Remove a row and its counterpart, if both are over.

        The other person's row is removed first: as long as one is left, an intent or a sweep finds
        it.

        Raises:
            RowChanged: one was written since it was read.
        """
        own = Friendship.of(row)
        other = await self._counterpart(own)
        if own.is_over(self._oldest) and (other is None or other.is_over(self._oldest)):
            if other is not None and other.row is not None:
                await self._table.remove_unchanged(other.row)
            await self._table.remove_unchanged(row)

    async def is_over(self, row: Row, for_long: timedelta) -> bool:
        """Whether a row should have been removed at least `for_long` ago."""
        own = Friendship.of(row)
        until = self._oldest - for_long
        if not own.is_over(until):
            return False
        other = await self._counterpart(own)
        return other is None or other.is_over(until)

    @property
    def _oldest(self) -> datetime:
        return self._now() - KEPT

    async def _counterpart(self, own: Friendship) -> Friendship | None:
        row = await self._table.find(own.friend, own.owner)
        return None if row is None else Friendship.of(row)

    async def _remove_if_over(self, own: Friendship) -> None:
        if own.row is not None and own.is_over(self._oldest):
            with contextlib.suppress(RowChanged):  # somebody has decided something
                await self.remove(own.row)

    async def _finish(self, intent: Intent) -> None:
        rows = await self._table.list_for(intent.subject, *_HIDDEN)
        withdrawn = [own for own in map(Friendship.of, rows) if own.is_over()]
        await for_each(withdrawn, self._remove_if_over)
        young = [own.decided_at for own in withdrawn if not own.is_over(self._oldest)]
        if young:
            await self._intents.postpone(intent, _due_at(max(young) + KEPT))


def _due_at(moment: datetime) -> datetime:
    """The end of the ten minutes in which a moment is."""
    return _EPOCH + ((moment - _EPOCH) // _SHARED_FOR + 1) * _SHARED_FOR
