"""If calls race for the last place, one of them gets it, in every order of their storage requests,
also if hosts die and answers are lost."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.calls.rows import Call
from shared.principals import Kind, Principal
from shared.problems import CallRefused, Conflict, TooManyCalls
from shared.unavailable import CommunicationUnavailable
from tests.calls.placing_world import Orders, World
from tests.support.interleaving import Stopped
from tests.support.world import searching

type Race = Callable[[World], Awaitable[list[Awaitable[bool]]]]

BOT = Principal(Kind.BOT, "realm", "bot")


async def one_has_ended(world: World) -> None:
    """So there is a row, which is full."""
    ended = await world.quietly(world.place(world.host(), "ended"))
    await world.ends(ended.call_id)


async def begins(world: World, key: str) -> bool:
    try:
        await world.begin(world.racing_host(), key)
    except TooManyCalls:
        return False
    return True


async def two_new(world: World) -> list[Awaitable[bool]]:
    return [begins(world, key) for key in ("one", "two")]


async def two_new_after_one_that_has_ended(world: World) -> list[Awaitable[bool]]:
    await one_has_ended(world)
    return await two_new(world)


async def two_new_while_nobody_looks_for_calls_of_earlier_versions(
    world: World,
) -> list[Awaitable[bool]]:
    await one_has_ended(world)
    world.wait(minutes=11)
    return await two_new(world)


async def a_new_one_and_one_that_acs_has_refused(world: World) -> list[Awaitable[bool]]:
    """The repetition takes its place again, while the new request may free that place."""
    await one_has_ended(world)
    world.wait(minutes=11)
    world.fail("refused", "refused")
    with pytest.raises(CallRefused):
        await world.quietly(world.place(world.host(), "refused"))
    [call] = await world.quietly(world.host().records.live_calls(world.alice))

    async def repeats() -> bool:
        repeating = world.racing_host()
        revived = await repeating.calls.change(call, Call.revived)
        return await repeating.limit.take_again(world.alice, revived, was_free=True)

    return [begins(world, "new"), repeats()]


async def a_new_one_and_one_whose_request_has_died(world: World) -> list[Awaitable[bool]]:
    died = await world.quietly(world.begin(world.host(), "died"))
    world.wait(minutes=11)

    async def repeats() -> bool:
        return await world.racing_host().limit.take_again(world.alice, died, was_free=False)

    return [begins(world, "new"), repeats()]


async def two_to_bots(world: World) -> list[Awaitable[bool]]:
    async def takes(call_id: str) -> bool:
        return bool(await world.racing_host().limit.take_to_bots(world.alice, [call_id]))

    await world.quietly(takes("of a delivery that has died"))
    world.wait(minutes=11)
    begin = world.host().records.begin
    calls = [await world.quietly(begin(BOT, key, "", world.alice)) for key in ("one", "two")]
    return [takes(call.call_id) for call in calls]


RACES: list[Race] = [
    two_new,
    two_new_after_one_that_has_ended,
    two_new_while_nobody_looks_for_calls_of_earlier_versions,
    a_new_one_and_one_that_acs_has_refused,
    a_new_one_and_one_whose_request_has_died,
    two_to_bots,
]
# Of many more orders than the others.
LONG = {two_new_after_one_that_has_ended}


@pytest.mark.parametrize(
    "race",
    [
        pytest.param(race, id=race.__name__, marks=pytest.mark.slow if race in LONG else ())
        for race in RACES
    ],
)
async def test_of_two_at_the_limit_exactly_one_gets_the_place_in_every_order(race: Race) -> None:
    orders = Orders()
    while True:
        world = World()
        await world.enrol()
        racing = [asyncio.ensure_future(request) for request in await race(world)]
        await orders.follow(world.schedule)
        got = [await request for request in racing]

        assert sum(got) == 1, got
        row = await world.counted()
        assert row is not None
        assert [len(counted) for counted in row.calls.values()] == [1]
        if not orders.has_next():
            break
    assert orders.tried > 5


type Wish = tuple[str, int, int]

KEYS, FAILURES = "abcd", st.sampled_from(("", "", "", "lost", "refused"))
CUT_OFF = (TooManyCalls, CallRefused, CommunicationUnavailable, Conflict, Stopped)
# What a placing writes: the intent, the batch, the record and its changes, the intent again.
STEPS = st.integers(0, 8)
WISHES = st.lists(st.tuples(st.sampled_from(KEYS), STEPS, STEPS), max_size=4)


@given(st.data())
@searching(20)
def test_no_more_calls_go_on_than_a_caller_may_have_whatever_dies(data: st.DataObject) -> None:
    asyncio.run(_no_more_calls_go_on(data))


async def _no_more_calls_go_on(data: st.DataObject) -> None:
    """Callers repeat requests that were cut off; calls end; and ACS refuses some, or its answer is
    lost."""
    world = World(most=data.draw(st.integers(1, 2)))
    await world.enrol()
    for _ in range(3):
        for key in KEYS:
            world.fail(key, data.draw(FAILURES, key))
        placing = [
            asyncio.ensure_future(_place(world, wish)) for wish in data.draw(WISHES, "wishes")
        ]
        await world.schedule.settle()
        while world.schedule.waiting:
            await world.schedule.step(data.draw(st.integers(0, len(world.schedule.waiting) - 1)))
            assert len(world.acs.going_on) <= world.most
        await asyncio.gather(*placing)
        for call_id in world.acs.going_on:
            if data.draw(st.booleans(), "ends"):
                await world.ends(call_id)
        world.wait(seconds=61)  # a request that died before it asked ACS keeps no place
    for key in (*KEYS, "further", "still further"):
        world.fail(key, "")
        await world.quietly(_place(world, (key, 0, 0)))
        assert len(world.acs.going_on) <= world.most
    assert len(world.acs.going_on) == world.most  # nothing that is over keeps a place


async def _place(world: World, wish: Wish) -> None:
    key, stop_after, lose_after = wish
    with contextlib.suppress(*CUT_OFF):
        await world.place(world.host(stop_after, lose_after), key)
