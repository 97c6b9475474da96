"""Which calls count against a caller's limits, for how long, and what the counting costs."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import override

import pytest

from shared.bounds import MOST_COUNTED
from shared.calls.dialling import Target
from shared.calls.live_calls import Counted, LiveCalls
from shared.calls.rows import Call
from shared.problems import CallRefused, InvalidRequest, KeyReused, TooManyCalls, TooManyLegs
from shared.stored_rows import MOST_BYTES
from shared.unavailable import CommunicationUnavailable
from tests.calls.placing_world import START, World
from tests.calls.test_call_records import events
from tests.support.interleaving import Instance, Stopped

# The writes of placing a call: the intent, the batch, the record, the called person, ACS's id, the
# intent.
WRITES = 6
LATER = timedelta(minutes=11)  # when nobody looks for calls of earlier versions any more


async def world_with(most: int = 1, legs: int = 500) -> World:
    world = World(most, legs)
    await world.enrol()
    return world


async def placed(world: World, key: str, targets: int = 1, **dies: int) -> Call:
    return await world.quietly(world.place(world.host(**dies), key, targets))


async def ids_of(world: World, kind: Counted = Counted.PLACED) -> list[str]:
    row = await world.counted()
    return [] if row is None else list(row.calls.get(kind, {}))


@pytest.mark.parametrize("write", range(1, WRITES + 1))
async def test_a_placing_whose_answer_was_lost_anywhere_has_one_place_and_its_legs_once(
    write: int,
) -> None:
    world = await world_with()

    call = await placed(world, "key", 3, lose_after=write)

    assert await ids_of(world) == [call.call_id]
    row = await world.counted()
    assert row is not None
    assert [one.number for one in row.legs] == [3]
    assert world.acs.going_on == [call.call_id]


@pytest.mark.parametrize("write", range(1, WRITES + 1))
async def test_a_placing_killed_anywhere_is_counted_once_when_it_is_repeated(write: int) -> None:
    world = await world_with()
    with pytest.raises(Stopped):
        await placed(world, "key", 3, stop_after=write)

    call = await placed(world, "key", 3)

    assert await ids_of(world) == [call.call_id]
    row = await world.counted()
    assert row is not None
    assert [one.number for one in row.legs] == [3]
    assert world.acs.going_on == [call.call_id]


@pytest.mark.parametrize(("write", "minutes"), [(2, 1), (3, 1), (4, 5)])
async def test_a_placing_that_was_killed_keeps_its_place_as_long_as_it_may_go_on(
    write: int, minutes: int
) -> None:
    """A minute, or if ACS may have been asked, until it would have told of the call."""
    world = await world_with()
    with pytest.raises(Stopped):
        await placed(world, "killed", stop_after=write)
    world.wait(minutes=minutes, seconds=-1)
    with pytest.raises(TooManyCalls):
        await placed(world, "another")
    world.wait(seconds=2)

    await placed(world, "another")


async def test_a_refused_placing_stores_nothing() -> None:
    world = await world_with()
    await placed(world, "one")
    before, noted = await world.rows_of_alice(), await world.intents()

    with pytest.raises(TooManyCalls):
        await placed(world, "two")

    assert await world.rows_of_alice() == before
    assert await world.intents() == noted


async def test_what_acs_has_refused_keeps_no_place_and_gets_one_again_when_it_is_repeated() -> None:
    world = await world_with()
    for key in ("a", "b"):
        world.fail(key, "refused")
        with pytest.raises(CallRefused):
            await placed(world, key)
        world.fail(key, "")

    call = await placed(world, "a")

    assert await ids_of(world) == [call.call_id]
    with pytest.raises(TooManyCalls):
        await placed(world, "b")
    await world.ends(call.call_id)
    await placed(world, "b")


async def test_a_call_that_is_told_of_after_it_lost_its_place_counts_again() -> None:
    world = await world_with()
    world.fail("lost", "lost")
    with pytest.raises(CommunicationUnavailable):
        await placed(world, "lost")
    [lost] = world.acs.going_on
    world.wait(minutes=6)
    settling = world.host()
    [noted] = await world.intents()
    await world.quietly(
        settling.records.change(lost, lambda found: replace(found, is_refused=True))
    )
    other = await placed(world, "other")
    assert await ids_of(world) == [other.call_id]
    assert noted is not None

    [told] = events("CallConnected")
    await world.quietly(world.host().calls.apply(lost, [told]))

    assert await ids_of(world) == [other.call_id, lost]
    await world.ends(other.call_id)
    with pytest.raises(TooManyCalls):
        await placed(world, "another")


async def test_calls_of_an_earlier_version_count_and_of_its_hosts_during_a_rollout() -> None:
    world = await world_with(most=2)
    earlier = world.host()
    old = await world.quietly(earlier.records.begin(world.alice, "old", "wish"))
    await asked_for(world, old)
    first = await placed(world, "first")
    assert set(await ids_of(world)) == {old.call_id, first.call_id}
    await world.ends(first.call_id)
    during = await world.quietly(earlier.records.begin(world.alice, "during", "wish"))
    await asked_for(world, during)

    with pytest.raises(TooManyCalls):
        await placed(world, "second")
    await world.ends(old.call_id)
    await placed(world, "second")

    assert during.call_id in await ids_of(world)


async def asked_for(world: World, call: Call) -> None:
    host = world.host()
    await world.quietly(
        host.records.change(call.call_id, lambda found: replace(found, targets=("8:acs:bob",)))
    )


async def test_places_are_freed_only_when_all_are_taken_and_by_reading_the_calls_named() -> None:
    world = await world_with(most=3)
    calls = [await placed(world, key) for key in "ab"]
    world.now = START + LATER
    for call in calls:
        await world.ends(call.call_id)
    cheap = await asked_of_storage(world, "c")
    assert len(await ids_of(world)) == 3

    full = await asked_of_storage(world, "d")

    assert len(await ids_of(world)) == 2
    assert full - cheap == Counter({"reads": 3})


async def test_what_placing_a_call_costs() -> None:
    """Before there was a row: a query of live calls more, and a read for each."""
    world = await world_with(most=3)
    first = await asked_of_storage(world, "a")
    second = await asked_of_storage(world, "b")
    world.now = START + LATER
    third = await asked_of_storage(world, "c")

    # The key, the row, the key again, what is old, the record twice (whom it calls, ACS's id), and
    # the caller.
    assert third == {"reads": 7, "writes": WRITES}
    # And calls of earlier versions.
    assert second == first == {"reads": 8, "writes": WRITES}


async def asked_of_storage(world: World, key: str) -> Counter[str]:
    counts = Counter[str]()

    class Counting(Instance):
        @override
        async def do[T](self, call: Callable[[], Awaitable[T]], *, write: bool) -> T:
            counts["writes" if write else "reads"] += 1
            return await super().do(call, write=write)

    await world.quietly(world.place(world.host_on(Counting(world.schedule).client), key))
    return counts


async def test_a_call_that_ends_leaves_nothing_to_tidy() -> None:
    world = await world_with()
    call = await placed(world, "key")
    assert len(await world.intents()) == 1

    await world.ends(call.call_id)

    assert await world.intents() == []


async def test_of_requests_with_one_key_at_a_time_one_intent_is_left() -> None:
    world = await world_with()
    racing = [asyncio.ensure_future(world.place(world.host(), "key")) for _ in range(3)]
    await world.schedule.drain()
    [call_id] = {(await one).call_id for one in racing}

    assert {row.values["subject"] for row in await world.intents()} == {call_id}
    await world.ends(call_id)
    assert await world.intents() == []


async def test_legs_are_counted_for_a_minute_and_once_for_a_request() -> None:
    world = await world_with(most=10, legs=5)
    call = await placed(world, "a", 3)
    for _ in range(2):
        assert (await placed(world, "a", 3)).call_id == call.call_id
    world.wait(seconds=20)
    await placed(world, "b", 2)
    with pytest.raises(TooManyLegs) as one_more:
        await placed(world, "c", 1)
    with pytest.raises(TooManyLegs) as four_more:
        await placed(world, "c", 4)
    assert one_more.value.retry_after == pytest.approx(40, abs=1)
    assert four_more.value.retry_after == pytest.approx(60, abs=1)
    world.wait(seconds=40)
    await placed(world, "c", 3)
    with pytest.raises(InvalidRequest) as never:
        await placed(world, "d", 6)
    assert never.value.faults[0].field == "to"


async def test_an_invitation_is_a_leg_also_if_it_comes_again_at_the_same_time() -> None:
    world = await world_with(legs=3)
    call = await placed(world, "a")
    [told] = events("CallConnected")
    await world.quietly(world.host().calls.apply(call.call_id, [told]))

    async def invite(key: str, number: int) -> None:
        target = Target(phone_number=f"+1425556000{number}")
        await world.host().actions.invite(world.caller, call.call_id, key, target)

    inviting = [asyncio.ensure_future(invite("one", 1)) for _ in range(5)]
    await world.schedule.drain()
    await asyncio.gather(*inviting)
    await world.quietly(invite("one", 1))
    await world.quietly(invite("two", 2))
    with pytest.raises(TooManyLegs):
        await world.quietly(invite("three", 3))
    await world.quietly(invite("two", 2))
    with pytest.raises(KeyReused):
        await world.quietly(invite("two", 4))
    world.wait(seconds=61)
    await world.quietly(invite("three", 3))

    assert set(world.acs.rung) == {f"4:+1425556000{n}" for n in (1, 2, 3)}


@pytest.mark.parametrize("what", ["invite", "place"])
async def test_who_is_erased_while_they_invite_or_place_leaves_no_row(what: str) -> None:
    """Held anywhere: either the erasure removes the row, or the request sees the erasure."""
    for step in range(40):
        world = await world_with(most=3)
        call = await placed(world, "a")
        [told] = events("CallConnected")
        await world.quietly(world.host().calls.apply(call.call_id, [told]))

        async def erase(world: World = world) -> None:
            await world.erase()
            await world.quietly(world.host().records.erase(world.alice))

        target = Target(phone_number="+14255560001")
        host = world.host()
        request = (
            host.actions.invite(world.caller, call.call_id, "key", target)
            if what == "invite"
            else world.place(host, "b")
        )
        held = await world.schedule.hold(request, step, erase)

        assert await world.counted() is None, step
        if held.exception() is None:
            break
    assert step > 5


def test_a_row_holds_what_fits_into_it() -> None:
    row = LiveCalls(START)
    for n in range(MOST_COUNTED + 10):
        row = row.with_legs(f"{n:032x}", 500, START)
    calls = {f"{n:032x}": START + timedelta(seconds=n) for n in range(MOST_COUNTED + 10)}
    for kind in Counted:
        row = row.with_calls(kind, calls)

    texts = [value for value in row.values().values() if isinstance(value, str)]

    assert len(texts) == len(Counted) + 1
    assert max(len(text.encode("utf-16-le")) for text in texts) <= MOST_BYTES
    assert all(len(counted) == MOST_COUNTED for counted in row.calls.values())
    assert f"{MOST_COUNTED + 9:032x}" in row.calls[Counted.PLACED]
