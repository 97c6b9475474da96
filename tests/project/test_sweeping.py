"""What a sweep sees and writes while its reason stands, and once somebody new has come."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from shared.sweeping import SweepEnded, SweptTable
from shared.tables import CALLS, Row, RowChanged, Table
from tests.support.memory_tables import MemoryTable

OLD, NEW = {"name": "old"}, {"name": "new"}


class Stage:
    """A table as a sweep sees it and as everybody else does, and the reason for the sweep.

    Attributes:
        checks_left: so many checks pass; then the reason has ended.
    """

    def __init__(self) -> None:
        client: Any = MemoryTable(CALLS)
        self.checks_left = 1000
        self.table = Table(client)
        self.swept = SweptTable(client, self._check)

    async def _check(self) -> None:
        if self.checks_left == 0:
            raise SweepEnded
        self.checks_left -= 1

    async def row(self) -> Row | None:
        return await self.table.find("p", "r")


@pytest.fixture
def stage() -> Stage:
    return Stage()


async def test_while_the_reason_stands_a_sweep_writes_as_anybody_does(stage: Stage) -> None:
    await stage.swept.put("p", "r", OLD)
    await stage.swept.put("p", "r", NEW)
    written = await stage.row()
    await stage.swept.remove("p", "r")
    await stage.swept.remove("p", "r")

    assert written is not None
    assert written.values == NEW
    assert await stage.row() is None


REQUESTS: dict[str, Callable[[SweptTable], Awaitable[object]]] = {
    "put": lambda swept: swept.put("p", "r", OLD),
    "remove": lambda swept: swept.remove("p", "r"),
    "list": lambda swept: swept.list_for("p"),
    "find": lambda swept: swept.find("p", "r"),
}


@pytest.mark.parametrize("what", REQUESTS)
async def test_rows_that_are_read_after_the_reason_has_ended_are_given_to_no_sweep(
    stage: Stage, what: str
) -> None:
    await stage.table.put("p", "r", NEW)
    stage.checks_left = 0

    with pytest.raises(SweepEnded):
        await REQUESTS[what](stage.swept)

    row = await stage.row()
    assert row is not None
    assert row.values == NEW


async def test_what_was_read_before_is_not_written_over_somebody_news(stage: Stage) -> None:
    await stage.table.put("p", "r", OLD)
    read = await stage.swept.find("p", "r")
    assert read is not None
    stage.checks_left = 0
    await stage.table.put("p", "r", NEW)

    with pytest.raises(RowChanged):
        await stage.swept.merge(read, {"swept": True})
    with pytest.raises(RowChanged):
        await stage.swept.remove_unchanged(read)

    row = await stage.row()
    assert row is not None
    assert row.values == NEW


async def test_rows_that_are_inserted_while_the_reason_ends_are_removed_again(stage: Stage) -> None:
    stage.checks_left = 1  # that before the insert

    with pytest.raises(SweepEnded):
        await stage.swept.insert_if_absent("p", "r", OLD)

    assert await stage.row() is None


async def test_an_insert_that_finds_somebody_news_row_leaves_it(stage: Stage) -> None:
    await stage.table.put("p", "r", NEW)
    stage.checks_left = 1

    with pytest.raises(SweepEnded):
        await stage.swept.insert_if_absent("p", "r", OLD)

    row = await stage.row()
    assert row is not None
    assert row.values == NEW
