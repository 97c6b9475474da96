"""Each request and event is applied once on the real table, however many come at the same time."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Awaitable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shared.calls.bot_state import BotCallState
from shared.calls.events import CallEvent, read_events
from shared.calls.export import exported
from shared.calls.live_calls import Counted
from shared.calls.reasons import Reason
from shared.calls.records import CallRecords
from shared.calls.rows import Call, CallState
from shared.keys import principal_key
from shared.principals import Kind, Principal
from shared.problems import KeyReused
from shared.settings import load
from shared.table_api import TableApi
from shared.tables import CALLS, Table
from shared.upstream.clients import Upstream
from tests.support.interleaving import Instance, Schedule
from tests.support.memory_tables import memory_clients
from tests.support.stack import Stack

START = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def table(stack: Stack) -> AsyncIterator[Table]:
    upstream = Upstream()
    yield Table(TableApi(CALLS, load(stack.settings).upstream, upstream))
    await upstream.close()


@pytest.fixture
def records(table: Table, clock: Clock) -> CallRecords:
    return CallRecords(table, 30, clock)


@pytest.fixture
def alice() -> Principal:
    return Principal(Kind.USER, "realm", uuid.uuid4().hex)


def events(*kinds: str, **data: object) -> list[CallEvent]:
    listed = [
        {
            "id": str(uuid.uuid4()),
            "specversion": "1.0",
            "type": f"Microsoft.Communication.{kind}",
            "time": (START + timedelta(seconds=n)).isoformat(),
            "data": {"callConnectionId": "x", "sequenceNumber": n, **data},
        }
        for n, kind in enumerate(kinds)
    ]
    return read_events(json.dumps(listed).encode())


async def test_a_request_that_comes_twenty_times_at_once_is_one_call(
    records: CallRecords, alice: Principal
) -> None:
    calls = await asyncio.gather(*(records.begin(alice, "key", "wish") for _ in range(20)))

    assert len({call.call_id for call in calls}) == 1
    assert [call.call_id for call in await records.live_calls(alice)] == [calls[0].call_id]
    with pytest.raises(KeyReused):
        await records.begin(alice, "key", "another wish")
    assert (await records.begin(alice, "another key", "wish")).call_id != calls[0].call_id


async def test_a_creator_of_another_realm_has_calls_of_their_own(
    records: CallRecords, alice: Principal
) -> None:
    other = Principal(Kind.USER, "another realm", alice.id)

    one, two = await records.begin(alice, "key", "w"), await records.begin(other, "key", "w")

    assert one.call_id != two.call_id


async def test_events_that_come_at_once_and_again_are_each_applied_once(
    records: CallRecords, alice: Principal
) -> None:
    call = await records.begin(alice, "key", "wish")
    told = events("CallConnected", *["ParticipantsUpdated"] * 10, "CallDisconnected")

    await asyncio.gather(*(records.apply(call, event) for event in [*told, *told]))

    found = await records.find(call.call_id)
    assert found is not None
    assert (found.state, found.sequence) == (CallState.DISCONNECTED, 10)
    assert [one.kind for one in await records.events_of(call.call_id)] == [
        event.kind for event in told
    ]


async def test_an_event_of_a_call_that_is_gone_leaves_nothing(
    records: CallRecords, table: Table, alice: Principal
) -> None:
    call = await records.begin(alice, "key", "wish")
    await records.erase(alice)

    await records.apply(call, events("CallConnected")[0])

    assert await records.find(call.call_id) is None
    assert await table.list_for(call.call_id) == []
    assert await records.live_calls(alice) == []


async def test_an_event_that_lands_during_an_erasure_leaves_nothing(
    stack: Stack, clock: Clock, table: Table
) -> None:
    upstream, schedule = Upstream(), Schedule()
    client = TableApi(CALLS, load(stack.settings).upstream, upstream)
    stepped = [Table(Instance(schedule).client(client)) for _ in range(2)]
    erasing, telling = (CallRecords(one, 30, clock) for one in stepped)
    for steps in range(9):
        alice = Principal(Kind.USER, "realm", uuid.uuid4().hex)
        call = await CallRecords(table, 30, clock).begin(alice, "key", "wish")
        [told] = events("CallDisconnected")

        forgetting = asyncio.ensure_future(erasing.erase(alice))
        for _ in range(steps):
            await schedule.settle()
            if schedule.waiting:
                await schedule.step(0)
        landing = asyncio.ensure_future(telling.apply(call, told))
        await schedule.settle()
        await schedule.step(len(schedule.waiting) - 1)
        while not (forgetting.done() and landing.done()):
            await schedule.drain()
            await asyncio.sleep(0.01)  # a request that met a change pauses
        await asyncio.gather(forgetting, landing)

        assert await table.list_for(call.call_id) == [], steps
    await upstream.close()


async def test_calls_to_a_bot_are_erased_with_the_caller_and_with_the_bot(
    records: CallRecords, alice: Principal, table: Table
) -> None:
    bots = [Principal(Kind.BOT, "realm", uuid.uuid4().hex) for _ in range(2)]
    first, second = [await records.begin(bot, "context", "", alice) for bot in bots]
    live = await records.live_calls(alice, Counted.TO_BOTS)
    assert {one.call_id for one in live} == {first.call_id, second.call_id}
    assert await records.live_calls(alice) == []
    assert [row["toBot"] for row in exported(await records.all_of(alice))] == [
        False,
        False,
    ]  # not noted yet

    await records.erase(bots[0])
    assert [one.call_id for one in await records.live_calls(alice, Counted.TO_BOTS)] == [
        second.call_id
    ]
    await records.erase(alice)

    for owner in (alice, *bots):
        assert await table.list_for(principal_key(owner)) == []
    for call in (first, second):
        assert await table.list_for(call.call_id) == []


async def test_a_call_that_was_answered_after_all_counts_again(
    records: CallRecords, alice: Principal, clock: Clock
) -> None:
    bot = Principal(Kind.BOT, "realm", uuid.uuid4().hex)

    async def missed(context: str) -> Call:
        call = await records.begin(bot, context, "", alice)
        await records.change(
            call.call_id,
            lambda found: replace(found, bot_state=BotCallState(("8:acs:alice",))).as_missed(
                Reason(404, 0, "gone"), clock()
            ),
        )
        assert call.call_id not in {
            one.call_id for one in await records.live_calls(alice, Counted.TO_BOTS)
        }
        return call

    call = await missed("revived")
    await records.apply(call, events("CallConnected")[0])
    assert [one.call_id for one in await records.live_calls(alice, Counted.TO_BOTS)] == [
        call.call_id
    ]
    assert [one.call_id for one in await records.live_calls(bot)] == [call.call_id]

    late = await missed("late")
    clock.now = START + timedelta(minutes=6)
    assert (
        len(await records.live_calls(alice, Counted.TO_BOTS)) == 1
    )  # and the other is looked at no more
    await records.apply(late, events("CallConnected")[0])
    assert len(await records.live_calls(alice, Counted.TO_BOTS)) == 1


async def test_the_list_is_newest_first_in_pages_and_ends(
    records: CallRecords, alice: Principal, clock: Clock
) -> None:
    placed = []
    for n in range(5):
        clock.now = START + timedelta(minutes=n)
        placed.append((await records.begin(alice, f"key {n}", "wish")).call_id)

    first, after = await records.page(alice, "", 3)
    assert after is not None
    second, end = await records.page(alice, after, 3)

    assert [call.call_id for call in (*first, *second)] == placed[::-1]
    assert end is None


async def test_calls_go_when_their_time_is_over(
    records: CallRecords, alice: Principal, clock: Clock, table: Table
) -> None:
    old = await records.begin(alice, "old", "wish")
    for event in events("CallConnected", "CallDisconnected"):
        await records.apply(old, event)
    clock.now = START + timedelta(days=29)
    young = await records.begin(alice, "young", "wish")
    clock.now = START + timedelta(days=31)

    found = await records.find(old.call_id)
    assert found is not None
    assert not records.is_retained(found)
    assert records.is_retained(young)
    await records.tidy(alice)

    assert [call.call_id for call in await records.live_calls(alice)] == [young.call_id]
    assert await table.list_for(old.call_id) == []
    assert (await records.begin(alice, "old", "another wish")).call_id != old.call_id


async def test_a_call_that_is_abandoned_leaves_alone_what_a_repetition_places(
    clock: Clock, alice: Principal
) -> None:
    """Tidy abandons a call whose request died; wherever it is held, a repetition places one."""
    schedule, client = Schedule(), memory_clients()[CALLS]

    def another_host() -> CallRecords:
        return CallRecords(Table(Instance(schedule).client(client)), 30, clock)

    async def alone[T](request: Awaitable[T]) -> T:
        task = asyncio.ensure_future(request)
        await schedule.drain()
        return await task

    for hold in range(30):
        key = f"held at {hold}"
        died = await alone(another_host().begin(alice, key, "wish"))
        abandoning = asyncio.ensure_future(another_host().abandon(died))
        await schedule.settle()
        for _ in range(hold):
            if not abandoning.done():
                await schedule.step(0)
        if abandoning.done():
            break
        held, schedule.waiting = schedule.waiting, []

        host = another_host()
        placed = await alone(host.begin(alice, key, "wish"))
        await alone(host.change(placed.call_id, lambda call: replace(call, targets=("bob",))))
        schedule.waiting = held
        await schedule.drain()
        await abandoning

        assert await alone(another_host().find(placed.call_id)) is not None, hold
        assert (await alone(another_host().begin(alice, key, "wish"))).call_id == placed.call_id
    assert hold > 5, "it was never held"


async def test_a_look_for_calls_leaves_no_record_of_one_that_is_removed_meanwhile(
    clock: Clock, alice: Principal
) -> None:
    """Its request has died before it inserted the record, so the look inserts it."""
    schedule, client = Schedule(), memory_clients()[CALLS]
    others = Table(client)
    for hold in range(6):
        call = await CallRecords(others, 30, clock).begin(alice, f"held at {hold}", "wish")
        await others.remove(call.call_id, "call")
        looking = CallRecords(Table(Instance(schedule).client(client)), 30, clock)

        await schedule.hold(
            looking.live_calls(alice), hold, lambda: CallRecords(others, 30, clock).erase(alice)
        )

        assert await others.list_for(call.call_id) == [], hold
