"""In every order of requests, wherever some are cut off, ACS and our rows agree in the end.

Hypothesis chooses requests of two realms about one agent, the order of their steps, the write (of a
row, or to ACS) after which a host dies, and the write whose answer is lost.
"""

import asyncio
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.problems import Conflict, TooManyAgents
from shared.teams_phone.rows import State
from tests.support.interleaving import Instance, Stopped
from tests.support.world import searching
from tests.teams_phone.agents_world import APP, AVA, BO, REALMS, TENANT, AgentsWorld


@dataclass(frozen=True)
class Wish:
    kind: str
    realm: str
    stop_after: int = 0
    lose_after: int = 0
    agent: str = AVA


wishes = st.builds(
    Wish,
    kind=st.sampled_from(["add", "add", "remove", "erase"]),
    realm=st.sampled_from(REALMS),
    stop_after=st.sampled_from([0, 0, *range(1, 7)]),
    lose_after=st.sampled_from([0, 0, *range(1, 7)]),
)
SERVED = {(TENANT, AVA): APP}


async def fulfil(world: AgentsWorld, wish: Wish) -> bool | None:
    """Whether it was answered with success; None if its host died."""
    agents = world.agents(instance=Instance(world.schedule, wish.stop_after, wish.lose_after))
    try:
        match wish.kind:
            case "add":
                await agents.add(world.operator(wish.realm), wish.agent, None)
            case "remove":
                await agents.remove(world.operator(wish.realm), AVA)
            case "erase":
                await agents.erase(world.person())
    except Stopped:
        return None
    except (Conflict, TooManyAgents):
        return False
    return True


async def check(world: AgentsWorld) -> None:
    """After the timer has run: rows and ACS agree, and nothing is unfinished."""
    await world.tidy()
    assert await world.intents() == []
    assert set(world.states()) <= {State.ADDED}
    assert world.acs.assigned == (SERVED if world.rows() else {})


@searching(60)
@given(data=st.data())
@pytest.mark.usefixtures("no_pauses")
def test_acs_serves_whom_the_rows_say(data: st.DataObject) -> None:
    asyncio.run(_run(data))


async def _run(data: st.DataObject) -> None:
    world = AgentsWorld()
    for realm in REALMS[: data.draw(st.integers(0, 2))]:
        await world.quietly(fulfil(world, Wish("add", realm)))
    coming = data.draw(st.lists(wishes, min_size=1, max_size=4))
    running = [asyncio.ensure_future(fulfil(world, wish)) for wish in coming]
    await world.schedule.settle()
    while waiting := len(world.schedule.waiting):
        await world.schedule.step(data.draw(st.integers(0, waiting - 1)))
    await asyncio.gather(*running)
    await check(world)


@pytest.mark.steps
@pytest.mark.parametrize("realm", REALMS)
@pytest.mark.parametrize("step", range(12))
async def test_an_agent_who_is_added_while_they_are_removed_is_served(
    realm: str, step: int
) -> None:
    world = AgentsWorld()
    await world.quietly(fulfil(world, Wish("add", REALMS[0])))

    async def add() -> None:
        assert await world.quietly(fulfil(world, Wish("add", realm)))

    held = await world.schedule.hold(fulfil(world, Wish("remove", REALMS[0])), step, add)

    assert held.result()
    await check(world)
    assert bool(world.rows()) or realm == REALMS[0]


@pytest.mark.parametrize("stop_after", range(1, 8))
async def test_a_kill_while_an_agent_is_added_is_finished_by_a_repetition_or_undone(
    stop_after: int,
) -> None:
    for is_repeated in (True, False):
        world = AgentsWorld()
        wish = Wish("add", REALMS[0], stop_after)
        outcome = await world.quietly(fulfil(world, wish))
        if outcome is None and is_repeated:
            assert await world.quietly(fulfil(world, Wish("add", REALMS[0])))
        await check(world)
        has_confirmed = stop_after >= 4  # the intent, the row, ACS, and the row again
        assert bool(world.rows()) == (is_repeated or has_confirmed)


@pytest.mark.parametrize("stop_after", range(1, 6))
async def test_a_kill_while_an_agent_is_removed_keeps_nobody(stop_after: int) -> None:
    for kind in ("remove", "erase"):
        for is_repeated in (True, False):
            world = AgentsWorld()
            assert await world.quietly(fulfil(world, Wish("add", REALMS[0])))
            await world.quietly(fulfil(world, Wish(kind, REALMS[0], stop_after)))
            if is_repeated:
                assert await world.quietly(fulfil(world, Wish(kind, REALMS[0])))
                assert (world.rows(), world.acs.assigned) == ([], {})
            await check(world)
            # A host that dies after the intent alone has removed nobody.
            assert bool(world.rows()) == (stop_after == 1 and not is_repeated)


@pytest.mark.steps
@pytest.mark.parametrize("step", range(12))
async def test_of_two_agents_for_whom_there_is_one_place_at_most_one_is_added(step: int) -> None:
    world, realm = AgentsWorld(), REALMS[0]
    world.most = 1
    added = list[bool | None]()

    async def add() -> None:
        added.append(await world.quietly(fulfil(world, Wish("add", realm, agent=BO))))

    held = await world.schedule.hold(fulfil(world, Wish("add", realm)), step, add)

    added.append(held.result())
    assert added.count(True) == len(world.rows()) == len(world.acs.assigned) <= 1
    await world.tidy()
    assert await world.intents() == []
    assert added.count(True) == len(world.rows())


@pytest.mark.steps
@pytest.mark.parametrize("how", ["stop_after", "lose_after"])
@pytest.mark.parametrize("write", range(1, 8))
async def test_of_an_agent_who_is_one_too_many_nothing_is_left_after_a_kill(
    how: str, write: int
) -> None:
    world, realm = AgentsWorld(), REALMS[0]
    world.most = 1
    assert await world.quietly(fulfil(world, Wish("add", realm)))

    assert not await world.quietly(fulfil(world, Wish("add", realm, agent=BO, **{how: write})))
    await check(world)

    assert await world.quietly(fulfil(world, Wish("remove", realm)))
    assert await world.quietly(fulfil(world, Wish("add", realm, agent=BO)))
    assert world.states() == [State.ADDED]
