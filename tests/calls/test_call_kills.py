"""A host that dies while a call is placed, steered, told of, ended or erased leaves nothing, here
or in ACS, that a repetition does not finish: the client asks again, and so does ACS.

Each test holds one request at every step (a write, or a question to ACS), each of another caller,
and kills the host once."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Sequence
from typing import Any

import pytest

from tests.calls.test_calls import (
    DONE_SECONDS,
    MANAGER,
    PHONE,
    has,
    in_acs,
    invite,
    is_connected,
    place,
    watched,
)
from tests.meetings.test_meeting_kills import around, asked, covered
from tests.privacy.test_erasure import rows_about
from tests.support.api import Reply
from tests.support.control import Control
from tests.support.kills import Step
from tests.support.people import People, Person
from tests.support.sampling import Few
from tests.support.stack import Host, Stack
from tests.support.storage import Kill, KillEach
from tests.support.table_proxy import TableProxy

# How events are told again where a host refuses them for a while.
AGAIN = {"retryMs": 50, "attempts": 12}
# An event that is not accepted, because the host dies or is dead, is sent again when the test says
# so.
HELD = {"hold": True, "holdAgain": True}

PLACING = around(
    ("tables", "insert", 0),  # the intent
    ("tables", "batch", 0),  # the key, the index, and the call's place
    ("tables", "insert", 1),  # the record
    ("tables", "update", 0),  # the same, with who is called
    ("acs", "createCall", 0),
    ("tables", "update", 1),  # the record, with ACS's id of the call
    ("tables", "batch", 1),  # the intent, which waits until the call has ended
)
# The leg, and the record.
INVITING = around(("tables", "update", 0), ("tables", "update", 1), ("acs", "addParticipant", 0))
# Of those steps the ones at which ACS has made the call, or invited, whether we know it or not.
CALLING = PLACING.index(Step("acs", "createCall", 0, "after"))
RINGING = INVITING.index(Step("acs", "addParticipant", 0, "after"))
HANGING_UP = around(("acs", "terminateCall", 0))
# Of a call to somebody, and an invitation of another.
EVENTS = Counter({"CallConnected": 1, "AddParticipantSucceeded": 1, "ParticipantsUpdated": 2})


@pytest.fixture(autouse=True)
async def telling(acs: Control) -> AsyncIterator[None]:
    """Everybody answers, and events come and come again quickly, unless a test holds them."""
    await acs.put("farEnds", {})
    await acs.put("callbacks", AGAIN)
    yield
    await acs.put("callbacks", {})


async def callers(people: People, host: Host, number: int) -> tuple[Person, list[Person]]:
    """Somebody to be called, and so many who may."""
    bob, *managers = people(host, "bob", *(f"caller {n}" for n in range(number)))
    for manager in managers:
        manager.sign_in(*MANAGER)
    replies = await asyncio.gather(*(person.token() for person in (bob, *managers)))
    assert {reply.status for reply in replies} == {200}
    return bob, managers


async def connected(people: People, host: Host, number: int) -> list[tuple[Person, str]]:
    """So many callers, each with a call that is connected, of which there are two events."""
    bob, managers = await callers(people, host, number)
    calls = [(one, id_of(await place(one, {"user": bob.id}))) for one in managers]
    for caller, call in calls:
        await watched(caller, call, lambda now: is_connected(now) and len(now["events"]) == 2)
    return calls


def id_of(placed: Reply) -> str:
    assert placed.status == 201, placed
    return str(placed.json["id"])


def hang_up(caller: Person, call: str) -> Awaitable[Reply]:
    return caller.ask(f"/calls/{call}", "DELETE")


async def told_in_vain(acs: Control, request: Awaitable[Reply], number: int) -> Reply:
    """While the host is dead, until its requests have ended, ACS tells the events that it holds."""
    try:
        return await request
    finally:
        await acs.events_held(number)
        await acs.tell()


def kinds(callbacks: list[dict[str, Any]]) -> Counter[str]:
    return Counter(one["type"].rpartition(".")[2] for one in callbacks)


async def taken(acs: Control, caller: Person, call: str) -> dict[str, Any]:
    """The call once ACS has got rid of every event about it: its log has each of them once."""
    async with asyncio.timeout(DONE_SECONDS):
        while {one["state"] for one in (await in_acs(acs, call))["callbacks"]} != {"taken"}:
            await asyncio.sleep(0.1)
    seen = await caller.ask(f"/calls/{call}")
    assert kinds(seen.json["events"]) == kinds((await in_acs(acs, call))["callbacks"])
    return dict(seen.json)


async def told_again(acs: Control, call: str) -> int:
    """How many events about the call were not taken at the first attempt."""
    callbacks = (await in_acs(acs, call))["callbacks"]
    return sum(one["attempts"][0] != 200 for one in callbacks)


async def have_ended(acs: Control, calls: Sequence[str]) -> None:
    """Each of them in ACS, once."""
    for call in calls:
        async with asyncio.timeout(DONE_SECONDS):
            while (await in_acs(acs, call))["callConnectionState"] != "disconnected":
                await asyncio.sleep(0.1)
        assert kinds((await in_acs(acs, call))["callbacks"])["CallDisconnected"] == 1


async def test_a_call_whose_placing_was_killed_anywhere_is_placed_once_by_its_repetition(
    tables: TableProxy,
    acs: Control,
    counted_host: Host,
    people: People,
    kill_each: KillEach,
    few: Few,
) -> None:
    steps = few(PLACING)
    bob, [first, *managers] = await callers(people, counted_host, 1 + len(steps))
    await acs.put("callbacks", HELD)

    def placed(manager: Person) -> Awaitable[Reply]:
        return place(manager, {"user": bob.id}, key="key")

    assert await asked(tables, acs, placed(first), "acs") == covered(PLACING)
    before = len((await acs.state())["calls"])
    *cut, last = [placed(manager) for manager in managers]

    # Two events of each call: of the first, and of those that ACS has made.
    called = {step for step in steps if PLACING.index(step) >= CALLING}
    telling = told_in_vain(acs, last, 2 * (1 + len(called)))
    await kill_each(zip(steps, [*cut, telling], strict=True))
    calls = [id_of(one) for one in await asyncio.gather(*map(placed, managers))]
    await acs.put("callbacks", AGAIN)
    again = [id_of(one) for one in await asyncio.gather(*map(placed, managers))]

    assert again == calls
    assert len((await acs.state())["calls"]) == before + len(steps)
    for step, manager, call in zip(steps, managers, calls, strict=True):
        seen = await watched(manager, call, lambda now: is_connected(now) and has(1)(now))
        assert [one["user"] for one in seen["participants"]] == [bob.id], step
        await taken(acs, manager, call)
        assert [one["id"] for one in (await manager.ask("/calls")).json["calls"]] == [call], step
        assert await told_again(acs, call) == (2 if step in called else 0), step


async def test_a_call_that_is_told_of_before_its_killed_placing_is_repeated_has_the_same_people(
    acs: Control, counted_host: Host, people: People, kill: Kill
) -> None:
    """Only ACS's answer, which was lost, says by which id the service is in the call."""
    bob, [manager] = await callers(people, counted_host, 1)
    await acs.put("callbacks", HELD)
    before = len((await acs.state())["calls"])

    def placed() -> Awaitable[Reply]:
        return place(manager, {"user": bob.id}, key="key")

    await kill(Step("acs", "createCall", 0, "after"), placed())
    await acs.events_held(2)
    await acs.tell()
    call = id_of(await placed())

    assert len((await acs.state())["calls"]) == before + 1
    seen = (await manager.ask(f"/calls/{call}")).json
    assert seen["state"] == "connected"
    assert [one.get("user") for one in seen["participants"]] == [bob.id]


