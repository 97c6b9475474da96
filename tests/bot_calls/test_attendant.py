"""A bot's turns on the real table: ACS is asked for each once, and by another host if a host dies.

They are killed and raced over HTTP in test_incoming_kills.py.
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from shared.bot_calls.choices import HangUp
from shared.bot_calls.scripts import BotScript, Menu
from shared.calls.acs import CallGone
from shared.calls.events import AppliedEvents
from shared.calls.records import CallRecords
from shared.calls.rows import ActionState, Call
from shared.problems import CallRefused, Problem, Throttled
from shared.unavailable import CommunicationUnavailable, Unavailable
from tests.bot_calls.attendant_world import (
    BOT,
    CALLER,
    CAROL,
    SETTINGS,
    World,
    world,
)

__all__ = ["world"]


async def test_events_lead_from_turn_to_turn(world: World) -> None:
    host = world.host()

    await world.tell(host, world.event("CallConnected"))
    await world.tell(host, world.done("PlayStarted"))
    await world.tell(host, world.done("PlayCompleted"))
    await world.tell(host, world.pressed("two"))
    await world.tell(host, world.done("PlayCompleted"))
    await world.tell(host, world.pressed("nine"))
    await world.tell(host, world.done("RecognizeFailed"))
    await world.tell(host, world.pressed("one"))
    await world.tell(host, world.done("AddParticipantSucceeded"))

    assert world.asked == ["play", "listen", "play", "listen", "listen", "listen", "add"]
    said = [one.said for one in world.acs.asked]
    assert said == ["Welcome.", "", "https://a.example/b.wav", *["Welcome."] * 3, CAROL]
    call = await world.call()
    assert call.bot_state is not None
    assert call.bot_state.guests == (CALLER, CAROL)
    assert [one.interrupts for one in world.acs.asked] == [False] * 7


async def test_events_that_come_at_once_and_again_to_two_hosts_lead_to_each_turn_once(
    world: World,
) -> None:
    hosts = [world.host(), world.host()]
    for event, asked in (
        (world.event("CallConnected"), ["play"]),
        (None, ["play", "listen"]),
    ):
        told = event or world.done("PlayCompleted")
        replies = await asyncio.gather(
            *(world.tell(hosts[n % 2], told) for n in range(6)), return_exceptions=True
        )
        assert {type(one) for one in replies} <= {type(None), Unavailable}
        assert world.asked == asked
        await asyncio.gather(*(world.tell(host, told) for host in hosts))  # later: nothing new
    assert world.asked == ["play", "listen"]


async def test_the_host_that_is_told_again_asks_what_a_dead_host_was_about_to_ask(
    world: World,
) -> None:
    world.acs.held = asyncio.Event()
    told = world.event("CallConnected")
    dying = asyncio.create_task(world.tell(world.host(), told))
    await world.acs.joined.wait()
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    world.acs.held = None

    with pytest.raises(Unavailable):  # it may be asking still
        await world.tell(world.host(), told)
    await world.tell(world.host(), world.event("ParticipantsUpdated"))  # that is none of its
    assert world.asked == ["play"]
    world.clock.pass_seconds(6)
    await asyncio.gather(
        *(world.tell(world.host(), told) for _ in range(3)), return_exceptions=True
    )

    first, second = world.acs.asked
    assert (first.said, second.said) == ("Welcome.", "Welcome.")
    assert (first.interrupts, second.interrupts) == (False, True)
    assert first.context != second.context  # so that the end of the first is not taken for its own
    assert list((await world.call()).actions) == [second.context]
    await world.tell(world.host(), world.event("PlayCanceled", operationContext=first.context))
    assert world.asked == ["play", "play"]
    await world.tell(world.host(), world.done("PlayCompleted"))
    assert world.asked == ["play", "play", "listen"]


async def test_whom_a_dead_host_may_have_rung_is_rung_by_the_same_request(world: World) -> None:
    await world.tell(world.host(), world.event("CallConnected"))
    await world.tell(world.host(), world.done("PlayCompleted"))
    world.acs.held, world.acs.joined = asyncio.Event(), asyncio.Event()
    told = world.pressed("one")
    dying = asyncio.create_task(world.tell(world.host(), told))
    await world.acs.joined.wait()
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    world.acs.held = None
    world.clock.pass_seconds(6)

    await world.tell(world.host(), told)

    first, second = world.acs.asked[-2:]
    assert first == second
    assert first.repeatability is not None


async def test_a_host_that_could_not_ask_leaves_the_turn_to_the_next_at_once(world: World) -> None:
    world.acs.failures = [CommunicationUnavailable()] * 3
    told = world.event("CallConnected")

    with pytest.raises(CommunicationUnavailable):
        await world.tell(world.host(), told)
    world.clock.pass_seconds(0.001)
    await world.tell(world.host(), told)

    assert world.asked == ["play"] * 4


@pytest.mark.parametrize("failure", [CommunicationUnavailable(), Throttled(retry_after=1)])
async def test_a_bot_hangs_up_although_acs_fails_once_and_tells_nothing_again(
    world: World, failure: Problem
) -> None:
    await world.tell(world.host(), world.event("CallConnected"))
    await world.tell(world.host(), world.done("PlayCompleted"))
    world.acs.failures = [failure]

    await world.tell(world.host(), world.pressed("zero"))

    assert world.asked == ["play", "listen", "hang up", "hang up"]
    assert await world.is_asked()


async def test_a_bot_waits_no_longer_than_another_request_would(world: World) -> None:
    world.acs.failures = [Throttled(retry_after=7)]

    with pytest.raises(Throttled):
        await world.tell(world.host(), world.event("CallConnected"))

    assert world.asked == ["play"]


async def test_tidy_takes_the_turn_that_all_requests_failed_at(world: World) -> None:
    world.acs.failures = [CommunicationUnavailable()] * 3
    with pytest.raises(CommunicationUnavailable):
        await world.tell(world.host(), world.event("CallConnected"))

    await world.host().resume(await world.call())
    await world.host().resume(await world.call())

    assert world.asked == ["play"] * 4
    assert await world.is_asked()


async def test_a_host_that_is_back_too_late_changes_nothing_of_the_host_that_took_over(
    world: World,
) -> None:
    told = world.event("CallConnected")
    (held, slow), (still_held, quick) = [await world.held(told) for _ in range(2)]

    held.set()
    await slow

    assert await world.is_asked() is False  # for the other has not been answered yet
    still_held.set()
    await quick
    assert await world.is_asked() is True


async def test_nothing_is_asked_of_a_call_that_ended_while_a_host_died(world: World) -> None:
    told = world.event("CallConnected")
    _, dying = await world.held(told)
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    world.acs.held = None

    await world.tell(world.host(), world.event("CallDisconnected"))
    await world.tell(world.host(), told)

    assert world.asked == ["play"]


@pytest.mark.parametrize("failure", [CallRefused(), CallGone()])
async def test_what_acs_refuses_is_asked_a_few_times_and_then_the_call_ends(
    world: World, failure: Exception
) -> None:
    world.acs.failures = [failure] * 4

    await world.tell(world.host(), world.event("CallConnected"))

    assert world.asked == ["play", "listen", "listen", "listen", "hang up"]
    states = {one.state for one in (await world.call()).actions.values()}
    assert states == {ActionState.FAILED}


async def test_a_guest_who_leaves_is_the_end_for_all(world: World) -> None:
    def there(*raw_ids: str) -> list[dict[str, Any]]:
        return [{"identifier": {"rawId": raw_id}} for raw_id in (*raw_ids, BOT)]

    host = world.host()
    await world.tell(host, world.event("CallConnected"))
    joined = world.event("ParticipantsUpdated", sequenceNumber=1, participants=there(CALLER))
    left = world.event("ParticipantsUpdated", sequenceNumber=2, participants=there())

    await world.tell(host, left)  # the two in the wrong order
    assert world.asked == ["play"]
    await asyncio.gather(*(world.tell(host, joined) for _ in range(3)), return_exceptions=True)

    assert world.asked == ["play", "hang up"]


async def test_a_call_that_is_removed_meanwhile_rings_at_nobody(world: World) -> None:
    host = world.host()
    await world.tell(host, world.event("CallConnected"))
    await world.tell(host, world.done("PlayCompleted"))
    call = await world.call()
    told = world.pressed("one")
    has_new_events = await world.records.apply(call, told)

    await world.records.discard(call)
    await host.continue_call(AppliedEvents(call, has_new_events))

    assert world.asked == ["play", "listen"]


async def test_a_menu_that_was_changed_meanwhile_is_heard_as_it_is_now(world: World) -> None:
    await world.tell(world.host(), world.event("CallConnected"))
    await world.tell(world.host(), world.done("PlayCompleted"))
    menu = Menu("", {"7": HangUp()})
    without = SETTINGS._replace(default=SETTINGS.default._replace(menu=menu))

    await world.tell(world.host(without), world.pressed("one"))

    assert world.asked == ["play", "listen", "listen"]


async def test_a_greeting_that_was_taken_away_meanwhile_ends_the_call(world: World) -> None:
    silent = SETTINGS._replace(default=BotScript("", "en-US-JennyNeural", Menu()))

    await world.tell(world.host(silent), world.event("CallConnected"))

    assert world.asked == ["hang up"]


async def test_a_late_refusal_is_not_taken_for_that_of_the_host_that_took_over(
    world: World,
) -> None:
    await world.tell(world.host(), world.event("CallConnected"))
    await world.tell(world.host(), world.done("PlayCompleted"))
    told = world.pressed("one")
    held, slow = await world.held(told)
    world.acs.held = None
    await world.tell(world.host(), told)

    world.acs.failures = [CallRefused("The same request is under way.")]
    held.set()
    await slow

    assert world.asked == ["play", "listen", "add", "add"]
    await world.tell(world.host(), world.done("AddParticipantSucceeded"))
    assert world.asked == ["play", "listen", "add", "add"]


async def test_who_took_too_long_to_note_a_turn_does_not_ask(world: World) -> None:
    """The host that gets the event again may have taken over by then."""

    class SlowRecords(CallRecords):
        async def change(self, call_id: str, change: Callable[[Call], Call]) -> Call | None:
            changed = await super().change(call_id, change)
            world.clock.pass_seconds(4.5)
            return changed

    quick = world.records
    world.records = SlowRecords(world.table, 30, world.clock)
    slow, told = world.host(), world.event("CallConnected")

    with pytest.raises(TimeoutError):
        await world.tell(slow, told)
    assert world.asked == []
    world.records = quick
    await world.tell(world.host(), told)
    assert world.asked == ["play"]


async def test_an_event_is_not_taken_while_a_copy_of_it_may_have_died(world: World) -> None:
    """ACS may count one answer for both."""
    call, told = await world.call(), world.event("CallConnected")
    has_new_events = await world.records.apply(call, told)
    _, dying = await world.held(told)
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    world.clock.now -= timedelta(seconds=6)

    with pytest.raises(Unavailable):
        await world.host().continue_call(AppliedEvents(call, has_new_events))


async def test_a_bot_leaves_a_call_of_others_and_does_not_end_it(world: World) -> None:
    there = [{"identifier": {"rawId": raw_id}} for raw_id in (CALLER, "8:acs:other", BOT)]
    world.acs.failures = [CallRefused()] * 4
    await world.tell(
        world.host(), world.event("ParticipantsUpdated", sequenceNumber=1, participants=there)
    )

    await world.tell(world.host(), world.event("CallConnected"))

    assert world.asked == ["play", "listen", "listen", "listen", "leave"]


@pytest.mark.parametrize("is_told", [True, False], ids=["the next event", "Tidy"])
async def test_who_keeps_a_bot_talking_for_too_long_is_hung_up_on(
    world: World, is_told: bool
) -> None:
    host = world.host()
    await world.tell(host, world.event("CallConnected"))
    await world.tell(host, world.done("PlayCompleted"))
    for _ in range(2):
        await world.tell(host, world.pressed("two"))
        world.clock.pass_seconds(7 * 60)
        await world.tell(host, world.done("PlayCompleted"))
    await world.tell(host, world.pressed("two"))
    assert world.asked[-1] == "play"
    world.clock.pass_seconds(61)

    if is_told:
        await world.tell(host, world.done("PlayCompleted"))
        await world.tell(host, world.event("ParticipantsUpdated"))
    else:
        await host.resume(await world.call())
        await host.resume(await world.call())

    assert world.asked == ["play", "listen", *["play", "listen"] * 2, "play", "hang up"]
