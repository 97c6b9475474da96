"""Somebody decides about a friend, is erased meanwhile, and the host dies: Tidy takes the decision
back, since the client of an erased person repeats nothing."""

import asyncio
from collections.abc import Awaitable

import pytest

from shared.tables import FRIENDS, INTENTS
from tests.support.deeds import Wish
from tests.support.interleaving import Instance, Schedule
from tests.support.memory_tables import MemoryTable, memory_clients
from tests.support.world import World

ANN, BEN, CAT = 0, 1, 2


async def overtaken(world: World, wish: Wish, hold: int, *, comes_back: bool) -> None:
    """Hold a request of Ann's, erase her on another host, and let the request die later."""

    async def erase() -> None:
        another = Schedule()
        host = world.service(Instance(another))

        async def meanwhile(request: Awaitable[object]) -> None:
            task = asyncio.ensure_future(request)
            while not task.done():
                await another.drain()
                await asyncio.sleep(0)
            await task

        await meanwhile(host.people.erase(world.caller(ANN)))
        if comes_back:
            await meanwhile(host.friends.add(world.caller(ANN), world.principal(CAT).id))

    await world.schedule.hold(world.fulfil(wish), hold, erase)


def rows_with(table: MemoryTable, *words: str) -> list[object]:
    """The rows of a table that hold one of the words, keys included."""
    return [
        row
        for row in table.rows()
        if any(word in str((row.partition_key, row.row_key, row.values)) for word in words)
    ]


@pytest.mark.parametrize("comes_back", [False, True])
@pytest.mark.parametrize("kind", ["add", "block"])
async def test_what_is_said_after_ones_erasure_is_taken_back(kind: str, comes_back: bool) -> None:
    cut_short = 0
    for hold in (1, 3, 6):
        for stop in (2, 3):
            tables = memory_clients()
            world = World(tables, Schedule())
            await world.alone(Wish("add", BEN, ANN))
            await world.alone(Wish("rename", ANN))

            wish = Wish(kind, ANN, BEN, stop_after=stop)
            await overtaken(world, wish, hold, comes_back=comes_back)
            cut_short += not world.deeds[-1].ended
            await world.tidy()

            held = f"held at {hold}, killed after {stop}"
            about_ann = rows_with(tables[FRIENDS], world.principal(ANN).id, world.key_of(ANN))
            if comes_back:  # what she says then stands
                assert len([row for row in about_ann if world.key_of(CAT) in str(row)]) == 2, held
            else:
                assert about_ann == [], held
            assert rows_with(tables[INTENTS], world.key_of(ANN)) == [], held
    assert cut_short > 2


@pytest.mark.steps
@pytest.mark.parametrize("erased_to", range(3, 20))
async def test_an_old_yes_that_is_copied_during_an_erasure_is_taken_back(erased_to: int) -> None:
    """The copy comes after the erasure has removed the friend's row, and before its own."""
    tables = memory_clients()
    world = World(tables, Schedule())
    for who, whom in ((ANN, BEN), (BEN, ANN)):
        await world.alone(Wish("add", who, whom))
    repeated = asyncio.ensure_future(world.fulfil(Wish("add", ANN, BEN)))
    await world.schedule.settle()
    for _ in range(2):  # who asks, and what they have said
        await world.schedule.step(0)
    held, world.schedule.waiting = world.schedule.waiting, []

    async def go_on() -> None:
        world.schedule.waiting += held
        await world.schedule.drain()

    await world.schedule.hold(world.fulfil(Wish("forget", ANN)), erased_to, go_on)
    await repeated
    await world.tidy()

    assert rows_with(tables[FRIENDS], world.key_of(ANN)) == []


async def test_decisions_of_people_who_are_not_erased_stay() -> None:
    world = World(memory_clients(), Schedule())
    await world.alone(Wish("add", BEN, ANN))
    intent_and_own_row = 2
    await world.alone(Wish("add", ANN, BEN, stop_after=intent_and_own_row))

    await world.tidy()
    await world.alone(Wish("add", ANN, BEN))

    assert (await world.alone(Wish("resolve", BEN, ANN))).refused is None