async def test_an_invitation_killed_anywhere_rings_once_when_it_is_repeated(
    tables: TableProxy,
    acs: Control,
    counted_host: Host,
    people: People,
    kill_each: KillEach,
    sample: Few,
) -> None:
    steps = sample(INVITING)
    first, *calls = await connected(people, counted_host, 1 + len(steps))
    await acs.put("callbacks", HELD)

    def invited(caller: Person, call: str) -> Awaitable[Reply]:
        return invite(caller, call, {"phoneNumber": PHONE}, "key")

    assert await asked(tables, acs, invited(*first), "acs") == covered(INVITING)
    *cut, last = [invited(*one) for one in calls]

    # Two events of each invitation: of the first, and of those who were rung.
    rung = {step for step in steps if INVITING.index(step) >= RINGING}
    telling = told_in_vain(acs, last, 2 * (1 + len(rung)))
    await kill_each(zip(steps, [*cut, telling], strict=True))
    await acs.put("callbacks", AGAIN)
    replies = await asyncio.gather(*(invited(*one) for one in calls for _ in range(2)))

    assert {reply.status for reply in replies} == {202}
    for n, (step, (caller, call)) in enumerate(zip(steps, calls, strict=True)):
        await watched(caller, call, has(2))
        seen = await taken(acs, caller, call)
        assert kinds(seen["events"]) == EVENTS, step
        [action] = seen["actions"]
        assert action["state"] == "succeeded", step
        assert {one.json["id"] for one in replies[2 * n : 2 * n + 2]} == {action["id"]}, step
        assert await told_again(acs, call) == (2 if step in rung else 0), step


