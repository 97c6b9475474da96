"""The bots of a realm are counted: of requests that race for the last place, are killed, or are
slow, none leaves a bot that is not counted, or a place that no bot has."""

import contextlib

import pytest

from shared.identity.rows import bot_place, bots_key
from shared.principals import Caller, Kind, Principal
from shared.problems import BeingErased, Conflict, TooManyBots
from shared.tables import IDENTITIES
from tests.support.interleaving import Instance, Schedule, Stopped
from tests.support.memory_tables import memory_clients
from tests.support.world import World

pytestmark = pytest.mark.usefixtures("no_pauses")

# More than the storage requests, and the writes, of any of these.
STEPS, WRITES = range(26), range(1, 8)
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


async def check(world: World, *names: str) -> None:
    """These are the bots, each has its place, and ACS has an identity for each and no more."""
    places = await world.quietly(world.table(IDENTITIES).list_for(bots_key(world.realm)))
    bots = [bot_of(world, name) for name in names]
    assert {row.row_key for row in places} == set(map(bot_place, bots))
    for bot in bots:
        assert await world.quietly(world.quiet().identities.find(bot)) is not None
    assert len(world.living) == len(names)


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

    is_there = await world.quietly(world.quiet().identities.find(bot_of(world, "bot")))
    await check(world, *(["bot"] if is_there else []))
