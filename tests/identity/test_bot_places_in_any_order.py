"""In whatever order requests about bots come to storage, and whichever of them die: once all has
ended, each bot has a place, each place a bot, and they are not more than there may be."""

import asyncio
import contextlib
import random
from collections.abc import Coroutine
from typing import Any

import pytest

from shared.problems import BeingErased, Conflict
from tests.identity.bots_world import HOW, NAMES, WRITES, check_all, register, remove
from tests.support.interleaving import Schedule
from tests.support.memory_tables import memory_clients
from tests.support.world import World

pytestmark = pytest.mark.usefixtures("no_pauses")


@pytest.mark.parametrize("first", range(0, 40, 10))
async def test_in_whatever_order_requests_come_no_bot_is_without_a_place(first: int) -> None:
    for seed in range(first, first + 10):
        await in_some_order(random.Random(seed))


@pytest.mark.soak
@pytest.mark.parametrize("first", range(40, 4040, 100))
async def test_in_many_orders_no_bot_is_without_a_place(first: int) -> None:
    for seed in range(first, first + 100):
        await in_some_order(random.Random(seed))


async def in_some_order(chance: random.Random) -> None:
    """Six requests about two or three bots, of which each may die, or lose an answer."""
    world = World(memory_clients(), Schedule())
    if chance.random() < 0.5:
        assert await world.quietly(register(world, "first"))
    names = NAMES[: chance.choice((2, 3))]
    coming = list[Coroutine[Any, Any, object]]()
    is_killed = False
    for _ in range(6):
        how = chance.choice(("", "", "", *HOW))
        fails = {how: chance.choice(WRITES)} if how else {}
        is_killed |= how == "stop_after"
        what = chance.choice((register, register, remove))
        coming.append(quiet(what(world, chance.choice(names), **fails)))
    running = [asyncio.ensure_future(one) for one in coming]
    await world.schedule.settle()
    while world.schedule.waiting:
        await world.schedule.step(chance.randrange(len(world.schedule.waiting)))
    await asyncio.gather(*running)
    # A request that dies before the last count may leave one bot more than the limit: it has a
    # place.
    await check_all(world, most=3 if is_killed else 2)


async def quiet(request: Coroutine[Any, Any, object]) -> None:
    with contextlib.suppress(BeingErased, Conflict):
        await request
