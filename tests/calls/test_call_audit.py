"""Each call that ACS has has its line in the audit log, whatever was killed or lost."""

import logging
from contextlib import suppress
from dataclasses import replace

import pytest

from shared.calls.dialling import Target
from shared.calls.rows import Call
from shared.keys import principal_key
from shared.unavailable import CommunicationUnavailable
from tests.bot_calls.account_world import BOT
from tests.bot_calls.test_account_incoming import world_with
from tests.calls.placing_world import World, number_of
from tests.calls.test_call_places import WRITES
from tests.calls.test_call_records import events
from tests.support.interleaving import Stopped


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, logger="audit")
    return caplog


def lines(log: pytest.LogCaptureFixture, action: str, call_id: str) -> list[str]:
    said = [record.getMessage() for record in log.records if record.name == "audit"]
    return [line for line in said if line.startswith(f"{action} ") and f"call={call_id}" in line]


async def world_of_alice() -> World:
    world = World(2)
    await world.enrol()
    return world


@pytest.mark.parametrize("repeats", [False, True])
@pytest.mark.parametrize("write", range(1, WRITES + 1))
async def test_a_placing_that_was_killed_has_a_line_if_acs_has_the_call(
    log: pytest.LogCaptureFixture, write: int, repeats: bool
) -> None:
    """Also if nobody repeats it: an event tells of the call."""
    world = await world_of_alice()
    with suppress(Stopped):
        await world.quietly(world.place(world.host(stop_after=write), "k"))

    if repeats:
        await world.quietly(world.place(world.host(), "k"))
    for call_id in world.acs.going_on:
        await world.quietly(world.host().calls.apply(call_id, events("CallConnected")))

    who = f"user:{principal_key(world.alice)}"
    for call_id in world.acs.going_on:
        placed = lines(log, "call-placed", call_id)
        assert 1 <= len(placed) <= 2
        assert {*placed} == {f"call-placed by {who} for {who} call={call_id}"}
    assert bool(lines(log, "call-placed", "")) == bool(world.acs.going_on)


@pytest.mark.parametrize("write", range(WRITES + 1))
async def test_a_call_has_one_line_although_storage_lost_an_answer_and_its_request_was_repeated(
    log: pytest.LogCaptureFixture, write: int
) -> None:
    world = await world_of_alice()
    call = await world.quietly(world.place(world.host(lose_after=write), "k"))
    await world.quietly(world.place(world.host(), "k"))
    await world.quietly(world.host().calls.apply(call.call_id, events("CallConnected")))

    assert len(lines(log, "call-placed", call.call_id)) == 1


async def test_a_call_whose_answer_acs_lost_has_a_line_once_an_event_or_a_repetition_tells_of_it(
    log: pytest.LogCaptureFixture,
) -> None:
    for happens in ("event", "repetition"):
        world = await world_of_alice()
        world.fail("k", "lost")
        with pytest.raises(CommunicationUnavailable):
            await world.quietly(world.place(world.host(), "k"))
        [call_id] = world.acs.going_on
        assert lines(log, "call-placed", call_id) == []
        world.fail("k", "")

        if happens == "event":
            await world.quietly(world.host().calls.apply(call_id, events("CallConnected")))
        await world.quietly(world.place(world.host(), "k"))

        assert len(lines(log, "call-placed", call_id)) == 1


async def test_a_call_to_a_bot_has_a_line_if_the_answer_to_answering_was_lost(
    log: pytest.LogCaptureFixture,
) -> None:
    world = await world_with()
    world.acs.loses_answer = True
    with pytest.raises(CommunicationUnavailable):
        await world.rings("context")
    [call_id] = world.acs.going_on

    await world.quietly(world.host().calls.apply(call_id, events("CallConnected")))

    bot = f"bot:{principal_key(BOT)}"
    assert lines(log, "call-answered", call_id) == [
        f"call-answered by {bot} for {bot} call={call_id}"
    ]


@pytest.mark.parametrize("repeats", [False, True])
@pytest.mark.parametrize("write", range(1, 4))
async def test_an_invitation_that_was_killed_has_a_line_if_somebody_is_rung(
    log: pytest.LogCaptureFixture, write: int, repeats: bool
) -> None:
    world = await world_of_alice()
    call: Call = await world.quietly(world.place(world.host(), "k"))
    phone = Target(phone_number=number_of("o"))
    for stop_after in (write, 0) if repeats else (write,):
        inviting = world.host(stop_after=stop_after).actions
        with suppress(Stopped):
            await world.quietly(inviting.invite(world.caller, call.call_id, "key", phone))

    assert bool(lines(log, "number-invited", call.call_id)) >= bool(world.acs.rung)
    assert len(lines(log, "number-invited", call.call_id)) <= 1


@pytest.mark.parametrize("dies", [{"stop_after": 1}, {"lose_after": 1}, {}])
async def test_what_changes_a_record_is_noted_once_before_it_is_written(
    dies: dict[str, int],
) -> None:
    """As recordings are started, paused and stopped."""
    world = await world_of_alice()
    call = await world.quietly(world.place(world.host(), "k"))
    noted = list[Call]()

    def change(found: Call) -> Call:
        return replace(found, server_call_id="known")

    for host in (world.host(**dies), world.host()):
        with suppress(Stopped):
            await world.quietly(host.records.change_noted(call.call_id, change, noted.append))

    assert [one.server_call_id for one in noted] == [None]
