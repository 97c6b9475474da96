"""A call that ACS was not asked for is given up, while its request is repeated, once or twice: ACS
makes at most one call, and our rows have it."""

import asyncio
import contextlib
from collections.abc import Awaitable

import pytest

from shared.calls.rows import RECORD_ROW
from shared.intents import Intent
from shared.problems import Conflict
from shared.tables import CALLS
from tests.calls.placing_world import World
from tests.support.interleaving import Stopped

pytestmark = [pytest.mark.usefixtures("no_pauses"), pytest.mark.steps]

# More than the storage requests of giving up, and of a repetition until it asks ACS.
STEPS_OF_TIDY, STEPS_OF_A_REPETITION = range(9), range(10)


async def with_a_call_that_was_not_asked_for() -> tuple[World, Intent]:
    """The world, in which Alice may have several calls, and the intent that is due."""
    world = World(most=5)
    await world.enrol()
    with pytest.raises(Stopped):  # it has written its intent, the rows of the caller, the record
        await world.quietly(world.place(world.host(stop_after=3), "a"))
    world.wait(minutes=2)
    [intent] = [Intent.of(row) for row in await world.intents()]
    return world, intent


async def place(world: World) -> None:
    with contextlib.suppress(Conflict):
        await world.place(world.host(), "a")


async def settle(world: World, intent: Intent, stop_after: int = 0, lose_after: int = 0) -> None:
    with contextlib.suppress(Stopped):
        await world.host(stop_after, lose_after).settling.finishers["place"](intent)


class Held:
    """A request that makes so many of its storage requests, and then waits."""

    def __init__(self, world: World, request: Awaitable[None]) -> None:
        self._schedule = world.schedule
        self._task = asyncio.ensure_future(request)

    async def after(self, steps: int) -> "Held":
        await self._schedule.settle()
        for _ in range(steps):
            if self._schedule.waiting:
                await self._schedule.step(0)
        self._turns, self._schedule.waiting = self._schedule.waiting, []
        return self

    async def goes_on(self) -> None:
        self._schedule.waiting += self._turns
        await self._schedule.drain()
        await self._task


async def check(world: World) -> None:
    """Our rows have the call that ACS has made, and a repetition finds it."""
    await world.quietly(place(world))
    await world.quietly(place(world))

    [made] = world.acs.made.values()
    assert world.acs.hung_up == 0
    records = [row for row in world.stored(CALLS) if row.row_key == RECORD_ROW]
    assert [row.partition_key for row in records] == [made]
    keys = [row for row in await world.rows_of_alice() if row.row_key.startswith("request-")]
    assert [row.values["callId"] for row in keys] == [made]


@pytest.mark.parametrize("step", STEPS_OF_TIDY)
async def test_of_two_repetitions_while_a_call_is_given_up_one_is_placed(step: int) -> None:
    """The first has found the call and has not asked ACS; the second comes after it has."""
    for before in STEPS_OF_A_REPETITION:
        world, intent = await with_a_call_that_was_not_asked_for()
        first = await Held(world, place(world)).after(before)
        tidy = await Held(world, settle(world, intent)).after(step)
        await first.goes_on()
        await world.quietly(place(world))
        await tidy.goes_on()

        await check(world)


@pytest.mark.parametrize("how", ["stop_after", "lose_after"])
@pytest.mark.parametrize("write", range(1, 7))
async def test_what_a_kill_leaves_of_a_call_that_is_given_up_the_next_request_removes(
    how: str, write: int
) -> None:
    for before in STEPS_OF_A_REPETITION:
        world, intent = await with_a_call_that_was_not_asked_for()
        first = await Held(world, place(world)).after(before)
        await world.quietly(settle(world, intent, **{how: write}))
        await world.quietly(place(world))
        await first.goes_on()
        await world.quietly(settle(world, intent))

        await check(world)


async def test_a_call_that_is_given_up_leaves_nothing() -> None:
    world, intent = await with_a_call_that_was_not_asked_for()

    await world.quietly(settle(world, intent, stop_after=1))
    await world.quietly(settle(world, intent))

    assert world.stored(CALLS) == [
        row for row in await world.rows_of_alice() if row.row_key == "live"
    ]
