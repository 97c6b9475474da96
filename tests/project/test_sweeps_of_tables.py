"""A sweep of a large table that the time of a run cuts short goes on where it was, also if storage
finds nothing for long."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, override

from shared.meetings.retention import MeetingRetention
from shared.meetings.rows import ScheduledMeeting
from shared.table_api import Continuation, Parameter
from shared.tables import MEETINGS, Row, Table
from tests.support.memory_tables import MemoryTable

NOW = datetime(2026, 1, 1, tzinfo=UTC)
# Rows that storage looks at before it ends a query, and queries for which a run has the time.
LOOKED_AT, OF_A_RUN = 100, 6


class SlowTable(MemoryTable):
    """Ends each scan after some rows, whatever it has found; and has time for a few of them.

    Attributes:
        left: queries of a scan for which there is time.
        asked: those, in all.
    """

    left = asked = 0

    @override
    async def query(
        self,
        row_filter: str,
        parameters: Mapping[str, Parameter],
        most: int,
        continuation: Continuation | None = None,
        only: Sequence[str] = (),
    ) -> tuple[list[Row], Continuation | None]:
        if "partition_key" in parameters:
            return await super().query(row_filter, parameters, most, continuation, only)
        self.asked += 1
        if not self.left:
            raise TimeoutError  # as Tidy ends a sweep
        self.left -= 1
        since, until = str(parameters.get("part", "")), str(parameters.get("next_part", "~"))
        all_keys = ((row.partition_key, row.row_key) for row in self.rows())
        keys = sorted(key for key in all_keys if since <= key[0] < until)
        keys = [key for key in keys if continuation is None or key >= continuation]
        rows, _ = await super().query(row_filter, parameters, most, continuation, only)
        looked_at, rest = set(keys[:LOOKED_AT]), keys[LOOKED_AT:]
        found = [row for row in rows if (row.partition_key, row.row_key) in looked_at]
        return found, rest[0] if rest else None


async def meetings(ends: Mapping[str, datetime]) -> SlowTable:
    """A table with a meeting for each owner's key."""
    table = SlowTable(MEETINGS)
    for owner, ends_at in ends.items():
        one = ScheduledMeeting(owner, "f" * 32, "making", "organizer", "graph", NOW, ends_at)
        await table.insert(owner, one.call_id, one.values())
    return table


async def swept(table: SlowTable, places: dict[str, str], time_for: int = OF_A_RUN) -> bool:
    """Whether a run of so many queries comes to the end."""
    nobody: Any = None
    table.left = time_for
    try:
        await MeetingRetention(Table(table), nobody, nobody, lambda: NOW).sweep(places)
    except TimeoutError:
        return False
    return True


def owner(n: int) -> str:
    return hashlib.sha256(bytes([n // 256, n % 256])).hexdigest()


async def runs_until_the_end(table: SlowTable) -> int:
    places: dict[str, str] = {}
    for runs in range(1, 30):
        if await swept(table, places):
            return runs
    raise AssertionError(f"it never ends; places: {places}")


async def test_what_is_behind_many_rows_that_stay_is_removed() -> None:
    over, young = NOW - timedelta(days=2), NOW + timedelta(days=2)
    table = await meetings({**dict.fromkeys(map(owner, range(800)), young), "f" * 64: over})

    runs = await runs_until_the_end(table)

    assert all(row.partition_key != "f" * 64 for row in table.rows())
    assert len(table.rows()) == 800
    assert runs > 2


async def test_a_small_table_is_asked_once_for_each_kind() -> None:
    table = await meetings({owner(n): NOW + timedelta(days=2) for n in range(LOOKED_AT)})

    assert await runs_until_the_end(table) == 1
    assert table.asked == 2


async def test_the_run_that_goes_on_does_not_read_again_what_an_earlier_one_finished() -> None:
    table = await meetings({owner(n): NOW + timedelta(days=2) for n in range(LOOKED_AT)})
    places: dict[str, str] = {}

    assert not await swept(table, places, time_for=1)
    assert await swept(table, places, time_for=1)
