"""What ACS's answer to the placing of a call said, and its first event, is learnt later if it was
lost: by whatever looks at the call next."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from shared.calls.acs_types import EstablishedCall
from shared.calls.bot_state import BotCallState
from shared.calls.rows import Call, CallState
from shared.calls.settling import CallSettling
from shared.operate.tidy import Tidy
from shared.unavailable import CommunicationUnavailable
from tests.calls.placing_world import Host, Orders, World, number_of
from tests.calls.test_call_records import events
from tests.support.interleaving import Stopped

SERVICE, PHONE = "8:acs:service", f"4:{number_of('k')}"
PEOPLE = [
    {"identifier": {"rawId": raw_id}, "isMuted": False, "isOnHold": False}
    for raw_id in (SERVICE, PHONE)
]
# When requests that place calls have ended.
LATER = {"seconds": 16}


async def placed_unheard(*kinds: str) -> tuple[World, Call]:
    """A call of whose placing no answer was heard, and about which these events have come. The
    request was repeated once, when ACS did not say anything."""
    world = World(2)
    await world.enrol()
    world.fail("k", "lost")
    with pytest.raises(CommunicationUnavailable):
        await world.quietly(world.place(world.host(), "k"))
    [call_id] = world.acs.going_on
    await told(world, call_id, *kinds)
    # By now the settings are others, so that ACS does not know the request again.
    world.fail("k", "changed")
    world.acs.is_silent = True
    repeated = await world.quietly(world.place(world.host(), "k"))
    assert (repeated.call_id, repeated.own_id) == (call_id, None)
    world.acs.is_silent = False
    return world, repeated


async def told(world: World, call_id: str, *kinds: str) -> None:
    happened = events(*kinds, participants=PEOPLE)
    await world.quietly(world.host().calls.apply(call_id, happened))


async def read(world: World, host: Host, call: Call) -> Call:
    return (await host.calls.get(world.caller, call.call_id)).call


async def repeat(world: World, host: Host, _call: Call) -> Call:
    return await world.place(host, "k")


async def event(_world: World, host: Host, call: Call) -> object:
    return await host.calls.apply(call.call_id, events("PlayStarted"))


async def tidy(world: World, host: Host, _call: Call) -> object:
    world.wait(minutes=5)
    return await Tidy(host.intents, lambda: host.settling.finishers, now=world.clock).run()


def is_since(moment: datetime, call: Call) -> bool:
    """Does the record say that somebody answered after a moment?"""
    return call.connected_at is not None and call.connected_at > moment


async def recorded(world: World, call: Call) -> Call:
    found = await world.quietly(world.host().records.find(call.call_id))
    assert found is not None
    return found


@pytest.mark.parametrize("look", [read, repeat, event, tidy])
async def test_who_the_service_is_in_a_call_is_learnt_by_the_next_look(
    look: Callable[[World, Host, Call], Awaitable[object]],
) -> None:
    world, call = await placed_unheard("CallConnected", "ParticipantsUpdated")
    world.wait(**LATER)

    await world.quietly(look(world, world.host(), call))

    found = await recorded(world, call)
    assert [one.raw_id for one in found.remote_participants] == [PHONE]
    assert (found.own_id, found.server_call_id) == (SERVICE, "server")
    assert world.acs.going_on == [call.call_id]


@pytest.mark.parametrize("dies", [False, True])
@pytest.mark.parametrize("write", [1, 2])
async def test_a_look_that_loses_an_answer_or_dies_is_made_up_for_by_a_later_one(
    write: int, dies: bool
) -> None:
    world, call = await placed_unheard("CallConnected", "ParticipantsUpdated")
    world.wait(**LATER)

    host = world.host(stop_after=write) if dies else world.host(lose_after=write)
    with suppress(Stopped):
        await world.quietly(read(world, host, call))
    world.wait(minutes=1)
    found = await world.quietly(read(world, world.host(), call))

    assert (found.own_id, found.state) == (SERVICE, CallState.CONNECTED)


async def test_a_look_and_an_event_at_the_same_time_both_count_in_any_order() -> None:
    orders = Orders()
    while True:
        world, call = await placed_unheard("CallConnected")
        world.wait(**LATER)
        [happened] = events("ParticipantsUpdated", participants=PEOPLE)
        looks = world.acs.looks
        tasks = [
            asyncio.ensure_future(one)
            for one in (
                world.host().records.apply(call, happened),
                world.host().reconciling.complete_if_due(call),
            )
        ]
        await orders.follow(world.schedule)
        await asyncio.gather(*tasks)

        found = await recorded(world, call)
        assert [one.raw_id for one in found.remote_participants] == [PHONE]
        assert world.acs.looks == looks + 1
        if not orders.has_next():
            break
    assert orders.tried > 10


async def test_acs_is_asked_once_a_minute_while_it_does_not_say_who_the_service_is() -> None:
    world, call = await placed_unheard("CallConnected")
    world.acs.own_id, asked = None, list[int]()
    for seconds in (14, 2, 57, 4):
        world.wait(seconds=seconds)
        before = world.acs.looks
        for _ in range(3):
            await world.quietly(read(world, world.host(), call))
            await told(world, call.call_id, "ParticipantsUpdated")
        asked.append(world.acs.looks - before)

    assert asked == [0, 1, 0, 1]


async def test_a_call_is_connected_if_acs_says_so_although_the_event_was_lost() -> None:
    world = World()
    await world.enrol()
    call = await world.quietly(world.place(world.host(), "k"))
    world.wait(minutes=1)
    began = world.now
    found = await world.quietly(read(world, world.host(), call))
    assert (found.state, is_since(began, found)) == (CallState.CONNECTED, True)
    [connected] = events("CallConnected")

    await world.quietly(world.host().calls.apply(call.call_id, [connected]))

    assert (await recorded(world, call)).connected_at == connected.time


async def test_a_call_that_is_answered_during_a_look_is_connected_when_the_event_says() -> None:
    world = World()
    await world.enrol()
    call = await world.quietly(world.place(world.host(), "k"))
    world.wait(minutes=1)
    [connected] = events("CallConnected")
    acs: Any = world.acs
    find = world.acs.find

    async def find_slowly(connection_id: str) -> EstablishedCall | None:
        world.wait(seconds=1)
        connected.time = world.now
        return await find(connection_id)

    acs.find = find_slowly
    await world.quietly(read(world, world.host(), call))
    await world.quietly(world.host().calls.apply(call.call_id, [connected]))

    assert (await recorded(world, call)).connected_at == connected.time


async def test_a_repetition_that_learns_that_the_call_is_connected_records_when() -> None:
    world = World()
    await world.enrol()
    world.acs.own_id = None
    await world.quietly(world.place(world.host(), "k"))
    began = world.now

    call = await world.quietly(world.place(world.host(), "k"))

    assert (call.state, is_since(began, call)) == (CallState.CONNECTED, True)


async def test_a_bot_takes_its_turn_after_the_event_was_lost_and_is_not_who_called_it() -> None:
    world, call = await placed_unheard("CallConnected")
    to_bot = replace(call, bot_state=BotCallState((PHONE,)), state=CallState.CONNECTING)
    resumed = list[Call]()

    async def resume(found: Call) -> None:
        resumed.append(found)

    host = world.host()
    await world.quietly(host.records.change(call.call_id, lambda _: to_bot))
    world.acs.own_id = PHONE
    world.wait(minutes=5)
    settling = CallSettling(
        host.records, host.intents, world.clock, reconciling=host.reconciling, resume=resume
    )
    await world.quietly(Tidy(host.intents, lambda: settling.finishers, now=world.clock).run())

    assert [(one.state, one.own_id) for one in resumed] == [(CallState.CONNECTED, None)]


async def test_a_call_that_acs_does_not_have_yet_has_not_ended() -> None:
    world, call = await placed_unheard("CallConnected")
    world.acs.ended.add(call.call_id)
    world.wait(**LATER)
    early = await world.quietly(read(world, world.host(), call))
    world.wait(minutes=1)
    late = await world.quietly(read(world, world.host(), call))

    assert (early.state, late.state) == (CallState.CONNECTED, CallState.DISCONNECTED)


async def test_a_call_that_a_late_repetition_made_has_not_ended_at_its_first_event() -> None:
    world = World()
    await world.enrol()
    world.fail("k", "lost")
    for minutes in (0, 3):
        world.wait(minutes=minutes)
        with pytest.raises(CommunicationUnavailable):
            await world.quietly(world.place(world.host(), "k"))
    [call_id] = world.acs.going_on
    world.acs.ended.add(call_id)  # so ACS does not know it
    happened = events("CallConnected", "ParticipantsUpdated", participants=PEOPLE)
    for one in happened:
        one.time = world.now
        await world.quietly(world.host().calls.apply(call_id, [one]))

    early = await world.quietly(world.host().calls.get(world.caller, call_id))
    world.wait(minutes=1)
    late = await world.quietly(world.host().calls.get(world.caller, call_id))

    assert (early.call.state, late.call.state) == (CallState.CONNECTED, CallState.DISCONNECTED)
