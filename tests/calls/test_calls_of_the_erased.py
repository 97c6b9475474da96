"""A person is erased while they place a call, and their request dies. Nobody repeats it: Tidy ends
the call, and leaves nothing of it."""

import asyncio
import contextlib
from datetime import timedelta

from shared.calls.rows import RECORD_ROW, CallState
from shared.intents import Intent
from shared.problems import Problem
from shared.tables import CALLS
from tests.calls.placing_world import World
from tests.calls.test_call_places import WRITES, world_with
from tests.support.interleaving import Stopped

INTENT_AND_BATCH = 2


async def tidied(world: World) -> None:
    world.wait(minutes=2)
    for row in await world.intents():
        await world.quietly(world.host().settling.finishers["place"](Intent.of(row)))


async def test_a_call_that_was_placed_after_an_erasure_is_ended_and_forgotten() -> None:
    cut_short = 0
    for step in range(1, 12):
        for write in range(1, WRITES + 1):
            world = await world_with()

            async def erase(world: World = world) -> None:
                await world.erase()
                await world.quietly(world.host().records.erase(world.alice))

            dying = world.place(world.host(stop_after=write), "key")
            held = await world.schedule.hold(dying, step, erase)
            with contextlib.suppress(Stopped, Problem, asyncio.CancelledError):
                await held
            cut_short += isinstance(held.exception(), Stopped)
            await tidied(world)

            message = f"held at {step}, killed after {write}"
            left = [row for row in world.stored(CALLS) if row.row_key == RECORD_ROW]
            assert left == [], message
            # Where there never was a record: these go when they are too old to be kept.
            if write != INTENT_AND_BATCH:
                assert world.stored(CALLS) == [], message
    assert cut_short > 20


async def test_a_call_of_a_person_who_came_back_goes_on() -> None:
    world = await world_with()
    await world.erase()
    world.wait(minutes=1)
    await world.enrol(erased_at=world.now - timedelta(seconds=55))
    placed = await world.quietly(world.place(world.host(), "key"))

    await tidied(world)

    found = await world.quietly(world.host().records.find(placed.call_id))
    assert found is not None
    assert (found.state, world.acs.hung_up) == (CallState.CONNECTED, 0)  # as ACS says
