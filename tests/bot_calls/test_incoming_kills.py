"""A host that dies while it answers a call to a bot, or anywhere in a bot's turn, leaves nothing
undone: Event Grid and ACS tell again, and each call is answered, and each guest rung, once.

Each test holds one request at every step, each about another call, and kills the host once."""

import asyncio
from collections.abc import Awaitable
from typing import Any

import aiohttp

from tests.bot_calls.incoming import CAROL, END, Line, Ringing, has_ended, kinds
from tests.bot_calls.incoming_fixtures import carol, line
from tests.calls.test_call_kills import AGAIN, taken
from tests.calls.test_calls import watched
from tests.meetings.test_meeting_kills import around, asked, covered
from tests.support.api import Reply
from tests.support.control import Control
from tests.support.kills import Step
from tests.support.people import People, Person
from tests.support.sampling import Few
from tests.support.stack import Host
from tests.support.storage import KillEach
from tests.support.table_proxy import TableProxy

__all__ = ["carol", "line"]

ANSWERING = around(
    ("tables", "insert", 0),  # the intent
    ("tables", "batch", 0),  # what it is known by, and the bot's index
    ("tables", "insert", 1),  # the caller's index
    ("tables", "insert", 2),  # the record
    ("tables", "insert", 3),  # the call's place among those of its caller
    ("tables", "update", 0),  # the record, with who calls
    ("acs", "answerCall", 0),
    ("tables", "update", 1),  # the record, with ACS's id of the call
)


def turn(operation: str, *, guests: int = 0) -> list[Step]:
    """The writes, and the requests to ACS, of an event that leads to a turn."""
    return around(
        ("tables", "batch", 0),  # the event, and its effect
        *[("tables", "update", n) for n in range(1 + guests)],  # the turn, and who is rung
        ("acs", operation, 0),
        ("tables", "update", 1 + guests),  # that ACS has taken it
    )


# Which event leads to which, the last turn first: so each call can wait with its event held.
TURNS = [
    ("RecognizeCompleted", END, turn("terminateCall")),
    ("RecognizeCompleted", CAROL, turn("addParticipant", guests=1)),
    ("PlayCompleted", END, turn("recognize")),
    ("CallConnected", END, turn("play")),
]
LEADING = ["CallConnected", "PlayCompleted", "RecognizeCompleted"]


async def callers(people: People, host: Host, number: int) -> list[Person]:
    found = people(host, *(f"caller {n}" for n in range(number)))
    await asyncio.gather(*(person.token() for person in found))
    return found


async def test_an_answering_killed_anywhere_is_finished_by_the_next_delivery(
    line: Line,
    tables: TableProxy,
    acs: Control,
    counted_host: Host,
    people: People,
    kill_each: KillEach,
    few: Few,
) -> None:
    there, killed = line.at(counted_host), few(ANSWERING)
    who = await callers(people, counted_host, 1 + len(killed))
    await acs.put("callbacks", {"hold": True})
    first, *calls = [await line.ring(person, END) for person in who]
    assert await asked(tables, acs, there.deliver(first), "acs") == covered(ANSWERING)

    await kill_each(zip(killed, map(there.deliver, calls), strict=True))
    again = await asyncio.gather(*(there.deliver(one) for one in calls for _ in range(2)))
    await acs.put("callbacks", AGAIN)

    assert {tuple(one.json["results"]) for one in again} == {("answered",)}, again
    for step, ringing in zip(killed, calls, strict=True):
        [connection] = await line.in_acs(ringing)
        seen = await watched(line.manager, id_in(connection), has_ended)
        assert seen["answeredBy"] == line.bot, step
        assert [one["kind"] for one in seen["actions"]] == ["play", "tones"], step
    listed = [one["id"] for one in await line.calls()]
    assert len(listed) == len(set(listed)) == 1 + len(killed)


