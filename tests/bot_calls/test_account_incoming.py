"""Calls to Teams resource accounts: the account's bot answers each call once, for every caller."""

import contextlib
import logging

import pytest

from shared.bot_calls.event_grid import IncomingCallResult
from shared.bot_calls.scripts import BotScript, Menu
from shared.calls import reasons
from shared.calls.export import exported
from shared.calls.rows import Call, CallState
from shared.keys import principal_key
from shared.principals import Kind, Principal
from shared.unavailable import CommunicationUnavailable
from tests.bot_calls.account_world import (
    ACCOUNT,
    ALICE_RAW_ID,
    BOT,
    BOT_RAW_ID,
    OTHER,
    OTHER_PHONE,
    PHONE,
    TO_ACCOUNT,
    AccountWorld,
)
from tests.calls.test_call_records import events
from tests.support.interleaving import Stopped

ANSWERED, NO_BOT = IncomingCallResult.ANSWERED, IncomingCallResult.NO_BOT
BUSY = IncomingCallResult.BUSY
# What answering an outsider writes: the intent, the batch, the caller's index, the record, the
# places, whom the call is for, and ACS's id.
WRITES = 8


async def world_with(most: int = 1) -> AccountWorld:
    world = AccountWorld(most)
    await world.register()
    return world


@pytest.mark.parametrize(
    "caller",
    [
        PHONE,
        "4:anonymous",
        "8:orgid:dddddddd-0000-4000-8000-00000000000d",
        "8:acs:of-elsewhere",
        "x",
    ],
)
async def test_whoever_calls_an_account_is_answered_by_its_bot(caller: str) -> None:
    world = await world_with()

    assert await world.rings("context", caller) is ANSWERED

    call = await world.answered_call()
    assert (call.account, call.creator) == (ACCOUNT, principal_key(BOT))
    assert call.bot_state is not None
    assert (call.bot_state.caller, call.bot_state.bot) == (caller, "helpdesk")


async def test_the_spelling_of_an_object_id_makes_no_difference() -> None:
    world = await world_with()

    assert await world.rings("context", to=TO_ACCOUNT.upper().replace("ORGID", "orgid")) is ANSWERED


@pytest.mark.parametrize(
    "to", [f"28:orgid:{OTHER}", "28:orgid:dddddddd-0000-4000-8000-00000000000d", f"8:{ACCOUNT}"]
)
async def test_an_account_without_a_bot_that_is_registered_is_not_answered(to: str) -> None:
    world = await world_with()

    assert await world.rings("context", to=to) is NO_BOT

    assert world.rows() == await world.intents() == []


async def test_a_call_that_rings_no_more_is_not_answered() -> None:
    world = await world_with()
    told = world.event("context")
    world.wait(seconds=31)

    assert await world.quietly(world.incoming().handle([told])) == [IncomingCallResult.LATE]


async def test_a_bot_that_has_nothing_to_say_does_not_answer() -> None:
    world = await world_with()
    sales = {"sales": BotScript("Sales.", "en-US-JennyNeural", Menu())}
    nobody = BotScript("", "en-US-JennyNeural", Menu())
    world.bot_settings = world.bot_settings._replace(default=nobody, bots=sales)

    assert await world.rings("context") is NO_BOT

    world.bot_settings = world.bot_settings._replace(bots={"helpdesk": sales["sales"]})
    assert await world.rings("context") is ANSWERED


@pytest.mark.parametrize("how", ["stop_after", "lose_after"])
@pytest.mark.parametrize("write", range(1, WRITES + 1))
async def test_a_host_that_dies_anywhere_leaves_one_call_to_the_next_delivery(
    write: int, how: str
) -> None:
    world = await world_with()
    if how == "stop_after":
        with pytest.raises(Stopped):
            await world.rings("context", stop_after=write)
    else:
        assert await world.rings("context", lose_after=write) is ANSWERED

    assert await world.rings("context") is ANSWERED

    call = await world.answered_call()
    assert call.state is CallState.CONNECTING
    assert await world.places_of(PHONE) == [call.call_id]
    assert len(world.acs.made) == 1


