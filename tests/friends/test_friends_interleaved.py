"""Friendships hold in every interleaving of requests, wherever some of them are cut off.

Hypothesis chooses requests of four people, the order of their storage requests, the write after
which an instance dies, and the write whose answer is lost. Most runs use tables in memory, because
they are fast; a few use Azurite's. `--soak` searches for longer.
"""

import asyncio
import itertools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.friends.rows import Friend, State
from shared.problems import NotFound
from shared.tables import FRIENDS
from shared.upstream.clients import Upstream
from tests.support import sampling
from tests.support.deeds import Wish
from tests.support.interleaving import Schedule
from tests.support.memory_tables import memory_clients
from tests.support.stack import Stack
from tests.support.storage import azurite_clients
from tests.support.world import World, searching

EXAMPLES = 20
AZURITE_EXAMPLES = 3
wishes = st.builds(
    Wish,
    kind=st.sampled_from(
        ["add", "add", "add", "add", "remove", "block", "forget", "rename", "resolve"]
    ),
    who=st.integers(0, 3),
    whom=st.integers(0, 3),
    stop_after=st.sampled_from([0, 0, 0, *range(1, 10)]),
    lose_after=st.sampled_from([0, 0, 0, 0, *range(1, 7)]),
).filter(lambda wish: wish.who != wish.whom)
# Two people meet more often than four.
pairs = st.builds(lambda wish, who: replace(wish, who=who, whom=1 - who), wishes, st.integers(0, 1))


@searching(EXAMPLES)
@given(data=st.data())
@pytest.mark.usefixtures("no_pauses")
@pytest.mark.timeout(0 if sampling.soak else 240)
def test_lists_and_resolves_agree_with_each_other_and_the_last_decisions(
    data: st.DataObject,
) -> None:
    asyncio.run(_run(memory_clients(), data))


@searching(AZURITE_EXAMPLES)
@given(data=st.data())
@pytest.mark.usefixtures("no_pauses")
def test_they_agree_on_azurite_too(stack: Stack, data: st.DataObject) -> None:
    asyncio.run(_run_on_azurite(stack, data))


async def _run_on_azurite(stack: Stack, data: st.DataObject) -> None:
    upstream = Upstream()
    try:
        await _run(azurite_clients(stack, upstream), data)
    finally:
        await upstream.close()


async def _run(clients: Mapping[str, Any], data: st.DataObject) -> None:
    world = World(clients, Schedule())
    for who, whom in ((0, 1), (1, 0), (2, 0))[: data.draw(st.integers(0, 3))]:
        await world.alone(Wish("add", who, whom))
    todo = data.draw(st.lists(st.one_of(pairs, wishes), min_size=2, max_size=7))
    await world.interleave(todo, data)
    await world.repeat_all_that_was_cut_off()
    await _check(world)


async def _check(world: World) -> None:
    lists: list[dict[str, Friend]] = []
    for who in range(4):
        listing = world.quiet().friends.list_for(world.caller(who), None, "")
        lists.append({friend.id: friend for friend in (await world.quietly(listing))[0]})
    for who, whom in itertools.permutations(range(4), 2):
        await _check_pair(world, lists, who, whom)
    for deed in world.deeds:
        if deed.seen is not None:
            who, whom, at = deed.wish.who, deed.wish.whom, deed.began
            assert not world.had_withdrawn(who, whom, at), deed
            assert not world.had_withdrawn(whom, who, at), deed
    for who in range(4):
        await _check_erased(world, who)


async def _check_pair(world: World, lists: list[dict[str, Friend]], who: int, whom: int) -> None:
    mine, theirs = world.last_words(who, whom), world.last_words(whom, who)
    listed = lists[who].get(world.principal(whom).id)
    state = listed.state if listed else State.HIDDEN
    deed = await world.alone(Wish("resolve", who, whom))
    resolved = deed.seen is not None
    assert resolved or isinstance(deed.refused, NotFound)
    assert resolved == (state is State.ACCEPTED), (state, who, whom)
    assert resolved in {a and b for a in mine for b in theirs}, (mine, theirs)
    assert (state in (State.ACCEPTED, State.REQUESTED)) in mine, (state, mine)
    if state in (State.ACCEPTED, State.INCOMING):
        assert True in theirs
    back = lists[whom].get(world.principal(who).id)
    assert resolved == (back is not None and back.state is State.ACCEPTED)
    if resolved:
        assert deed.seen == listed
        finding = world.quiet().identities.find(world.principal(whom))
        identity = await world.quietly(finding)
        assert identity is not None
        assert deed.seen is not None
        assert deed.seen.communication_user_id == identity.communication_user_id
        assert deed.seen.display_name == identity.display_name or not identity.is_announced
        assert identity.communication_user_id in world.living


async def _check_erased(world: World, who: int) -> None:
    """A person who was erased after all requests about them is in no row any more."""
    concerning = [deed for deed in world.deeds if who in (deed.wish.who, deed.wish.whom)]
    decisive = [deed for deed in concerning if deed.wish.kind != "resolve"]
    forgets = [
        deed
        for deed in decisive
        if (deed.wish.kind, deed.wish.who) == ("forget", who)
        and deed.ended
        and deed.refused is None
    ]
    if not forgets:
        return
    last = max(forgets, key=lambda deed: deed.began)
    others = [deed for deed in decisive if deed is not last]
    if any(not deed.ended or deed.ended > last.began for deed in others):
        return
    for other in range(4):
        listing = world.table(FRIENDS).list_for(world.key_of(other))
        for row in await world.quietly(listing):
            assert world.principal(who).id not in row.values.values()
            assert other != who
