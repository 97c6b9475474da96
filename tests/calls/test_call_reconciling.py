"""A call whose last event was lost is found to have ended, by one question to ACS a minute."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

import aiohttp
import pytest

from shared.calls.acs_types import EstablishedCall
from shared.calls.bot_state import BotCallState
from shared.calls.reconciling import FIRST_LOOK, CallReconciling
from shared.calls.records import CallRecords
from shared.calls.rows import Call, CallState
from shared.calls.settling import PLACE, CallSettling
from shared.intents import Intents
from shared.operate.tidy import Tidy
from shared.principals import Principal
from shared.tables import CALLS, Table
from shared.unavailable import CommunicationUnavailable
from tests.calls.stored_calls import make_older
from tests.calls.test_call_records import events
from tests.calls.test_call_settling import Clock, alice, clock, intents, records, tables_of
from tests.calls.test_calls import AUDIO, PHONE, has, in_acs, invite, is_connected, place, watched
from tests.support.control import Control
from tests.support.patience import or_more
from tests.support.people import Person
from tests.support.stack import Host, Stack
from tests.support.storage import table
from tests.support.tidying import intents_of, make_due, tidy

__all__ = ["alice", "clock", "intents", "records", "tables_of"]


@dataclass
class FakeAcs:
    """Has the calls that it is told to have, and counts the questions."""

    has_call: bool = True
    failure: Exception | None = None
    asked: list[str] = field(default_factory=list)

    async def find(self, connection_id: str) -> EstablishedCall | None:
        self.asked.append(connection_id)
        await asyncio.sleep(0)
        if self.failure is not None:
            raise self.failure
        return EstablishedCall(connection_id, None, None) if self.has_call else None


@pytest.fixture
def fake() -> FakeAcs:
    return FakeAcs()


@pytest.fixture
async def reconciling(
    records: CallRecords, fake: FakeAcs, intents: Intents, clock: Clock, alice: Principal
) -> AsyncIterator[CallReconciling]:
    yield CallReconciling(records, fake, clock)
    for call in (await records.page(alice, "", 10))[0]:
        await intents.end_all(PLACE, call.call_id)


@pytest.fixture
async def settling(
    records: CallRecords, intents: Intents, reconciling: CallReconciling, clock: Clock
) -> CallSettling:
    return CallSettling(records, intents, clock, reconciling=reconciling)


async def connected(records: CallRecords, alice: Principal) -> Call:
    call = await records.begin(alice, "key", "wish")

    def asked_and_answered(found: Call) -> Call:
        return replace(found, targets=("8:acs:bob",), own_id="8:acs:service")

    await records.change(call.call_id, asked_and_answered)
    await records.apply(call, events("CallConnected")[0])
    found = await records.find(call.call_id)
    assert found is not None
    return found


async def test_only_a_call_that_acs_does_not_have_has_ended(
    records: CallRecords, alice: Principal, reconciling: CallReconciling, fake: FakeAcs,
    clock: Clock,
) -> None:  # fmt: skip
    call = await connected(records, alice)
    clock.now += timedelta(minutes=1)
    going_on = await reconciling.reconcile(call)
    fake.has_call = False
    clock.now += timedelta(minutes=1)
    ended = await reconciling.reconcile(call)

    assert (going_on.state, ended.state) == (CallState.CONNECTED, CallState.DISCONNECTED)
    assert (ended.ended_at, ended.is_ongoing) == (clock.now, False)
    assert ended.reason is not None
    assert (ended.reason.code, ended.reason.sub_code) == (404, 0)
    assert fake.asked == ["x", "x"]


async def test_all_hosts_together_ask_once_a_minute_and_not_in_the_first(
    records: CallRecords, alice: Principal, intents: Intents, reconciling: CallReconciling,
    fake: FakeAcs, clock: Clock,
) -> None:  # fmt: skip
    hosts = [reconciling, *(CallReconciling(records, fake, clock) for _ in range(2))]
    call = await connected(records, alice)
    asked = list[int]()
    for seconds in (59, 1, 59, 1):
        clock.now += timedelta(seconds=seconds)
        await asyncio.gather(*(host.reconcile(call) for host in hosts for _ in range(2)))
        asked.append(len(fake.asked))

    assert asked == [0, 1, 1, 2]


async def test_a_failure_of_acs_changes_nothing_and_is_told(
    records: CallRecords, alice: Principal, reconciling: CallReconciling, fake: FakeAcs,
    clock: Clock,
) -> None:  # fmt: skip
    call = await connected(records, alice)
    clock.now += timedelta(minutes=1)
    fake.failure = CommunicationUnavailable()
    assert await reconciling.reconcile_if_possible(call) == call
    clock.now += timedelta(minutes=1)
    with pytest.raises(CommunicationUnavailable):
        await reconciling.reconcile(call)

    found = await records.find(call.call_id)
    assert found is not None
    assert found.is_ongoing


async def test_who_reads_a_call_has_acs_asked_only_if_events_are_missing(
    records: CallRecords, alice: Principal, reconciling: CallReconciling, fake: FakeAcs,
    clock: Clock,
) -> None:  # fmt: skip
    call = await connected(records, alice)
    logged = [replace(one, at=clock.now) for one in await records.events_of(call.call_id)]
    clock.now += timedelta(minutes=5)
    recent = [replace(one, at=clock.now) for one in logged]

    await reconciling.reconcile_if_quiet(call, recent)
    assert fake.asked == []
    await reconciling.reconcile_if_quiet(call, logged)
    assert fake.asked == ["x"]


async def test_acss_own_word_prevails_if_it_comes_after_all(
    records: CallRecords, alice: Principal, reconciling: CallReconciling, fake: FakeAcs,
    clock: Clock,
) -> None:  # fmt: skip
    [told] = events("CallDisconnected")
    clock.now = told.time
    call = await connected(records, alice)
    fake.has_call = False
    clock.now += timedelta(minutes=3)
    await reconciling.reconcile(call)

    await records.apply(call, told)

    found = await records.find(call.call_id)
    assert found is not None
    assert (found.ended_at, found.reason) == (told.time, None)


async def test_tidy_looks_after_5_minutes_10_20_and_then_hourly_until_the_call_has_ended(
    records: CallRecords, alice: Principal, intents: Intents, settling: CallSettling,
    fake: FakeAcs, clock: Clock,
) -> None:  # fmt: skip
    call = await connected(records, alice)
    await intents.begin(PLACE, call.call_id, due_at=clock.now + FIRST_LOOK)
    began, looks = clock.now, list[int]()
    clock.now += timedelta(seconds=1)
    run = Tidy(intents, lambda: settling.finishers, now=clock).run
    while clock.now < began + timedelta(hours=3, minutes=30):
        clock.now += timedelta(minutes=5)
        before = len(fake.asked)
        await run()
        looks += [(clock.now - began) // timedelta(minutes=1)] * (len(fake.asked) - before)
    fake.has_call = False
    for _ in range(25):  # two hours, in which it would look twice
        clock.now += timedelta(minutes=5)
        await run()

    assert looks[:5] == [5, 10, 20, 40, 80]
    assert {later - earlier for earlier, later in itertools.pairwise(looks[4:])} == {60}
    assert len(fake.asked) == len(looks) + 1
    assert await records.live_calls(alice) == []


async def test_tidy_resumes_what_a_bot_has_left_undone_in_a_call_that_goes_on(
    records: CallRecords, alice: Principal, intents: Intents, reconciling: CallReconciling,
    fake: FakeAcs, clock: Clock,
) -> None:  # fmt: skip
    resumed = list[str]()

    async def resume(call: Call) -> None:
        resumed.append(call.call_id)

    settling = CallSettling(records, intents, clock, reconciling=reconciling, resume=resume)
    call = await connected(records, alice)
    await intents.begin(PLACE, call.call_id, due_at=clock.now + FIRST_LOOK)
    bots = BotCallState(("8:acs:alice",))
    await records.change(call.call_id, lambda found: replace(found, bot_state=bots))
    run = Tidy(intents, lambda: settling.finishers, now=clock).run
    for has_call in (True, False):
        fake.has_call = has_call
        clock.now += timedelta(minutes=6)
        await run()

    assert resumed == [call.call_id]


async def test_a_run_of_tidy_asks_about_fifty_calls(
    records: CallRecords, alice: Principal, intents: Intents, reconciling: CallReconciling,
    settling: CallSettling, fake: FakeAcs, clock: Clock,
) -> None:  # fmt: skip
    call = await connected(records, alice)
    await intents.begin(PLACE, call.call_id, due_at=clock.now + FIRST_LOOK)
    clock.now += timedelta(minutes=5)
    for _ in range(51):
        reconciling._may_ask()
    await Tidy(intents, lambda: settling.finishers, now=clock).run()
    assert fake.asked == []
    fake.has_call = False
    clock.now += timedelta(minutes=6)
    await Tidy(intents, lambda: settling.finishers, now=clock).run()

    found = await records.find(call.call_id)
    assert found is not None
    assert not found.is_ongoing


async def test_a_call_of_an_earlier_version_goes_with_its_time_although_its_end_was_lost(
    records: CallRecords, alice: Principal, reconciling: CallReconciling, fake: FakeAcs,
    clock: Clock, intents: Intents, tables_of: Callable[[str], Table],
) -> None:  # fmt: skip
    call = await records.begin(alice, "key", "wish")
    await records.apply(call, events("CallConnected")[0])
    clock.now += timedelta(days=31)
    await reconciling.sweep()
    assert await records.find(call.call_id) is not None  # ACS says that it goes on
    fake.has_call = False
    clock.now += timedelta(days=1)
    await reconciling.sweep()

    assert await tables_of(CALLS).list_for(call.call_id) == []


@pytest.fixture
async def forgotten(manager: Person, acs: Control, stack: Stack) -> AsyncIterator[str]:
    """A call that was placed an hour ago and has ended, of which ACS does not tell."""
    call = str((await place(manager, {"phoneNumber": PHONE})).json["id"])
    await watched(manager, call, lambda now: is_connected(now) and has(1)(now))
    await acs.put("callbacks", {"hold": True, "holdAgain": True})
    connection = (await in_acs(acs, call))["callConnectionId"]
    await acs.post(f"calls/{connection}/hangUp", {"participant": f"4:{PHONE}"})
    await make_older(stack, call)
    yield call
    await acs.put("callbacks", {})


async def stored_state(stack: Stack, call: str) -> str:
    async with table(stack, CALLS) as rows:
        return str((await rows.get_entity(call, "call"))["state"])


async def test_playing_and_inviting_and_hanging_up_find_that_the_call_has_ended(
    manager: Person, forgotten: str, stack: Stack
) -> None:
    played = await manager.ask(f"/calls/{forgotten}/play", "POST", {"url": AUDIO})

    assert (played.status, played.json["code"]) == (409, "call-ended")
    assert await stored_state(stack, forgotten) == "disconnected"
    assert (await invite(manager, forgotten, {"phoneNumber": PHONE}, "key")).status == 409
    assert (await manager.ask(f"/calls/{forgotten}", "DELETE")).status == 204


async def test_hanging_up_finds_that_the_call_has_ended(
    manager: Person, forgotten: str, stack: Stack
) -> None:
    assert (await manager.ask(f"/calls/{forgotten}", "DELETE")).status == 204

    assert await stored_state(stack, forgotten) == "disconnected"


async def test_reading_finds_that_the_call_has_ended_and_asks_once(
    manager: Person, forgotten: str, acs: Control
) -> None:
    before = (await acs.state())["requests"]["getCall"]

    [shown, again] = [(await manager.ask(f"/calls/{forgotten}")).json for _ in range(2)]

    assert shown["state"] == "disconnected"
    assert shown["reason"] == {
        "code": 404,
        "subCode": 0,
        "message": "Azure Communication Services has no such call any more.",
    }
    assert again == shown
    assert (await acs.state())["requests"]["getCall"] == or_more(before + 1)


async def test_tidy_finds_that_the_call_has_ended(
    manager: Person, forgotten: str, stack: Stack, client: aiohttp.ClientSession, one_host: Host
) -> None:
    await make_due(stack, PLACE, subject=forgotten)
    await tidy(client, stack, one_host)

    assert await stored_state(stack, forgotten) == "disconnected"
    left = {row["subject"] for row in await intents_of(stack, PLACE)}
    assert forgotten not in left


async def test_a_participant_who_is_not_there_ends_no_call(
    manager: Person, stack: Stack, acs: Control
) -> None:
    call = str((await place(manager, {"phoneNumber": PHONE})).json["id"])
    [phone] = (await watched(manager, call, has(1)))["participants"]
    await make_older(stack, call)
    not_established = {"error": {"code": "8501", "message": "Action is invalid"}}
    for status, body in ((404, None), (412, None), (400, not_established)):
        fault = {"status": status} if body is None else {"status": status, "body": body}
        await acs.fault("removeParticipant", **fault, times=1)
        removed = await manager.ask(f"/calls/{call}/participants/{phone['id']}", "DELETE")
        assert removed.status == 409

    assert await stored_state(stack, call) == "connected"
