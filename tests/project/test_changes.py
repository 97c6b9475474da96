"""A change knows its own write, also if the answer to it was lost."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime

import pytest

from shared.changes import TRIES, change_row, retry_if_changed
from shared.problems import Conflict
from shared.settings import load
from shared.table_api import TableApi
from shared.tables import CALLS, Row, RowChanged, Table, Value
from shared.upstream.clients import Upstream
from tests.support.control import Control
from tests.support.stack import Stack
from tests.support.table_proxy import TableProxy

pytestmark = pytest.mark.emulators

PARTITION = "changes of a row"
AT = datetime(2026, 11, 28, 12, 30, 15, 123456, tzinfo=UTC)


@pytest.fixture
async def table(stack: Stack, tables: TableProxy) -> AsyncIterator[Table]:
    upstream = Upstream()
    settings = {**stack.settings, "TABLES_CONNECTION_STRING": tables.connection_string}
    table = Table(TableApi(CALLS, load(settings).upstream, upstream))
    yield table
    for row in await table.list_for(PARTITION):
        await table.remove(PARTITION, row.row_key)
    await upstream.close()


def noted(name: str, at: datetime = AT) -> Mapping[str, Value]:
    return {"name": name, "at": at, "many": 2**40, "few": 3, "true": True}


@pytest.mark.parametrize("operation", ["insert", "update"])
async def test_a_write_whose_answer_was_lost_is_known_as_ones_own(
    table: Table, table_faults: Control, operation: str
) -> None:
    row_key = f"lost at {operation}"
    before = None
    if operation == "update":
        before = await table.insert_if_absent(PARTITION, row_key, noted("before"))
    calls = 0

    def change(_row: Row | None) -> Mapping[str, Value]:
        nonlocal calls
        calls += 1
        return noted("mine")

    await table_faults.fault(operation, drop="after", times=1)
    changed = await change_row(table, PARTITION, row_key, change)

    assert (changed.written, changed.before, calls) == (True, before, 1)
    assert changed.now == await table.find(PARTITION, row_key)
    assert changed.now is not None
    assert changed.now.values == noted("mine")


async def test_changes_at_the_same_time_all_count(table: Table) -> None:
    async def sign(name: str) -> bool:
        def change(row: Row | None) -> Mapping[str, Value]:
            return {"names": name if row is None else f"{row.values['names']} {name}"}

        return (await change_row(table, PARTITION, "signed", change, tries=100)).written

    assert await asyncio.gather(*map(sign, "abcdefgh")) == [True] * 8

    stored = await table.find(PARTITION, "signed")
    assert stored is not None
    assert sorted(str(stored.values["names"]).split()) == [*"abcdefgh"]


async def test_what_was_read_before_costs_no_read_and_what_is_left_no_write(
    table: Table, tables: TableProxy
) -> None:
    stored = await table.insert_if_absent(PARTITION, "left", noted("left"))
    tables.requests.clear()

    left = await change_row(table, PARTITION, "left", lambda _row: None, found=stored)
    none = await change_row(table, PARTITION, "not there", lambda _row: None, found=None)

    assert tables.requests == {}
    assert (left.before, left.now, left.written) == (stored, stored, False)
    assert (none.before, none.now, none.written) == (None, None, False)


async def test_a_change_that_is_too_late_each_time_fails(table: Table) -> None:
    await table.insert_if_absent(PARTITION, "busy", noted("0"))
    rests = []

    async def overtaken(row: Row | None) -> Mapping[str, Value]:
        assert row is not None
        await table.replace(row, noted(f"{row.values['name']}."))
        return noted("mine")

    async def rest(attempt: int) -> None:
        rests.append(attempt)

    with pytest.raises(Conflict):
        await change_row(table, PARTITION, "busy", overtaken, tries=3, rest=rest)
    assert rests == [0, 1, 2]


async def test_a_change_of_several_rows_is_made_anew_until_nobody_is_faster() -> None:
    tries = 0

    async def settle_at(number: int) -> int:
        nonlocal tries
        tries += 1
        if tries < number:
            raise RowChanged
        return tries

    assert await retry_if_changed(lambda: settle_at(3)) == 3
    tries = 0
    with pytest.raises(Conflict):
        await retry_if_changed(lambda: settle_at(TRIES + 1))
