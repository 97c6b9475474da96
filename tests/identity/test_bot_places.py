"""The bots of a realm are counted: of requests that race for the last place, are killed, or are
slow, none leaves a bot that is not counted, or a place that no bot has."""

import asyncio
import contextlib
import random
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from shared.identity.rows import bot_place, bots_key
from shared.intents import SHARDS
from shared.principals import Caller, Kind, Principal
from shared.problems import BeingErased, Conflict, TooManyBots
from shared.tables import IDENTITIES, INTENTS, RowChanged
from shared.unavailable import CommunicationUnavailable
from tests.support.interleaving import Instance, Schedule, Stopped
from tests.support.memory_tables import memory_clients
from tests.support.world import World

pytestmark = pytest.mark.usefixtures("no_pauses")

# More than the storage requests, and the writes, of any of these.
STEPS, WRITES = range(26), range(1, 9)
NAMES = ("first", "second", "third", "bot")
HOW = ["stop_after", "lose_after"]


@pytest.fixture
def world() -> World:
    """With two places."""
    return World(memory_clients(), Schedule())


def operator(world: World) -> Caller:
    return world.caller(0)


def bot_of(world: World, name: str) -> Principal:
    return Principal(Kind.BOT, world.realm, name)


async def register(world: World, name: str, **fails: int) -> bool | None:
    """Whether there is such a bot now; None if its host has died."""
    service = world.service(Instance(world.schedule, **fails))
    try:
        await service.bots.register(operator(world), name, name)
    except (TooManyBots, BeingErased, Conflict):
        return False
    except Stopped:
        return None
    return True


async def remove(world: World, name: str, **fails: int) -> None:
    service = world.service(Instance(world.schedule, **fails))
    with contextlib.suppress(Stopped):
        await service.bots.remove(operator(world), name)


async def places(world: World) -> set[str]:
    rows = await world.quietly(world.table(IDENTITIES).list_for(bots_key(world.realm)))
    return {row.row_key for row in rows}


async def bots_there(world: World) -> set[str]:
    found = [await world.quietly(is_there(world, name)) for name in NAMES]
    return {name for name, there in zip(NAMES, found, strict=True) if there}


async def is_there(world: World, name: str) -> bool:
    return await world.quiet().identities.find(bot_of(world, name)) is not None


async def check(world: World, *names: str) -> None:
    """These are the bots, each has its place, and ACS has an identity for each and no more."""
    assert await places(world) == {bot_place(bot_of(world, name)) for name in names}
    assert await bots_there(world) == set(names)
    assert len(world.living) == len(names)


async def check_all(world: World, most: int = 2) -> set[str]:
    """Once all has ended, each bot has a place, each place a bot, and they are not too many.

    Returns:
        Which there are.
    """
    await world.tidy(*(bot_of(world, name) for name in NAMES))
    names = await bots_there(world)
    assert await places(world) == {bot_place(bot_of(world, name)) for name in names}
    assert len(names) <= most
    for shard in SHARDS:
        assert await world.quietly(world.table(INTENTS).list_for(shard)) == []
    return names


@pytest.mark.parametrize("step", STEPS)
async def test_of_two_bots_for_which_there_is_one_place_at_most_one_is_registered(
    world: World, step: int
) -> None:
    assert await world.quietly(register(world, "first"))
    registered = list[bool | None]()

    async def another() -> None:
        registered.append(await world.quietly(register(world, "third")))

    held = await world.schedule.hold(register(world, "second"), step, another)

    registered.append(held.result())
    assert registered.count(True) <= 1
    names = [
        name for name, is_there in zip(("third", "second"), registered, strict=True) if is_there
    ]
    await check(world, "first", *names)


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("write", WRITES)
async def test_of_a_bot_that_is_one_too_many_nothing_is_left_once_its_request_is_repeated(
    world: World, how: str, write: int
) -> None:
    for name in ("first", "second"):
        assert await world.quietly(register(world, name))

    assert not await world.quietly(register(world, "third", **{how: write}))
    assert await world.quietly(register(world, "third")) is False
    await check(world, "first", "second")

    await world.quietly(remove(world, "first"))
    assert await world.quietly(register(world, "third"))
    await check(world, "second", "third")


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("write", WRITES)
async def test_a_bot_whose_request_is_repeated_has_one_place_and_keeps_it(
    world: World, how: str, write: int
) -> None:
    await world.quietly(register(world, "first", **{how: write}))
    assert await world.quietly(register(world, "first"))
    assert await world.quietly(register(world, "second"))

    assert await world.quietly(register(world, "first"))
    await check(world, "first", "second")


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("write", WRITES)
async def test_the_place_of_a_bot_that_is_removed_is_free(
    world: World, how: str, write: int
) -> None:
    for name in ("first", "second"):
        assert await world.quietly(register(world, name))

    await world.quietly(remove(world, "first", **{how: write}))
    await world.quietly(remove(world, "first"))

    assert await world.quietly(register(world, "third"))
    await check(world, "second", "third")


