"""The rows of a call without a record, or without an index, are removed, except while a request
repeats the call."""

import asyncio
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.calls.recorded_files import FILE_ROW, file_key
from shared.calls.recordings import Recording, Recordings
from shared.calls.row_keys import index_row
from shared.calls.rows import RECORD_ROW, Call, CallState
from shared.intents import Intent
from shared.problems import Conflict
from shared.tables import CALLS, Row
from tests.calls.placing_world import START, World
from tests.operate.data_world import CheckedTables
from tests.support.interleaving import Stopped
from tests.support.memory_tables import memory_clients
from tests.support.world import searching

pytestmark = [pytest.mark.usefixtures("no_pauses"), pytest.mark.steps]

# What the repair writes: the intent, the record.
WRITES = range(1, 3)
REQUESTS = range(6)


async def with_a_call_whose_request_died_before_its_record() -> tuple[World, Row]:
    """The world, and the row of the index."""
    world = World()
    await world.enrol()
    with pytest.raises(Stopped):  # it has written its intent, and the rows of the caller
        await world.quietly(world.place(world.host(stop_after=2), "a"))
    world.wait(minutes=11)
    [index] = [row for row in await world.rows_of_alice() if row.row_key.startswith("call-")]
    assert await world.quietly(world.host().records.find(str(index.values["callId"]))) is None
    return world, index


async def repair(world: World, index: Row, stop_after: int = 0, lose_after: int = 0) -> None:
    with contextlib.suppress(Stopped):
        await world.repair("call-index-without-record", index, stop_after, lose_after)


async def tidy(world: World) -> None:
    """As Tidy does later."""
    world.wait(minutes=11)
    host = world.host()
    for row in await world.intents():
        await world.quietly(host.settling.finishers["place"](Intent.of(row)))


async def place(world: World) -> None:
    with contextlib.suppress(Conflict):
        await world.place(world.host(), "a")


async def check(world: World) -> None:
    """Our rows have each call that ACS has made, and a repetition makes no second one."""
    await world.quietly(place(world))
    await world.quietly(place(world))

    [made] = world.acs.made.values()
    call = await world.quietly(world.host().records.find(made))
    assert call is not None
    rows = {row.row_key: row for row in await world.rows_of_alice()}
    assert rows[index_row(call.created_at, made)].values["callId"] == made
    requests = [row for key, row in rows.items() if key.startswith("request-")]
    assert [row.values["callId"] for row in requests] == [made]


@pytest.mark.parametrize("stop_after", [0, *WRITES])
@pytest.mark.parametrize("lose_after", [0, *WRITES])
async def test_a_repetition_before_any_step_of_the_repair_keeps_its_call(
    stop_after: int, lose_after: int
) -> None:
    for step in REQUESTS:
        world, index = await with_a_call_whose_request_died_before_its_record()
        repairing = repair(world, index, stop_after, lose_after)
        await world.schedule.hold(repairing, step, lambda world=world: world.quietly(place(world)))  # type: ignore[misc]
        await tidy(world)
        await check(world)


@pytest.mark.parametrize("step", range(14))
async def test_a_repair_before_any_step_of_a_repetition_takes_no_call_from_it(step: int) -> None:
    world, index = await with_a_call_whose_request_died_before_its_record()
    await world.schedule.hold(place(world), step, lambda: world.quietly(repair(world, index)))
    await tidy(world)

    await check(world)


@searching(15)
@given(data=st.data())
def test_nor_does_one_in_any_other_order(data: st.DataObject) -> None:
    async def run() -> None:
        world, index = await with_a_call_whose_request_died_before_its_record()
        both = [asyncio.ensure_future(one) for one in (place(world), repair(world, index))]
        await world.schedule.settle()
        while world.schedule.waiting:
            await world.schedule.step(data.draw(st.integers(0, len(world.schedule.waiting) - 1)))
        await asyncio.gather(*both)
        await tidy(world)

        await check(world)

    asyncio.run(run())


async def test_without_a_repetition_all_of_it_goes() -> None:
    world, index = await with_a_call_whose_request_died_before_its_record()

    await world.quietly(repair(world, index))
    await tidy(world)

    assert await world.rows_of_alice() == []


async def unlisted_call_with_a_file() -> tuple[CheckedTables, tuple[str, str]]:
    """Tables, and the keys of the row of the file."""
    tables = CheckedTables(memory_clients())
    recording = Recording("1", START, acs_id="in ACS", is_noted=True, ended_at=START)
    call = Call(
        "lost", "owner", "realm", START, CallState.DISCONNECTED,
        ended_at=START, recordings=Recordings((recording,)),
    )  # fmt: skip
    row = file_key("in ACS"), FILE_ROW
    await tables.tables[CALLS].put("lost", RECORD_ROW, call.values())
    await tables.tables[CALLS].put(*row, {"callId": "lost", "createdAt": START})
    tables.now = START
    return tables, row


async def test_a_call_without_an_index_goes_with_the_rows_of_its_files() -> None:
    tables, row = await unlisted_call_with_a_file()

    report = await tables.check(repair=True)

    assert {name: kind.repaired for name, kind in report.kinds.items()} == {"call-without-index": 1}
    assert await tables.tables[CALLS].find(*row) is None
    assert await tables.rows(CALLS) == []


async def test_the_row_of_a_file_whose_call_was_removed_without_it_is_found_at_once() -> None:
    """As a repair leaves it that died in between."""
    tables, row = await unlisted_call_with_a_file()
    await tables.tables[CALLS].remove("lost", RECORD_ROW)
    trace = file_key("erased"), FILE_ROW
    await tables.tables[CALLS].put(*trace, {"createdAt": START})

    report = await tables.check(repair=True)

    assert {name: kind.repaired for name, kind in report.kinds.items()} == {
        "call-row-without-record": 1
    }
    assert await tables.tables[CALLS].find(*row) is None
    assert await tables.tables[CALLS].find(*trace) is not None  # until the file has come
