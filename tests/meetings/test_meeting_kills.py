"""A host that dies while a meeting is made, changed, cancelled or erased leaves nothing, here or in
Teams, that a repetition does not finish.

Each test holds one request at every step, each of another doctor, and kills the host once."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Sequence

import pytest

from shared.operate.tidy import Tidy
from tests.meetings.test_meetings import ids_in_teams, meetings
from tests.meetings.visits import CHANGED, FIRST, Visit, are_as, planned, scheduled
from tests.privacy.test_erasure import rows_about
from tests.support.api import Reply
from tests.support.control import Control
from tests.support.kills import Step
from tests.support.people import People
from tests.support.sampling import Few
from tests.support.stack import Host, Stack
from tests.support.storage import KillEach, mapping_key
from tests.support.table_proxy import TableProxy

WRITES = frozenset({"insert", "update", "remove", "batch"})


def around(*asked: tuple[str, str, int]) -> list[Step]:
    return [Step(*one, moment) for one in asked for moment in ("before", "after")]


# What each request writes and asks of Graph, in this order. Of rows that are written at a time the
# last alone, when all others are under way or there, and at the end a moment at which they are not.
MAKING = [
    *around(
        ("tables", "insert", 0),  # the intent to share
        ("tables", "insert", 1),  # the owner's row
        ("tables", "batch", 0),  # the row of the meeting and the one that leads to it
        ("tables", "insert", 2),  # the intent to make the meeting
        ("graph", "createOrGet", 0),
        ("tables", "update", 0),  # the row of the meeting, with Graph's id
        ("tables", "insert", 3),  # the record
        ("tables", "update", 3),  # the rows of the owner and two
        ("tables", "update", 4),  # the record, which says that they are there
        ("graph", "update", 0),
        ("tables", "update", 5),  # the record, with what Teams says
        ("tables", "remove", 1),  # both intents
    ),
    Step("tables", "update", 1, "after"),
]
IN_TEAMS = MAKING.index(Step("graph", "createOrGet", 0, "after"))
SHARED = MAKING.index(Step("tables", "insert", 3, "after"))
CHANGING = [
    *around(
        ("tables", "insert", 0),  # the intent to share
        ("tables", "insert", 1),  # the owner's row, which is there
        ("tables", "update", 0),  # the owner's row, with its place
        ("tables", "insert", 2),  # the intent to make the meeting
        ("graph", "get", 0),
        ("tables", "update", 1),  # the row of the meeting, which ends later
        ("tables", "update", 2),  # the record
        ("tables", "remove", 0),  # the row of somebody who is not invited any more
        ("tables", "update", 5),  # the rows of the owner and two
        ("tables", "update", 6),  # the record, when nobody is leaving any more
        ("graph", "update", 0),
        ("tables", "update", 7),  # the record, with what Teams says
        ("tables", "remove", 2),  # both intents
    ),
    Step("tables", "update", 3, "after"),
]
CANCELLING = [
    *around(
        ("tables", "insert", 0),  # the intent to cancel
        ("tables", "update", 0),  # the row of the meeting, which says so
        ("tables", "insert", 1),  # the intent to unshare
        ("tables", "update", 1),  # the record, too
        ("tables", "remove", 1),  # the rows of two
        ("tables", "remove", 2),  # the record
        ("tables", "remove", 3),  # the owner's row
        ("tables", "remove", 4),  # the intent to unshare
        ("graph", "delete", 0),
        ("tables", "batch", 0),  # the row of the meeting and the one that leads to it
        ("tables", "remove", 5),  # the intent to cancel
    ),
    Step("tables", "remove", 0, "after"),
]
TAKEN_BACK = CANCELLING.index(Step("tables", "update", 1, "after"))
# What an erasure does to a meeting.
ERASING = around(("graph", "delete", 0), ("tables", "batch", 0))
# To a meeting that Graph has made, and whose answer was lost: nothing is shared.
ERASING_HALF = around(("graph", "createOrGet", 0), ("graph", "delete", 0), ("tables", "batch", 0))


async def asked(
    tables: TableProxy, service: Control, request: Awaitable[Reply], where: str = "graph"
) -> Counter[tuple[str, str]]:
    """How often the request writes, and asks Graph or ACS, by operation; without looks at calls,
    since late events about calls of other tests make other hosts look at these."""
    before = Counter((await service.state())["requests"])
    tables.requests.clear()
    assert (await request).status < 300
    told = Counter((await service.state())["requests"]) - before
    wrote = {name: number for name, number in tables.requests.items() if name in WRITES}
    return Counter(
        {
            (where, name): number
            for where, counts in (("tables", wrote), (where, told))
            for name, number in counts.items()
            if name != "getCall"
        }
    )


def covered(steps: Sequence[Step]) -> Counter[tuple[str, str]]:
    """As many as the last step of each makes it."""
    found: Counter[tuple[str, str]] = Counter()
    for step in steps:
        found |= Counter({(step.where, step.operation): step.skip + 1})
    return found


async def who_is_let_in_gets_to_teams(graph: Control, visits: list[Visit]) -> None:
    """Also before the repetition."""
    links = {meeting["joinWebUrl"] for meeting in (await graph.state())["meetings"]}
    for visit in visits:
        replies = await asyncio.gather(*(patient.open(visit.call) for patient in visit.patients))
        told = [reply.json["locator"]["meetingLink"] for reply in replies if reply.status == 200]
        assert links.issuperset(told), visit.at


async def test_a_meeting_whose_making_was_killed_anywhere_is_made_once_by_its_repetition(
    stack: Stack,
    tables: TableProxy,
    graph: Control,
    counted_host: Host,
    people: People,
    kill_each: KillEach,
    few: Few,
    tidy: Tidy,
) -> None:
    steps = few(MAKING)
    first, *visits = await planned(people, counted_host, ["first", *steps])
    assert await asked(tables, graph, first.schedule(FIRST)) == covered(MAKING)
    [first.call] = await first.doctor.calls()
    await first.cancel()
    before = (await graph.state())["created"]

    await kill_each(zip(steps, [visit.schedule(FIRST) for visit in visits], strict=True))
    made = before + sum(MAKING.index(step) >= IN_TEAMS for step in steps)
    assert (await graph.state())["created"] == made
    replies = await asyncio.gather(*(visit.schedule(FIRST) for visit in visits))

    for step, visit, reply in zip(steps, visits, replies, strict=True):
        shared = MAKING.index(step) >= SHARED
        assert (reply.status, reply.json["invited"]) == (200 if shared else 201, 2), visit.at
        visit.call = reply.json["id"]
    assert (await graph.state())["created"] == before + len(steps)
    await tidy.run()
    await are_as(FIRST, stack, graph, visits)


async def test_a_change_killed_anywhere_is_finished_by_its_repetition(
    stack: Stack,
    tables: TableProxy,
    graph: Control,
    counted_host: Host,
    people: People,
    kill_each: KillEach,
    few: Few,
    tidy: Tidy,
) -> None:
    steps = few(CHANGING)
    first, *visits = await scheduled(people, counted_host, ["first", *steps])
    created = (await graph.state())["created"]
    assert await asked(tables, graph, first.schedule(CHANGED)) == covered(CHANGING)

    await kill_each(zip(steps, [visit.schedule(CHANGED) for visit in visits], strict=True))
    await who_is_let_in_gets_to_teams(graph, visits)
    replies = await asyncio.gather(*(visit.schedule(CHANGED) for visit in visits))

    for visit, reply in zip(visits, replies, strict=True):
        assert (reply.status, reply.json["id"]) == (200, visit.call), visit.at
    assert (await graph.state())["created"] == created
    await tidy.run()
    await are_as(CHANGED, stack, graph, [first, *visits])


async def test_a_cancelling_killed_anywhere_is_finished_by_its_repetition(
    stack: Stack,
    tables: TableProxy,
    graph: Control,
    counted_host: Host,
    people: People,
    kill_each: KillEach,
    few: Few,
    tidy: Tidy,
) -> None:
    steps = few(CANCELLING)
    first, *visits = await scheduled(people, counted_host, ["first", *steps])
    assert await asked(tables, graph, first.cancel()) == covered(CANCELLING)

    await kill_each(zip(steps, [visit.cancel() for visit in visits], strict=True))
    await who_is_let_in_gets_to_teams(graph, visits)
    replies = await asyncio.gather(*(visit.cancel() for visit in visits))

    assert {reply.status for reply in replies} == {204}
    calls = [visit.call for visit in visits]
    assert await meetings(graph, *calls) == []
    await tidy.run()
    assert rows_about(stack, *calls) == []


async def test_a_change_killed_anywhere_does_not_hinder_the_cancelling(
    stack: Stack,
    graph: Control,
    counted_host: Host,
    people: People,
    kill_each: KillEach,
    few: Few,
    tidy: Tidy,
) -> None:
    await tidy.run()  # it may delete what other tests have left
    before = await ids_in_teams(graph)
    steps = few(CHANGING)
    visits = await scheduled(people, counted_host, steps)

    await kill_each(zip(steps, [visit.schedule(CHANGED) for visit in visits], strict=True))
    replies = await asyncio.gather(*(visit.cancel() for visit in visits))

    assert {reply.status for reply in replies} == {204}
    assert await ids_in_teams(graph) == before
    await tidy.run()
    assert rows_about(stack, *(visit.call for visit in visits)) == []


async def test_a_cancelling_killed_anywhere_makes_room_for_a_new_meeting(
    stack: Stack,
    graph: Control,
    counted_host: Host,
    people: People,
    kill_each: KillEach,
    few: Few,
    tidy: Tidy,
) -> None:
    steps = few(CANCELLING)
    visits = await scheduled(people, counted_host, steps)

    await kill_each(zip(steps, [visit.cancel() for visit in visits], strict=True))
    replies = await asyncio.gather(*(visit.schedule(CHANGED) for visit in visits))

    shared = [200 if CANCELLING.index(step) < TAKEN_BACK else 201 for step in steps]
    assert [reply.status for reply in replies] == shared
    for visit, reply in zip(visits, replies, strict=True):
        visit.call = reply.json["id"]
    await are_as(CHANGED, stack, graph, visits)
    await tidy.run()  # which does not cancel what was made since
    await are_as(CHANGED, stack, graph, visits)


async def only_tombstones_are_left(stack: Stack, visits: list[Visit]) -> None:
    """Of the doctors, and nothing of their meetings."""
    everybody = [mapping_key(stack, visit.doctor.id) for visit in visits]
    rows = rows_about(stack, *everybody, *(visit.call for visit in visits if visit.call))
    assert sorted(row["PartitionKey"] for row in rows) == sorted(everybody)
    assert all("erasedAt" in row for row in rows)
    for patient in visits[0].patients:
        assert await patient.calls() == []


async def test_a_making_killed_anywhere_leaves_no_meeting_of_who_is_erased_instead(
    stack: Stack,
    graph: Control,
    counted_host: Host,
    people: People,
    kill_each: KillEach,
    few: Few,
    tidy: Tidy,
) -> None:
    await tidy.run()  # it may delete what other tests have left
    before = await ids_in_teams(graph)
    steps = few(MAKING)
    visits = await planned(people, counted_host, steps)

    await kill_each(zip(steps, [visit.schedule(FIRST) for visit in visits], strict=True))
    replies = await asyncio.gather(*(visit.doctor.forget() for visit in visits))

    assert {reply.status for reply in replies} == {204}
    assert await ids_in_teams(graph) == before
    await tidy.run()
    assert await ids_in_teams(graph) == before
    await only_tombstones_are_left(stack, visits)


@pytest.mark.slow
async def test_an_erasure_killed_anywhere_leaves_no_meeting_when_it_is_repeated(
    stack: Stack,
    graph: Control,
    counted_host: Host,
    people: People,
    kill_each: KillEach,
    tidy: Tidy,
) -> None:
    await tidy.run()  # it may delete what other tests have left
    before = await ids_in_teams(graph)
    visits = await scheduled(people, counted_host, [*ERASING, *ERASING_HALF])
    halves = visits[len(ERASING) :]
    await asyncio.gather(*(visit.cancel() for visit in halves))
    lost = await graph.fault("createOrGet", drop="after")
    replies = await asyncio.gather(*(visit.schedule(FIRST) for visit in halves))
    assert {reply.status for reply in replies} == {503}
    await graph.release(lost)
    for visit in halves:
        partition = mapping_key(stack, visit.doctor.id)
        [visit.call] = [row["RowKey"] for row in rows_about(stack, partition) if "making" in row]
    assert len(await ids_in_teams(graph)) == len(before) + len(visits)

    steps = [*ERASING, *ERASING_HALF]
    await kill_each(zip(steps, [visit.doctor.forget() for visit in visits], strict=True))
    # The last is the one row of a meeting that is gone by then.
    calls = [visit.call for visit in visits]
    found = Counter(row["RowKey"] for row in rows_about(stack, *calls) if "making" in row)
    assert found == {visit.call: 1 for visit in visits if visit.at not in (ERASING[-1], steps[-1])}
    replies = await asyncio.gather(*(visit.doctor.forget() for visit in visits))

    assert {reply.status for reply in replies} == {204}
    assert await ids_in_teams(graph) == before
    await tidy.run()
    assert await ids_in_teams(graph) == before
    await only_tombstones_are_left(stack, visits)
