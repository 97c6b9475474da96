"""A repetition that ACS refuses takes nothing from a call that it has made before: the first
request's answer was lost, and only events tell of the call."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from shared.calls.live_calls import Counted
from shared.calls.rows import Call, CallState
from shared.problems import CallRefused, Problem, TooManyCalls
from shared.unavailable import CommunicationUnavailable
from tests.calls.placing_world import World
from tests.calls.test_lost_answers import LATER, placed_unheard, read, recorded, told

# The storage requests of a repetition, and more.
STEPS = range(12)


async def unheard() -> tuple[World, str]:
    """A call whose placing nobody heard of; a repetition of the request is refused."""
    world = World(2)
    await world.enrol()
    world.fail("k", "lost")
    with pytest.raises(CommunicationUnavailable):
        await world.quietly(world.place(world.host(), "k"))
    world.fail("k", "changed")
    [call_id] = world.acs.going_on
    return world, call_id


async def found(world: World, call_id: str) -> Call:
    call = await world.quietly(world.host().records.find(call_id))
    assert call is not None
    return call


def as_recorded_before(call: Call) -> Call:
    """As earlier versions recorded it, when ACS refused a repetition."""
    return replace(call, is_refused=True)


@pytest.mark.steps
@pytest.mark.parametrize("kinds", [("CallConnected",), ("CallConnected", "CallDisconnected")])
@pytest.mark.parametrize("step", STEPS)
async def test_events_that_come_during_a_repetition_stay(step: int, kinds: Sequence[str]) -> None:
    world, call_id = await unheard()

    async def meanwhile() -> None:
        await told(world, call_id, *kinds)

    repeated = await world.schedule.hold(world.place(world.host(), "k"), step, meanwhile)
    before = await found(world, call_id)
    await told(world, call_id, "ParticipantsUpdated")
    after = await found(world, call_id)

    wanted = CallState.DISCONNECTED if "CallDisconnected" in kinds else CallState.CONNECTED
    assert (before.state, after.state) == (wanted, wanted)
    assert (after.is_refused, after.ended_at) == (False, before.ended_at)
    assert (after.ended_at is not None) == (wanted is CallState.DISCONNECTED)
    # An answer that was not refused is the call.
    assert isinstance(repeated.exception(), Problem) or repeated.result().call_id == call_id


async def test_a_call_that_acs_has_is_the_answer_to_a_repetition_that_it_refuses() -> None:
    world, call_id = await unheard()
    await told(world, call_id, "ParticipantsUpdated")

    repeated = await world.quietly(world.place(world.host(), "k"))

    assert (repeated.call_id, repeated.state) == (call_id, CallState.CONNECTING)
    assert not repeated.is_refused


async def test_a_look_at_a_call_revives_it_for_good() -> None:
    """Also one that an earlier version has recorded as refused although ACS has it."""
    for kinds in (["CallConnected"], ["ParticipantsUpdated"]):
        world, call = await placed_unheard("CallConnected")
        await told(world, call.call_id, *kinds)
        await world.quietly(world.host().records.change(call.call_id, as_recorded_before))
        world.wait(**LATER)

        seen = await world.quietly(read(world, world.host(), call))
        await told(world, call.call_id, "PlayStarted")

        assert (seen.state, seen.is_refused) == (CallState.CONNECTED, False)
        after = await recorded(world, call)
        assert (after.state, after.connected_at) == (CallState.CONNECTED, seen.connected_at)


async def test_an_event_revives_a_call_that_was_recorded_as_refused_and_keeps_its_end() -> None:
    world, call = await placed_unheard("CallConnected", "CallDisconnected")
    await world.quietly(world.host().records.change(call.call_id, as_recorded_before))
    before = await recorded(world, call)

    await told(world, call.call_id, "PlayStarted")

    after = await recorded(world, call)
    assert (after.state, after.ended_at) == (CallState.DISCONNECTED, before.ended_at)


@pytest.mark.steps
@pytest.mark.parametrize("step", range(14))
async def test_a_call_for_which_there_is_no_place_any_more_counts_if_an_event_tells_of_it(
    step: int,
) -> None:
    world, call_id = await unheard()
    with pytest.raises(CallRefused):
        await world.quietly(world.place(world.host(), "k"))
    world.most = 1
    await world.quietly(world.place(world.host(), "o"))

    async def meanwhile() -> None:
        await told(world, call_id, "CallConnected")

    repeated = await world.schedule.hold(world.place(world.host(), "k"), step, meanwhile)
    await told(world, call_id, "ParticipantsUpdated")

    after, row = await found(world, call_id), await world.counted()
    assert (after.state, after.is_refused) == (CallState.CONNECTED, False)
    assert row is not None
    assert call_id in row.calls[Counted.PLACED]
    assert isinstance(repeated.exception(), TooManyCalls) or repeated.result().call_id == call_id
