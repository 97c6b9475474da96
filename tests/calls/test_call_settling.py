"""If the placing of a call did not end, the call's state follows from its record; ACS is not
asked."""

import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest

from shared.calls.records import CallRecords
from shared.calls.rows import Call, CallState
from shared.calls.settling import PLACE, CallSettling
from shared.intents import SHARDS, Intents
from shared.keys import principal_key
from shared.operate.tidy import Report, Tidy
from shared.principals import Kind, Principal
from shared.settings import load
from shared.table_api import TableApi
from shared.tables import CALLS, INTENTS, Table
from shared.upstream.clients import Upstream
from tests.calls.stored_calls import make_older
from tests.calls.test_call_kills import callers, id_of
from tests.calls.test_call_records import events
from tests.calls.test_calls import has, is_connected, place, watched
from tests.support.control import Control
from tests.support.kills import Step
from tests.support.people import People
from tests.support.stack import Host, Stack
from tests.support.storage import KillEach
from tests.support.tidying import intents_of, make_due, tidy

pytestmark = pytest.mark.emulators

LATER = timedelta(minutes=1, milliseconds=1)


class Clock:
    """In the past, where no other test's intents are due."""

    def __init__(self) -> None:
        self.now = datetime(1980, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def tables_of(stack: Stack) -> AsyncIterator[Callable[[str], Table]]:
    upstream, settings = Upstream(), load(stack.settings).upstream
    yield lambda name: Table(TableApi(name, settings, upstream))
    await upstream.close()


@pytest.fixture
def records(tables_of: Callable[[str], Table], clock: Clock) -> CallRecords:
    return CallRecords(tables_of(CALLS), 30, clock)


@pytest.fixture
async def intents(tables_of: Callable[[str], Table], clock: Clock) -> AsyncIterator[Intents]:
    table = tables_of(INTENTS)
    yield Intents(table, clock)
    await table.remove(SHARDS[0], "!last run")


@pytest.fixture
def alice() -> Principal:
    return Principal(Kind.USER, "realm", uuid.uuid4().hex)


async def begun(records: CallRecords, intents: Intents, alice: Principal) -> Call:
    """A call whose intent is left: its request died when all of this was stored."""

    async def note(call_id: str) -> None:
        await intents.begin(PLACE, call_id)

    return await records.begin(alice, "key", "wish", before_writing=note)


async def asked_for(records: CallRecords, call: Call) -> None:
    """ACS may have been asked for the call by now."""
    await records.change(call.call_id, lambda found: replace(found, targets=("8:acs:bob",)))


async def run(records: CallRecords, intents: Intents, clock: Clock) -> Report:
    settling = CallSettling(records, intents, clock)
    return await Tidy(intents, lambda: settling.finishers, now=clock).run()


async def test_what_acs_was_not_asked_for_goes_with_its_key(
    records: CallRecords, intents: Intents, alice: Principal, clock: Clock
) -> None:
    call = await begun(records, intents, alice)
    clock.now += LATER

    report = await run(records, intents, clock)

    assert report.ended == 1
    assert await records.find(call.call_id) is None
    assert await records.page(alice, "", 10) == ([], None)
    assert (await begun(records, intents, alice)).call_id != call.call_id
    await intents.end_all(PLACE, call.call_id)


async def test_what_acs_never_confirmed_is_missed_once_it_would_have_said_so(
    records: CallRecords, intents: Intents, alice: Principal, clock: Clock
) -> None:
    call = await begun(records, intents, alice)
    await asked_for(records, call)
    clock.now += LATER
    await run(records, intents, clock)
    waiting = await records.find(call.call_id)
    clock.now += timedelta(minutes=4)
    await run(records, intents, clock)
    missed = await records.find(call.call_id)

    assert waiting is not None
    assert missed is not None
    assert (waiting.state, waiting.reason) == (CallState.PLACING, None)
    assert (missed.state, missed.ended_at) == (CallState.DISCONNECTED, clock.now)
    assert missed.reason is not None
    assert (missed.reason.code, missed.reason.sub_code) == (408, 0)
    clock.now += timedelta(days=2)
    assert (await run(records, intents, clock)).ended == 0


async def test_a_call_that_is_told_of_after_it_was_missed_counts_again(
    records: CallRecords, intents: Intents, alice: Principal, clock: Clock
) -> None:
    call = await begun(records, intents, alice)
    await asked_for(records, call)
    for _ in range(2):
        clock.now += timedelta(minutes=5, milliseconds=1)
        await run(records, intents, clock)
    assert await records.live_calls(alice) == []

    await records.apply(call, events("CallConnected")[0])

    [live] = await records.live_calls(alice)
    assert (live.call_id, live.state) == (call.call_id, CallState.CONNECTED)
    assert (live.reason, live.ended_at, live.is_refused) == (None, None, False)


async def test_a_call_that_acs_has_confirmed_is_left_as_it_is(
    records: CallRecords, intents: Intents, alice: Principal, clock: Clock
) -> None:
    call = await begun(records, intents, alice)
    await asked_for(records, call)
    await records.apply(call, events("CallConnected")[0])
    before = await records.find(call.call_id)
    clock.now += timedelta(minutes=10)

    assert (await run(records, intents, clock)).ended == 1

    assert await records.find(call.call_id) == before


async def test_a_key_without_a_record_goes_when_its_request_can_no_longer_live(
    records: CallRecords, alice: Principal, clock: Clock, tables_of: Callable[[str], Table]
) -> None:
    call = await records.begin(alice, "key", "wish")
    await tables_of(CALLS).remove(call.call_id, "call")
    clock.now += timedelta(minutes=4)
    young = await records.live_calls(alice)
    await tables_of(CALLS).remove(call.call_id, "call")
    clock.now += timedelta(minutes=2)
    old = await records.live_calls(alice)

    assert ([one.call_id for one in young], old) == ([call.call_id], [])
    assert await tables_of(CALLS).list_for(principal_key(alice)) == []


async def test_a_sweep_removes_everybodys_old_calls_and_spares_what_goes_on(
    records: CallRecords, alice: Principal, clock: Clock, tables_of: Callable[[str], Table]
) -> None:
    bob = Principal(Kind.USER, "realm", uuid.uuid4().hex)
    old = [await records.begin(who, "old", "wish") for who in (alice, bob)]
    for call in old:
        for event in events("CallConnected", "CallDisconnected"):
            await records.apply(call, event)
    endless = await records.begin(alice, "endless", "wish")
    await records.apply(endless, events("CallConnected")[0])
    clock.now += timedelta(days=29)
    young = await records.begin(bob, "young", "wish")
    clock.now += timedelta(days=2)

    await records.sweep()

    kept = {one.call_id for who in (alice, bob) for one in (await records.page(who, "", 10))[0]}
    assert kept == {endless.call_id, young.call_id}
    for call in old:
        assert await tables_of(CALLS).list_for(call.call_id) == []
    assert (await records.begin(alice, "old", "another wish")).call_id != old[0].call_id


async def test_tidy_of_another_host_settles_what_a_killed_one_was_placing(
    stack: Stack,
    acs: Control,
    counted_host: Host,
    one_host: Host,
    client: aiohttp.ClientSession,
    people: People,
    kill_each: KillEach,
) -> None:
    bob, [unasked, unconfirmed, placed] = await callers(people, counted_host, 3)
    before = len((await acs.state())["calls"])
    target = {"user": bob.id}
    await kill_each(
        [
            (Step("tables", "update", 0, "before"), place(unasked, target)),
            (Step("acs", "createCall", 0, "before"), place(unconfirmed, target, key="key")),
            (Step("tables", "batch", 1, "before"), place(placed, target)),
        ]
    )
    assert len((await unasked.ask("/calls")).json["calls"]) == 1

    await make_due(stack, PLACE)
    await tidy(client, stack, one_host)

    assert (await unasked.ask("/calls")).json["calls"] == []
    [waiting] = (await unconfirmed.ask("/calls")).json["calls"]
    assert waiting["state"] == "placing"  # ACS has some minutes to tell of it
    [made] = (await placed.ask("/calls")).json["calls"]
    await watched(placed, made["id"], lambda now: is_connected(now) and has(1)(now))
    left = {row["subject"] for row in await intents_of(stack, PLACE)}
    assert left >= {waiting["id"], made["id"]}  # until they have ended
    assert len((await acs.state())["calls"]) == before + 1

    await make_older(stack, waiting["id"])
    await make_due(stack, PLACE)
    await tidy(client, stack, one_host)

    missed = (await unconfirmed.ask(f"/calls/{waiting['id']}")).json
    assert (missed["state"], missed["reason"]["code"]) == ("disconnected", 408)
    assert len((await acs.state())["calls"]) == before + 1
    again = [id_of(await place(unconfirmed, target, key="key")) for _ in range(2)]
    assert again == [waiting["id"]] * 2
    await watched(unconfirmed, waiting["id"], is_connected)
    assert len((await acs.state())["calls"]) == before + 2
