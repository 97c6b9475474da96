"""Bots of a `World`: the requests of an operator, each to another host, and the rules that must
hold."""

import contextlib
from collections.abc import Callable, Coroutine
from typing import Any

from shared.identity.rows import bot_place, bots_key
from shared.intents import SHARDS
from shared.principals import Caller, Kind, Principal
from shared.problems import BeingErased, Conflict, TooManyBots
from shared.tables import IDENTITIES, INTENTS
from tests.support.interleaving import Instance, Stopped
from tests.support.world import World

# More than the storage requests, and the writes, of any of these.
STEPS, WRITES = range(26), range(1, 9)
HOW = ["stop_after", "lose_after"]
NAMES = ("first", "second", "third", "bot")


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


async def alone(
    world: World, request: Callable[[World, str], Coroutine[Any, Any, object]], name: str
) -> None:
    await world.quietly(request(world, name))