async def test_a_lost_answer_of_acs_is_asked_for_again_and_makes_no_second_call() -> None:
    world = await world_with()
    world.acs.loses_answer = True
    with pytest.raises(CommunicationUnavailable):
        await world.rings("context")
    world.acs.loses_answer = False

    assert await world.rings("context") is ANSWERED

    assert len(world.acs.made) == 1


async def test_one_phone_has_so_many_calls_at_a_time_and_others_have_theirs() -> None:
    world = await world_with(most=1)
    await world.rings("one")

    assert await world.rings("two") is IncomingCallResult.BUSY
    assert world.acs.rejected == ["two"]
    assert await world.rings("three", OTHER_PHONE) is ANSWERED

    first = next(iter(world.acs.made.values()))
    await world.ends(first)
    assert await world.rings("four") is ANSWERED
    assert len(await world.places_of(PHONE)) == 1


async def test_of_many_phones_as_many_as_an_account_may_have_are_answered() -> None:
    world = await world_with(most=5)
    world.most_to_account = 2
    phones = [f"4:+1425555012{n}" for n in range(4)]
    told = [world.event(f"context {n}", phone) for n, phone in enumerate(phones)]

    results = await world.quietly(world.incoming().handle(told))

    assert [*map(str, results)] == ["answered", "answered", "busy", "busy"]
    assert world.acs.rejected == ["context 2", "context 3"]
    assert len(world.acs.made) == 2
    busy = [Call.of(row) for row in world.rows() if row.row_key == "call"]
    assert {one.reason.message for one in busy if one.reason} == {reasons.ACCOUNT_BUSY}

    await world.ends(next(iter(world.acs.made.values())))
    assert await world.rings("another", phones[3]) is ANSWERED
    assert await world.rings("one more", phones[2]) is BUSY
    assert len(await world.counted_to_account()) == 2


async def test_two_hosts_answer_together_as_many_as_an_account_may_have() -> None:
    for step in range(24):
        world = await world_with(most=5)
        world.most_to_account = 1
        results = list[IncomingCallResult]()

        async def another(
            world: AccountWorld = world, results: list[IncomingCallResult] = results
        ) -> None:
            results.append(await world.rings("two", OTHER_PHONE))

        handled = world.incoming().handle([world.event("one")])
        held = await world.schedule.hold(handled, step, another)

        results += held.result()
        assert sorted(results) == [ANSWERED, BUSY]
        assert len(world.acs.made) == 1


@pytest.mark.parametrize("write", range(1, WRITES + 1))
async def test_a_call_whose_host_has_died_has_one_place_to_its_account(write: int) -> None:
    world = await world_with(most=5)
    world.most_to_account = 1
    with contextlib.suppress(Stopped):
        await world.rings("context", stop_after=write)

    assert await world.rings("context") is ANSWERED
    assert await world.rings("another", OTHER_PHONE) is BUSY
    assert len(world.acs.made) == len(await world.counted_to_account()) == 1


async def test_an_account_that_is_full_is_looked_through_again_after_some_seconds() -> None:
    """Each look costs a read for each of its calls."""
    world = await world_with(most=5)
    world.most_to_account = 1
    host = world.incoming()

    async def rings(context: str) -> IncomingCallResult:
        [result] = await world.quietly(host.handle([world.event(context)]))
        return result

    results = [await rings("answered"), await rings("one too many")]
    await world.ends(next(iter(world.acs.made.values())))
    results.append(await rings("too soon"))
    world.wait(seconds=5)
    results.append(await rings("later"))

    assert results == [ANSWERED, BUSY, BUSY, ANSWERED]


@pytest.mark.parametrize("step", range(0, 20, 2))
async def test_a_bot_that_is_erased_meanwhile_leaves_no_call(step: int) -> None:
    world = await world_with()

    async def erase() -> None:
        await world.register(state="erasing")

    handled = world.incoming().handle([world.event("context")])
    task = await world.schedule.hold(handled, step, erase)

    [result] = task.result()
    if result is ANSWERED:  # it was over before
        assert await world.answered_call()
        return
    assert result is NO_BOT
    assert world.acs.hung_up == len(world.acs.made)
    assert world.rows() == []