async def test_a_turn_killed_anywhere_is_taken_when_its_event_is_told_again(
    line: Line,
    tables: TableProxy,
    acs: Control,
    counted_host: Host,
    people: People,
    carol: Person,
    kill_each: KillEach,
    few: Few,
) -> None:
    there = line.at(counted_host)

    async def hold_leading() -> None:
        """Events that lead to nothing come, and have come when this returns: a request of theirs
        may take a turn, and an event whose turn another request takes is refused."""
        await acs.put("callbacks", {"hold": LEADING, "holdAgain": True})

    await hold_leading()
    steps, calls = list[tuple[Step, Awaitable[Reply]]](), list[tuple[str, str, Ringing]]()
    for event, press, every in TURNS:
        killed = few(every)
        rung = [
            await line.ring(person, press)
            for person in people(
                counted_host, *(f"{event} {press} {n}" for n in range(len(killed)))
            )
        ]
        await asyncio.gather(*map(there.deliver, rung))
        for passed in LEADING[: LEADING.index(event)]:
            await acs.events_held(len(calls) + len(rung))
            await hold_leading()
            await acs.tell(types=[passed])
        await acs.events_held(len(calls) + len(rung))
        calls += [(event, press, ringing) for ringing in rung]
        steps += [(step, cut_off(acs, event)) for step in killed]

    await hold_leading()
    await kill_each(steps)

    await acs.put("callbacks", AGAIN)
    carols = (await carol.token()).user_id
    for (step, _), (event, press, ringing) in zip(steps, calls, strict=True):
        await ends(line, acs, ringing, carols if press == CAROL else None, f"{event}: {step}")


async def test_a_turn_has_no_other_steps(
    line: Line,
    tables: TableProxy,
    acs: Control,
    counted_host: Host,
    people: People,
    carol: Person,
) -> None:
    [caller] = people(counted_host, "caller")
    await acs.put("callbacks", {"hold": True})
    for event, press, steps in TURNS:
        held = len((await acs.get("callbacks"))["held"])
        answered = await line.at(counted_host).deliver(await line.ring(caller, press))
        assert answered.json == {"results": ["answered"]}
        await acs.events_held(held := held + 2)  # CallConnected, ParticipantsUpdated
        if event != "CallConnected":
            await acs.tell(types=["CallConnected"])
            await acs.events_held(held := held + 1)  # less that, PlayStarted, PlayCompleted
        if event == "RecognizeCompleted":
            await acs.tell(types=["PlayCompleted"])
            await acs.events_held(held)  # less that, RecognizeCompleted

        assert await asked(tables, acs, told(acs, event), "acs") == covered(steps), event


async def told(acs: Control, event: str) -> Reply:
    """ACS tells the oldest of these that it holds."""
    await acs.tell(count=1, types=[event])
    return Reply(200, {}, None)


async def cut_off(acs: Control, event: str) -> Reply:
    """As `told`, but no host answers."""
    await told(acs, event)
    raise aiohttp.ClientConnectionError


def id_in(connection: dict[str, Any]) -> str:
    return str(connection["callbackUri"]).rpartition("/")[2]


async def ends(line: Line, acs: Control, ringing: Ringing, guest: str | None, at: str) -> None:
    """The call goes on to its end, in which every event was taken, and its guest rung once."""
    [connection] = await line.in_acs(ringing)
    call = id_in(connection)
    if guest is not None:
        await watched(line.manager, call, lambda now: len(now["participants"]) == 2)
        await acs.post(f"calls/{connection['callConnectionId']}/hangUp", {"participant": guest})
    await watched(line.manager, call, has_ended)
    seen = await taken(acs, line.manager, call)
    happened = kinds(seen)
    assert happened["CallDisconnected"] == 1, at
    assert happened["AddParticipantSucceeded"] == (guest is not None), at
    # What a turn led to was held before the event that led to it, so it is told first: nothing that
    # was heard is played again.
    assert happened["PlayCompleted"] == 1, (at, happened)
    assert {one["state"] for one in seen["actions"]} == {"succeeded"}, at
