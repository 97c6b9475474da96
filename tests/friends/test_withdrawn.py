"""Withdrawn requests do not leave rows for ever. Tidy removes them an hour later, and brings
nothing back, whatever people ask meanwhile, and if requests die or lose their answers.

WITHDRAWN_EXAMPLES=2000 searches for longer.
"""

import asyncio
import itertools
import os
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.friends.rows import Decision, Friendship
from shared.friends.withdrawn import WITHDRAWN
from shared.intents import SHARDS, Intent, Intents
from shared.tables import FRIENDS, INTENTS, Row
from tests.friends.test_friends_interleaved import _check, pairs, wishes
from tests.support.deeds import Wish
from tests.support.interleaving import Schedule
from tests.support.memory_tables import memory_clients
from tests.support.realms import WHO
from tests.support.world import World, searching

pytestmark = pytest.mark.usefixtures("no_pauses")

EXAMPLES = int(os.environ.get("WITHDRAWN_EXAMPLES", "8"))
sweeps = st.builds(
    Wish,
    kind=st.just("sweep"),
    who=st.just(0),
    stop_after=st.integers(0, 4),
    lose_after=st.sampled_from([0, 0, 1, 2, 3]),
)
EVERYBODY = range(len(WHO))


def new_world() -> World:
    return World(memory_clients(), Schedule())


async def rows(world: World) -> list[Friendship]:
    table = world.table(FRIENDS)
    listed = [await world.quietly(table.list_for(world.key_of(who))) for who in EVERYBODY]
    return [Friendship.of(row) for row in itertools.chain(*listed)]


async def intents(world: World) -> list[Row]:
    table = world.table(INTENTS)
    listed = [await world.quietly(table.list_for(shard)) for shard in SHARDS]
    return [row for row in itertools.chain(*listed) if row.values["kind"] == WITHDRAWN]


@searching(EXAMPLES)
@given(data=st.data())
@pytest.mark.timeout(0 if EXAMPLES > 100 else 240)
def test_sweeps_change_nothing_that_anybody_has_said(data: st.DataObject) -> None:
    """Requests, sweeps at the same time as more of them, and at last nothing is left over."""

    async def run() -> None:
        world = new_world()
        for who, whom in ((0, 1), (1, 0), (2, 0))[: data.draw(st.integers(0, 3))]:
            await world.alone(Wish("add", who, whom))
        todo = data.draw(st.lists(st.one_of(pairs, wishes), min_size=1, max_size=4))
        await world.interleave(todo, data)
        await world.repeat_all_that_was_cut_off()
        world.wait(hours=2)
        later = data.draw(st.lists(st.one_of(sweeps, pairs, wishes), min_size=2, max_size=5))
        await world.interleave([Wish("sweep", 0), *later], data)
        await world.repeat_all_that_was_cut_off()
        await _check(world)

        world.wait(hours=2)
        await world.alone(Wish("sweep", 0))

        await _check(world)
        found = await rows(world)
        over = {(row.owner, row.friend) for row in found if row.is_over()}
        assert not any((friend, owner) in over for owner, friend in over)

    asyncio.run(run())


# The decisions of both people, and the number of rows that remain.
@pytest.mark.parametrize(
    ("said", "left"),
    [
        ([("add", 0, 1), ("remove", 0, 1)], 0),
        ([("add", 0, 1), ("add", 1, 0), ("remove", 0, 1), ("remove", 1, 0)], 0),
        ([("add", 0, 1), ("remove", 0, 1), ("add", 0, 1), ("remove", 0, 1)], 0),
        ([("block", 0, 1), ("unblock", 0, 1)], 0),
        ([("add", 0, 1)], 2),
        ([("add", 0, 1), ("remove", 1, 0)], 2),  # the yes stands
        ([("block", 0, 1)], 2),
        ([("add", 1, 0), ("block", 0, 1), ("remove", 1, 0)], 2),  # an erasure finds both by each
        ([("add", 0, 1), ("add", 1, 0), ("remove", 0, 1)], 2),
    ],
)
async def test_tidy_removes_after_an_hour_what_neither_says_or_blocks(
    said: list[tuple[str, int, int]], left: int
) -> None:
    world = new_world()
    for kind, who, whom in said:
        if kind == "unblock":
            unblocking = world.quiet().friends.remove(
                world.caller(who), world.principal(whom).id, block=False
            )
            await world.quietly(unblocking)
        else:
            assert (await world.alone(Wish(kind, who, whom))).refused is None
    before = await rows(world)

    world.wait(minutes=55)
    await world.tidy()
    assert await rows(world) == before  # a slow copy could still come
    world.wait(minutes=15)
    await world.tidy()

    assert len(before) == 2
    assert len(await rows(world)) == left
    assert await intents(world) == []