async def test_an_event_whose_batch_was_killed_is_told_again_and_applied_once(
    stack: Stack, acs: Control, table_faults: Control, counted_host: Host, people: People
) -> None:
    bob, managers = await callers(people, counted_host, 2)
    await acs.put("callbacks", HELD)
    calls, kept = [], 0
    for manager in managers:
        calls.append(id_of(await place(manager, {"user": bob.id})))
        await acs.events_held(kept + 2)
        await invite(manager, calls[-1], {"phoneNumber": PHONE}, "key")
        await acs.events_held(kept + 4)
        assert (await hang_up(manager, calls[-1])).status == 204
        kept += 5
    await acs.events_held(kept)

    telling = []
    for moment in ["before"] * 5 + ["after"] * 5:  # those of the first call, which are older
        fault = await table_faults.fault("batch", hold=moment, times=1)
        telling.append(asyncio.create_task(acs.tell(count=1)))
        await table_faults.held(fault)
    counted_host.kill()
    logs = [
        [row for row in rows_about(stack, call) if row["RowKey"].startswith("event-")]
        for call in calls
    ]
    assert [len(log) for log in logs] == [0, 5]
    await asyncio.gather(*telling)
    await table_faults.clear()
    await counted_host.start()
    await acs.put("callbacks", AGAIN)

    for manager, call in zip(managers, calls, strict=True):
        seen = await taken(acs, manager, call)
        assert await told_again(acs, call) == 5
        assert (seen["state"], seen["reason"]["code"]) == ("disconnected", 200)
        assert seen["createdAt"] <= seen["connectedAt"] <= seen["endedAt"]
        assert [one["state"] for one in seen["actions"]] == ["succeeded"]
        assert len(seen["participants"]) == 2


async def test_a_hanging_up_killed_anywhere_has_ended_the_call_when_it_is_repeated(
    tables: TableProxy, acs: Control, counted_host: Host, people: People, kill_each: KillEach
) -> None:
    first, *calls = await connected(people, counted_host, 1 + len(HANGING_UP))
    await acs.put("callbacks", {"hold": True})  # nothing but the answer says that it has ended
    assert await asked(tables, acs, hang_up(*first), "acs") == covered(HANGING_UP)

    await kill_each(zip(HANGING_UP, [hang_up(*one) for one in calls], strict=True))
    replies = await asyncio.gather(*(hang_up(*one) for one in calls))

    assert {reply.status for reply in replies} == {204}, replies
    await have_ended(acs, [call for _, call in calls])
    await acs.put("callbacks", AGAIN)
    for caller, call in calls:
        assert (await taken(acs, caller, call))["state"] == "disconnected"