@pytest.mark.parametrize("step", STEPS)
async def test_a_slow_removal_leaves_the_place_of_the_bot_that_came_after(
    world: World, step: int
) -> None:
    assert await world.quietly(register(world, "bot"))

    async def come_again() -> None:
        await world.quietly(remove(world, "bot"))
        assert await world.quietly(register(world, "bot"))

    await world.schedule.hold(remove(world, "bot"), step, come_again)

    await check(world, *await check_all(world))


@pytest.mark.parametrize("write", WRITES)
async def test_what_a_killed_registration_has_left_is_free_or_its_bots(
    world: World, write: int
) -> None:
    ended = await world.quietly(register(world, "bot", stop_after=write))

    assert await check_all(world) in ([{"bot"}] if ended else [set(), {"bot"}])


async def test_what_fails_in_an_outage_of_acs_takes_no_place_for_good(world: World) -> None:
    with world.acs_down():
        for name in ("first", "second", "second"):
            with pytest.raises(CommunicationUnavailable):
                await world.quietly(register(world, name))

    await check_all(world)
    for name in ("third", "bot"):
        assert await world.quietly(register(world, name))
    await check(world, "third", "bot")


async def test_a_repetition_that_is_under_way_keeps_the_place_of_the_one_that_failed(
    world: World,
) -> None:
    """The place of the first is due while the second waits for ACS."""
    await world.quietly(register(world, "bot", stop_after=2))
    world.wait(minutes=2)

    held = await world.schedule.hold(
        register(world, "bot"), 6, lambda: world.tidy(bot_of(world, "bot"))
    )

    assert held.result()
    assert await check_all(world) == {"bot"}


@pytest.mark.parametrize("step", STEPS)
async def test_a_bot_that_is_removed_before_it_is_there_is_counted(world: World, step: int) -> None:
    await world.schedule.hold(register(world, "bot"), step, lambda: alone(world, remove, "bot"))

    await check(world, *await check_all(world))


@pytest.mark.parametrize("step", STEPS)
async def test_a_bot_is_counted_that_comes_while_it_is_removed(world: World, step: int) -> None:
    await world.schedule.hold(remove(world, "bot"), step, lambda: alone(world, register, "bot"))

    await check(world, *await check_all(world))


@pytest.mark.parametrize("step", STEPS)
async def test_whose_place_is_taken_by_another_meanwhile_is_refused(
    world: World, step: int
) -> None:
    assert await world.quietly(register(world, "first"))

    async def another() -> None:
        await world.quietly(remove(world, "second"))
        await world.quietly(register(world, "third"))

    held = await world.schedule.hold(register(world, "second"), step, another)

    names = await check_all(world)
    assert held.result() or "second" not in names
    await check(world, *names)


@pytest.mark.parametrize("step", STEPS)
async def test_a_refused_request_leaves_the_place_of_another_for_the_same_bot(
    world: World, step: int
) -> None:
    """The first is refused for a bot that goes then; the second is not."""
    for name in ("first", "second"):
        assert await world.quietly(register(world, name))

    async def another() -> None:
        await world.quietly(remove(world, "first"))
        assert await world.quietly(register(world, "bot"))

    await world.schedule.hold(register(world, "bot"), step, another)

    assert await check_all(world) == {"second", "bot"}
    await check(world, "second", "bot")


async def test_what_is_about_to_remove_a_place_fails_once_the_bot_is_there(world: World) -> None:
    """However late storage does it."""
    table, service, bot = world.table(IDENTITIES), world.quiet(), bot_of(world, "bot")
    taken = await world.quietly(service.places.take(bot))
    await world.quietly(service.tokens.enrol_bot(bot, "Bot"))
    await world.quietly(service.places.keep(taken))

    with pytest.raises(RowChanged):
        await world.quietly(table.remove_unchanged(taken.row))

    assert await check_all(world) == {"bot"}


@pytest.mark.parametrize("first", range(0, 40, 10))
async def test_in_whatever_order_requests_come_no_bot_is_without_a_place(first: int) -> None:
    for seed in range(first, first + 10):
        await in_some_order(random.Random(seed))  # noqa: S311


@pytest.mark.soak
@pytest.mark.parametrize("first", range(40, 4040, 100))
async def test_in_many_orders_no_bot_is_without_a_place(first: int) -> None:
    for seed in range(first, first + 100):
        await in_some_order(random.Random(seed))  # noqa: S311


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
    # Who dies before the last count may leave one more than there may be: it has a place.
    await check_all(world, most=3 if is_killed else 2)


async def quiet(request: Coroutine[Any, Any, object]) -> None:
    with contextlib.suppress(BeingErased, Conflict):
        await request


async def alone(
    world: World, request: Callable[[World, str], Coroutine[Any, Any, object]], name: str
) -> None:
    await world.quietly(request(world, name))