async def test_nothing_is_left_of_a_phone_once_its_calls_are_too_old() -> None:
    world = await world_with()
    await world.rings("context")
    await world.ends((await world.answered_call()).call_id)
    world.wait(days=31)

    await world.quietly(world.host().records.sweep())

    assert world.rows() == []


async def test_no_log_tells_which_number_has_called(caplog: pytest.LogCaptureFixture) -> None:
    """Nor its hash: a reader of the log could try all numbers."""
    world = await world_with()
    with caplog.at_level(logging.DEBUG):
        await world.rings("context")

    outsider = principal_key(Principal(Kind.OUTSIDER, "realm", PHONE))
    assert "call-answered" in caplog.text
    assert PHONE[2:] not in caplog.text
    assert outsider not in caplog.text


async def test_the_account_is_no_participant_and_the_phone_is_one() -> None:
    world = await world_with()
    world.acs.own_id = None
    await world.rings("context")
    call = await world.answered_call()
    listed = [{"identifier": {"rawId": one}} for one in (TO_ACCOUNT, PHONE)]

    told = events("ParticipantsUpdated", participants=listed)
    await world.quietly(world.host().calls.apply(call.call_id, told))

    assert [one.raw_id for one in (await world.answered_call()).remote_participants] == [PHONE]


async def test_calls_that_end_in_2028_are_not_answered_where_the_settings_say_so() -> None:
    world = await world_with()
    await world.enrol()
    standalone = await world.rings("before", "8:acs:nobody", BOT_RAW_ID)
    world.settings = world.settings._replace(standalone=False)

    assert standalone is IncomingCallResult.STRANGER
    assert await world.rings("one", "8:acs:alice", BOT_RAW_ID) is IncomingCallResult.STANDALONE
    assert await world.rings("two") is ANSWERED


async def test_tidy_is_led_to_a_call_of_an_account_until_it_has_ended() -> None:
    world = await world_with()
    await world.rings("context")
    [noted] = await world.intents()

    assert noted.values["subject"] == (await world.answered_call()).call_id
    world.wait(minutes=1)
    await world.ends(str(noted.values["subject"]))
    assert await world.intents() == []


@pytest.mark.parametrize("realm", ["realm", "another realm"])
async def test_nothing_is_left_of_a_person_of_whatever_realm_who_was_erased(realm: str) -> None:
    world = await world_with()
    await world.enrol_in(realm)
    assert await world.rings("context", ALICE_RAW_ID) is ANSWERED
    records = world.host().records
    [shown] = exported(await world.quietly(records.all_of(world.alice)))

    assert shown["callId"] == (await world.answered_call()).call_id
    assert shown["toBot"]
    await world.quietly(records.erase(world.alice))
    rows = [row for row in world.rows() if row.partition_key != principal_key(BOT)]
    assert rows == []


@pytest.mark.parametrize("state", ["erasing", "erased", "forgotten"])
async def test_a_person_who_is_erased_calls_as_nobody_else(state: str) -> None:
    """ACS takes calls of their client until their identity is deleted there. As those of an
    outsider they would stay, because no erasure looks for them."""
    world = await world_with()
    if state != "forgotten":  # by now no row of theirs is left
        await world.enrol_in("realm", **({"state": "erasing"} if state == "erasing" else {}))
    if state == "erased":
        await world.erase()

    assert await world.rings("context", ALICE_RAW_ID) is IncomingCallResult.STRANGER
    assert not any(ALICE_RAW_ID in str(row.values) for row in world.rows())


@pytest.mark.parametrize("step", range(0, 30, 2))
async def test_a_person_of_another_realm_who_is_erased_meanwhile_leaves_no_call(step: int) -> None:
    world = await world_with()
    await world.enrol_in("another realm")

    async def erase() -> None:
        await world.erase()
        await world.quietly(world.host().records.erase(world.alice))

    handled = world.incoming().handle([world.event("context", ALICE_RAW_ID)])
    await world.schedule.hold(handled, step, erase)

    assert not any(ALICE_RAW_ID in str(row.values) for row in world.rows())
