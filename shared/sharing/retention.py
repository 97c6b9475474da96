"""Sweeps calls that are over, if their owners never list or share anything again.

A request that lists calls, or makes room for another one, removes some of them; this removes the
rest. If the owner shares a call again meanwhile, it stays.
"""

import contextlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from shared.intents import Intents, Places
from shared.problems import Conflict
from shared.sharing.rows import SharedCallRecord
from shared.sharing.shared_calls import SharedCalls
from shared.sharing.unfinished import UNSHARE
from shared.tables import Row, Table
from shared.upstream.concurrency import for_each

# How long a call that is over stays: requests and Teams may still be at work on it.
KEPT_OVER = timedelta(days=1)
_OVER = "( endsAt lt @oldest or sharedAt lt @oldest )"


class SharedCallRetention:
    """Removes calls that are over, with all their rows."""

    def __init__(
        self,
        records: Table,
        calls: SharedCalls,
        intents: Intents,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._records = records
        self._calls = calls
        self._intents = intents
        self._now = now

    async def sweep(self, places: Places | None = None) -> None:
        """Remove all of them. Reads the whole table. `places` as for `Sweeps`."""
        name, places = "shared calls", {} if places is None else places
        over = {"oldest": self._now() - KEPT_OVER}
        async for rows in self._records.sweep(_OVER, over, name, places):
            await for_each(rows, self._remove_if_over)

    def is_over(self, record: SharedCallRecord, for_long: timedelta = timedelta()) -> bool:
        """Whether the call should have been removed at least `for_long` ago."""
        oldest = self._now() - KEPT_OVER - for_long
        return record.content is not None and record.content.gone_at <= oldest

    async def remove(self, row: Row) -> None:
        """Remove the call of a record, unless it is shared again. If this dies, Tidy finishes
        it."""
        record = SharedCallRecord.of(row)
        details = {"owner": record.owner, "change": record.change_id}
        async with self._intents.around(UNSHARE, record.call_id, details):
            await self._calls.end(record.call_id, self.is_over)

    async def _remove_if_over(self, row: Row) -> None:
        if self.is_over(SharedCallRecord.of(row)):
            with contextlib.suppress(Conflict):  # others are at work on it
                await self.remove(row)