@pytest.mark.parametrize("step", range(9))
async def test_a_slow_copy_brings_no_withdrawn_request_back(step: int) -> None:
    """Its request has said yes, is held before it copies that to the other's row, and dies then."""
    world = new_world()
    await world.alone(Wish("add", 0, 2))

    async def withdraw() -> None:
        world.wait(seconds=2)
        await world.alone(Wish("remove", 0, 1))
        await world.tidy()
        await world.alone(Wish("sweep", 0))

    await world.schedule.hold(world.fulfil(Wish("add", 0, 1, stop_after=3)), step, withdraw)

    [own] = [row for row in await rows(world) if (row.owner, row.friend) == keys(world, 0, 1)]
    listing = world.quiet().friends.list_for(world.caller(1), None, "")
    listed = (await world.quietly(listing))[0]
    assert [friend.id for friend in listed] == (
        [world.principal(0).id] if own.mine is Decision.YES else []
    )


def keys(world: World, owner: int, friend: int) -> tuple[str, str]:
    return world.key_of(owner), world.key_of(friend)


@pytest.mark.parametrize("lose_after", [0, 1, 2])
@pytest.mark.parametrize("stop_after", [1, 2])
async def test_what_a_removal_that_dies_has_left_is_removed_by_the_next(
    stop_after: int, lose_after: int
) -> None:
    world = new_world()
    await world.alone(Wish("add", 0, 1))
    await world.alone(Wish("remove", 0, 1))
    world.wait(hours=2)

    await world.alone(Wish("sweep", 0, stop_after=stop_after, lose_after=lose_after))
    assert len(await rows(world)) == 2 - stop_after
    await world.tidy()

    assert await rows(world) == []


async def test_requests_within_ten_minutes_share_one_intent_that_waits_for_the_last() -> None:
    world = new_world()
    for n in range(3):
        await world.alone(Wish("add", 0, 1 + n))
        await world.alone(Wish("remove", 0, 1 + n))
    assert len(await intents(world)) == 1

    world.wait(minutes=40)
    await world.alone(Wish("add", 0, 1))
    await world.alone(Wish("remove", 0, 1))
    assert len(await intents(world)) == 2
    world.wait(minutes=31)
    await world.tidy()
    assert {row.friend for row in await rows(world) if row.owner == world.key_of(0)} == {
        world.key_of(1)
    }

    world.wait(minutes=40)
    await world.tidy()
    assert await rows(world) == []
    assert await intents(world) == []


async def test_an_intent_that_comes_too_early_waits_on() -> None:
    world = new_world()
    await world.alone(Wish("add", 0, 1))
    await world.alone(Wish("remove", 0, 1))
    [row] = await intents(world)
    finish = world.quiet().friends.finishers[WITHDRAWN]

    await world.quietly(finish(Intent.of(row)))

    [waiting] = await intents(world)
    due = Intents(world.table(INTENTS), lambda: world.caller(0).issued_at + timedelta(minutes=59))
    assert await world.quietly(due.due(waiting.partition_key, 10)) == []
    assert len(await rows(world)) == 2


async def test_a_person_who_asks_again_is_shown_like_one_who_asks_for_the_first_time() -> None:
    world = new_world()
    await world.alone(Wish("add", 0, 1))
    await world.alone(Wish("remove", 0, 1))
    world.wait(hours=2)
    await world.tidy()
    for who, whom in ((0, 1), (1, 0)):
        await world.alone(Wish("add", who, whom))

    await _check(world)
    assert (await world.alone(Wish("resolve", 0, 1))).seen is not None


async def test_an_erasure_leaves_no_intent_that_names_who_was_erased() -> None:
    world = new_world()
    for wish in (Wish("add", 0, 1), Wish("remove", 0, 1)):
        await world.alone(wish)
    assert len(await intents(world)) == 1

    assert (await world.alone(Wish("forget", 0))).refused is None

    assert await intents(world) == []


async def test_an_erasure_and_an_export_of_what_was_removed_tell_nothing() -> None:
    world = new_world()
    for wish in (Wish("add", 0, 1), Wish("remove", 0, 1)):
        await world.alone(wish)
    stored = world.quiet().friendships
    before = await world.quietly(stored.export(world.principal(0)))
    world.wait(hours=2)
    await world.tidy()

    assert [one["mine"] for one in before] == ["no"]
    assert await world.quietly(stored.export(world.principal(0))) == []
    assert (await world.alone(Wish("forget", 1))).refused is None
    assert await rows(world) == []
