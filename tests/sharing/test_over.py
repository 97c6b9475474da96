"""Calls that are over: no listing reads them, and Tidy removes them, also if nobody lists again.

As test_sharing_interleaved. OVER_EXAMPLES=2000 searches for longer.
"""

import asyncio
import os
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, override

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.sharing.rows import CallKind, Consent, Content, Host, Invitation, Role, call_key
from shared.tables import INTENTS, INVITATIONS, SHARED_CALLS, Row
from tests.sharing.test_sharing_interleaved import _check_call, _check_looks, partings, sharings
from tests.support.deeds import Wish
from tests.support.interleaving import Schedule
from tests.support.memory_tables import MemoryTable, memory_clients
from tests.support.world import World, searching

pytestmark = pytest.mark.usefixtures("no_pauses")

EXAMPLES = int(os.environ.get("OVER_EXAMPLES", "6"))
sweeps = st.builds(
    Wish,
    kind=st.just("sweep"),
    who=st.just(3),
    stop_after=st.sampled_from([0, *range(1, 9)]),
    lose_after=st.sampled_from([0, 0, *range(1, 8)]),
)


class CountedTable(MemoryTable):
    """Counts the rows that queries have answered with."""

    answered = 0

    @override
    async def query(self, *args: Any, **more: Any) -> Any:
        rows, token = await super().query(*args, **more)
        self.answered += len(rows)
        return rows, token


def new_world(listings: MemoryTable | None = None) -> World:
    clients = memory_clients()
    return World(clients if listings is None else {**clients, INVITATIONS: listings}, Schedule())


async def befriended() -> World:
    world = new_world()
    for who, whom in ((0, 1), (1, 0), (0, 2), (2, 0)):
        await world.alone(Wish("add", who, whom))
    return world


async def rows(world: World, *names: str) -> list[Row]:
    found: list[Row] = []
    for name in names:
        scanned = world.table(name).scan("RowKey gt @none", {"none": ""})
        found += await world.quietly(anext(scanned))
    return found


@searching(EXAMPLES)
@given(data=st.data())
@pytest.mark.timeout(0 if EXAMPLES > 100 else 240)
def test_a_sweep_removes_what_is_over_and_nothing_that_is_shared_again(
    data: st.DataObject,
) -> None:
    async def run() -> None:
        world = await befriended()
        drawn = data.draw(st.lists(st.one_of(sharings, partings), min_size=1, max_size=3))
        todo = [replace(wish, title=f"first {n}") for n, wish in enumerate(drawn)]
        await world.interleave(todo, data)
        await world.repeat_all_that_was_cut_off()
        world.wait(days=3)
        drawn = data.draw(
            st.lists(st.one_of(sweeps, sweeps, sharings, partings), min_size=2, max_size=5)
        )
        again = [replace(wish, title=f"again {n}") for n, wish in enumerate(drawn)]
        # Whatever is shared, is shared again, so that all deeds of before are over.
        again += [Wish("share", who, audience="friends", title=f"last {who}") for who in (0, 1)]
        await world.interleave(again, data)
        await world.repeat_all_that_was_cut_off()
        await world.tidy()
        for owner in range(4):
            await _check_call(world, owner)
        _check_looks(world)

        world.wait(days=3)
        await world.alone(Wish("sweep", 3))

        assert await rows(world, SHARED_CALLS, INVITATIONS) == []

    asyncio.run(run())


@pytest.mark.steps
@pytest.mark.parametrize("lose_after", [0, 1, 3])
@pytest.mark.parametrize("stop_after", range(1, 8))
async def test_what_a_sweep_that_dies_has_begun_tidy_ends(stop_after: int, lose_after: int) -> None:
    world = await befriended()
    await world.alone(Wish("share", 0, audience="friends", title="over"))
    world.wait(days=3)
    await world.alone(Wish("sweep", 3, stop_after=stop_after, lose_after=lose_after))
    await world.tidy()
    await world.alone(Wish("sweep", 3))

    assert await rows(world, SHARED_CALLS, INVITATIONS, INTENTS) == []


async def test_what_is_over_for_less_than_a_day_stays() -> None:
    world = await befriended()
    await world.alone(Wish("share", 0, audience="friends", title="over"))
    world.wait(hours=47)
    await world.alone(Wish("sweep", 3))

    assert len(await rows(world, SHARED_CALLS, INVITATIONS)) == 1 + 3


# When a call begins and ends and was shared, in hours from now, and whether it is listed.
TIMES = [
    (None, None, -23, True),
    (None, None, -25, False),
    (None, 1, -100, True),
    (None, -1, -2, False),
    (-23, None, -100, True),
    (-25, None, -100, False),
    (-25, 1, -100, True),
    (-30, -1, -100, False),
    (500, None, -1000, True),
    (500, 501, -1000, True),
]


@pytest.mark.parametrize(("starts", "ends", "shared", "is_listed"), TIMES)
async def test_a_listing_reads_what_is_open_and_few_others(
    starts: int | None, ends: int | None, shared: int, *, is_listed: bool
) -> None:
    world = new_world()
    now = world.caller(1).issued_at

    def at(hours: int | None) -> datetime | None:
        return None if hours is None else now + timedelta(hours=hours)

    shared_at = at(shared)
    assert shared_at is not None
    content = Content(
        CallKind.GROUP_CALL, {}, "a call", at(starts), at(ends), shared_at, Host("ann", "Ann")
    )
    await store(world, content, "of ann")

    deed = await world.alone(Wish("list", 1))

    assert [call.content.title for call in deed.listed or ()] == ["a call"] * is_listed
    assert content.gone_at > world.caller(1).issued_at or not is_listed


async def test_thousands_that_are_over_are_not_read() -> None:
    table = CountedTable(INVITATIONS)
    world = new_world(table)
    long_ago = world.caller(1).issued_at - timedelta(days=9)
    content = Content(CallKind.GROUP_CALL, {}, "over", None, None, long_ago, Host("ann", "Ann"))
    for n in range(2500):
        await store(world, content, f"{n}")
    open_call = replace(content, title="open", ends_at=long_ago + timedelta(days=30))
    await store(world, open_call, "open")
    table.answered = 0

    deed = await world.alone(Wish("list", 1))

    assert [call.content.title for call in deed.listed or ()] == ["open"]
    assert table.answered == 1


async def store(world: World, content: Content, name: str) -> None:
    """A row of a call of Ben's own; of another's, he would have to be a friend."""
    owner = world.key_of(1)
    call = call_key(world.principal(1), CallKind.GROUP_CALL, name)
    row = Invitation(owner, call, Role.OWNER, owner, Consent.FRIENDSHIP, content)
    await world.quietly(world.table(INVITATIONS).put(owner, call, row.values()))
