"""A person's calls are counted before a call is shared: a sharing that is refused was never in
force."""

import asyncio
import uuid
from dataclasses import replace

import pytest

from shared.problems import TooManyShared
from shared.sharing.audiences import MOST_IN_SPACE, Audience
from shared.sharing.rows import Invitation, Role
from shared.tables import INVITATIONS
from tests.support.deeds import Wish
from tests.support.interleaving import Schedule
from tests.support.memory_tables import memory_clients
from tests.support.realms import SPACE
from tests.support.world import World

ANN, BEN = 0, 1
# The intent, the owner's row, the record, and the rows of owner and space.
MOST_WRITES = 5


@pytest.fixture
async def world() -> World:
    """Ann and Ben are friends."""
    world = World(memory_clients(), Schedule())
    await world.alone(Wish("add", ANN, BEN))
    await world.alone(Wish("add", BEN, ANN))
    return world


async def fill_space(world: World, number: int) -> None:
    """So many calls of Ann in the space, in addition to the call of the test."""
    for n in range(number):
        await world.quietly(share_another(world, n))


async def share_another(world: World, n: int) -> None:
    group, audience = str(uuid.UUID(int=n)), Audience(space=SPACE)
    caller, calls = world.caller(ANN), world.quiet().group_calls
    await calls.share(caller, group, None, None, None, audience)


async def titles(world: World, audience: str) -> list[str | None]:
    """The listings of the test's call that Ben sees, in the space or as a friend."""
    listed = (await world.alone(Wish("list", BEN, audience=audience))).listed or []
    return [one.content.title for one in listed if one.call_id == world.call_of(ANN)]


async def in_space(world: World) -> int:
    return len((await world.alone(Wish("list", BEN, audience="space"))).listed or [])


@pytest.mark.parametrize("lost", range(1, MOST_WRITES + 1))
async def test_a_sharing_whose_answers_are_lost_is_new_once_and_fills_one_place(
    world: World, lost: int
) -> None:
    await fill_space(world, MOST_IN_SPACE - 1)

    shared = await world.alone(Wish("share", ANN, lose_after=lost, audience="space", title="10th"))

    assert shared.refused is None
    assert await titles(world, "space") == ["10th"]
    with pytest.raises(TooManyShared):
        await world.quietly(share_another(world, 99))
    assert await in_space(world) == MOST_IN_SPACE


@pytest.mark.parametrize("lost", range(1, MOST_WRITES))
async def test_what_is_refused_is_not_in_force_whatever_answer_is_lost(
    world: World, lost: int
) -> None:
    await world.alone(Wish("share", ANN, audience="friends", title="for friends"))
    await fill_space(world, MOST_IN_SPACE)

    refused = await world.alone(Wish("share", ANN, lose_after=lost, audience="space", title="no"))

    assert isinstance(refused.refused, TooManyShared)
    assert await titles(world, "") == ["for friends"]
    assert await titles(world, "space") == []
    assert await in_space(world) == MOST_IN_SPACE
    opened = await world.alone(Wish("open", BEN, ANN))
    assert opened.listed
    assert opened.listed[0].content.title == "for friends"


async def test_of_two_that_are_refused_at_once_neither_is_taken_for_what_was_there_before(
    world: World,
) -> None:
    await world.alone(Wish("share", ANN, audience="friends", title="for friends"))
    await fill_space(world, MOST_IN_SPACE)
    both = [
        asyncio.ensure_future(world.fulfil(Wish("share", ANN, audience="space", title=title)))
        for title in ("one", "other")
    ]
    await world.schedule.drain()

    for one in both:
        assert isinstance((await one).refused, TooManyShared)
    assert await titles(world, "") == ["for friends"]
    assert await in_space(world) == MOST_IN_SPACE


@pytest.mark.parametrize("stop", range(1, MOST_WRITES + 1))
async def test_a_killed_sharing_keeps_its_place_for_its_repetition(world: World, stop: int) -> None:
    await fill_space(world, MOST_IN_SPACE - 1)
    await world.alone(Wish("share", ANN, stop_after=stop, audience="space", title="10th"))
    if stop > 1:  # it has its place
        with pytest.raises(TooManyShared):
            await world.quietly(share_another(world, 99))

    repeated = await world.alone(Wish("share", ANN, audience="space", title="10th"))

    assert repeated.refused is None
    assert await titles(world, "space") == ["10th"]
    assert await in_space(world) == MOST_IN_SPACE


async def test_a_killed_sharing_that_is_refused_when_it_is_repeated_is_not_in_force(
    world: World,
) -> None:
    await fill_space(world, MOST_IN_SPACE - 1)
    only_intent = 1
    await world.alone(Wish("share", ANN, stop_after=only_intent, audience="space", title="11th"))
    await world.quietly(share_another(world, 99))

    repeated = await world.alone(Wish("share", ANN, audience="space", title="11th"))

    assert isinstance(repeated.refused, TooManyShared)
    assert await titles(world, "space") == []
    assert await in_space(world) == MOST_IN_SPACE


async def test_a_place_that_nobody_uses_lapses(world: World) -> None:
    await fill_space(world, MOST_IN_SPACE - 1)
    intent_and_place = 2
    await world.alone(Wish("share", ANN, stop_after=intent_and_place, audience="space"))

    world.wait(minutes=6)
    await world.quietly(share_another(world, 99))

    assert await in_space(world) == MOST_IN_SPACE


async def test_calls_that_an_earlier_version_shared_in_a_space_count(world: World) -> None:
    await fill_space(world, MOST_IN_SPACE)
    listings, owner = world.table(INVITATIONS), {"role": Role.OWNER.value}
    rows = await world.quietly(listings.list_for(world.key_of(ANN), "role eq @role", owner))
    for row in rows:
        of_then = replace(Invitation.of(row), space=None, old_locator='{"groupId": "1"}')
        await world.quietly(listings.replace(row, of_then.values()))

    with pytest.raises(TooManyShared):
        await world.quietly(share_another(world, 99))
