"""A host that dies while a recording is started, paused, stopped or erased leaves nothing that a
repetition does not finish: nothing is recorded twice, and no recording is unknown to our rows."""

import asyncio
from collections.abc import AsyncIterator, Awaitable

import pytest

from tests.bot_calls.incoming import subscribe
from tests.calls.recording import (
    connected,
    is_filed,
    is_in,
    record,
    recorded,
    recordings_in_acs,
    until,
)
from tests.calls.test_call_kills import AGAIN, HELD
from tests.calls.test_calls import watched
from tests.calls.test_recorded_files import file_event, tell
from tests.meetings.test_meeting_kills import around, asked, covered
from tests.privacy.test_erasure import rows_about
from tests.support.api import Reply
from tests.support.control import Control
from tests.support.kills import Step
from tests.support.people import People, Person
from tests.support.sampling import Few
from tests.support.stack import Host, Stack
from tests.support.storage import Kill, KillEach, mapping_key
from tests.support.table_proxy import TableProxy

STARTING = around(
    ("tables", "update", 0),  # the record, with what is wanted
    ("acs", "startRecording", 0),
    ("tables", "update", 1),  # the record, with ACS's id of the recording
    ("tables", "insert", 0),  # the row of the recording's files
    ("tables", "update", 2),  # the record, as that row is there
)
STOPPING = around(
    ("tables", "insert", 0),  # the intent
    ("tables", "update", 0),  # the record, with what is wanted
    ("acs", "stopRecording", 0),
    ("tables", "update", 1),  # the record, once ACS has confirmed it
    ("tables", "remove", 0),  # the intent
)
ERASING = around(
    ("acs", "deleteRecording", 0),
    ("tables", "remove", 1),  # the row of the file, after the intent of the call
)
FILING = around(
    ("tables", "update", 0),  # the row of the file
    ("tables", "batch", 0),  # the event, and the record
)
PAUSING = around(
    ("tables", "insert", 0),
    ("tables", "update", 0),
    ("acs", "pauseRecording", 0),
    ("tables", "remove", 0),
)


@pytest.fixture(autouse=True)
async def telling(acs: Control) -> AsyncIterator[None]:
    await acs.put("farEnds", {"default": {"afterMs": 5}, "playMs": 5})
    await acs.put("callbacks", AGAIN)
    yield
    await acs.put("callbacks", {})
    await acs.unsubscribe()


async def calls_of(people: People, host: Host, number: int) -> list[tuple[Person, str]]:
    names = [f"recorder {n}" for n in range(number)]
    return list(await asyncio.gather(*(connected(people, host, name) for name in names)))


async def test_a_start_killed_anywhere_is_one_recording_when_it_is_repeated(
    tables: TableProxy,
    acs: Control,
    counted_host: Host,
    people: People,
    kill_each: KillEach,
    few: Few,
) -> None:
    steps = few(STARTING)
    first, *calls = await calls_of(people, counted_host, 1 + len(steps))
    await acs.put("callbacks", HELD)

    def start(recorder: Person, call: str) -> Awaitable[Reply]:
        return record(recorder, call, "start", "key")

    assert await asked(tables, acs, start(*first), "acs") == covered(STARTING)

    await kill_each(zip(steps, [start(*one) for one in calls], strict=True))
    replies = await asyncio.gather(*(start(*one) for one in calls for _ in range(2)))
    await acs.put("callbacks", AGAIN)

    assert {reply.status for reply in replies} == {202}, replies
    for step, (recorder, call) in zip(steps, calls, strict=True):
        seen = await watched(recorder, call, is_in("recording"))
        assert len(seen["recordings"]) == 1, step
        assert len(await recordings_in_acs(acs, call)) == 1, step


async def test_a_start_whose_answer_was_lost_in_a_kill_is_known_by_its_events(
    acs: Control, counted_host: Host, people: People, kill: Kill
) -> None:
    await subscribe(acs, counted_host)
    recorder, call = await connected(people, counted_host)
    await acs.put("callbacks", HELD)

    await kill(Step("acs", "startRecording", 0, "after"), record(recorder, call, "start", "key"))
    await acs.put("callbacks", AGAIN)
    seen = await watched(recorder, call, is_in("recording"))
    stopped = await record(recorder, call, "stop")

    assert len(seen["recordings"]) == 1
    assert stopped.status == 202
    await watched(recorder, call, lambda now: "files" in now["recordings"][0])


async def test_what_was_stopped_before_a_lost_start_is_known_stops_when_it_is_told(
    acs: Control, counted_host: Host, people: People, kill: Kill
) -> None:
    recorder, call = await connected(people, counted_host)
    await acs.put("callbacks", HELD)

    await kill(Step("acs", "startRecording", 0, "after"), record(recorder, call, "start", "key"))
    stopped = await record(recorder, call, "stop")
    [kept] = await recordings_in_acs(acs, call)
    assert (stopped.json["state"], kept["state"]) == ("stopped", "active")
    await acs.put("callbacks", AGAIN)

    await until(
        lambda: recordings_in_acs(acs, call),
        lambda kept: [one["state"] for one in kept] == ["inactive"],
    )
    assert is_in("stopped")((await recorder.ask(f"/calls/{call}")).json)


async def test_a_stop_that_overtakes_a_start_stops_it(
    acs: Control, one_host: Host, people: People
) -> None:
    recorder, call = await connected(people, one_host)
    fault = await acs.fault("startRecording", hold="before", times=1)
    starting = asyncio.create_task(record(recorder, call, "start"))
    await acs.held(fault)

    stopped = await record(recorder, call, "stop")
    await acs.release(fault)

    assert (stopped.status, stopped.json["state"]) == (202, "stopped")
    assert ((await starting).status, (await starting).json["state"]) == (202, "stopped")
    [kept] = await recordings_in_acs(acs, call)
    assert kept["sessionEndReason"] == "InitiatorLeft"


@pytest.mark.parametrize(
    ("action", "every", "state"),
    [("stop", STOPPING, "stopped"), ("pause", PAUSING, "paused")],
)
async def test_what_was_killed_anywhere_is_done_when_it_is_repeated(
    tables: TableProxy,
    acs: Control,
    counted_host: Host,
    people: People,
    kill_each: KillEach,
    few: Few,
    action: str,
    every: list[Step],
    state: str,
) -> None:
    steps = few(every)
    first, *calls = await calls_of(people, counted_host, 1 + len(steps))
    for one in (first, *calls):
        await recorded(*one)
    await acs.put("callbacks", HELD)
    assert await asked(tables, acs, record(*first, action), "acs") == covered(every)

    await kill_each(zip(steps, [record(*one, action) for one in calls], strict=True))
    replies = await asyncio.gather(*(record(*one, action) for one in calls))
    await acs.put("callbacks", AGAIN)

    assert {reply.status for reply in replies} == {202}, replies
    for recorder, call in calls:
        await watched(recorder, call, is_in(state))
        [kept] = await recordings_in_acs(acs, call)
        assert kept["state"] == "inactive"


async def test_a_start_killed_anywhere_leaves_no_file_of_who_is_erased_instead(
    stack: Stack, acs: Control, counted_host: Host, people: People, kill_each: KillEach, few: Few
) -> None:
    await subscribe(acs, counted_host)
    steps = few(STARTING)
    calls = await calls_of(people, counted_host, len(steps))
    await acs.put("callbacks", HELD)

    starting = [record(*one, "start", "key") for one in calls]
    await kill_each(zip(steps, starting, strict=True))
    erased = await asyncio.gather(*(recorder.forget() for recorder, _ in calls))

    assert {reply.status for reply in erased} == {204}
    await acs.put("callbacks", AGAIN)
    for step, (recorder, call) in zip(steps, calls, strict=True):
        kept = await recordings_in_acs(acs, call)
        assert all(one["sessionEndReason"] for one in kept), step
        rows = rows_about(stack, call, mapping_key(stack, recorder.id))
        assert [row for row in rows if "erasedAt" not in row] == [], step


async def test_an_erasure_that_overtakes_a_start_stops_it(
    stack: Stack, acs: Control, one_host: Host, people: People
) -> None:
    """The file comes after the erasure, and is deleted then."""
    await subscribe(acs, one_host)
    recorder, call = await connected(people, one_host)
    fault = await acs.fault("startRecording", hold="after", times=1)
    starting = asyncio.create_task(record(recorder, call, "start"))
    await acs.held(fault)

    assert (await recorder.forget()).status == 204
    await acs.release(fault)

    assert (await starting).status in (401, 404)

    def are_deleted(kept: list[dict[str, object]]) -> bool:
        return [one["isDeleted"] for one in kept] == [True]

    await until(lambda: recordings_in_acs(acs, call), are_deleted)
    assert rows_about(stack, call) == []


async def test_an_erasure_killed_anywhere_has_deleted_the_file_when_it_is_repeated(
    stack: Stack, acs: Control, counted_host: Host, people: People, kill_each: KillEach, few: Few
) -> None:
    await subscribe(acs, counted_host)
    steps = few(ERASING)
    calls = await calls_of(people, counted_host, len(steps))
    for recorder, call in calls:
        await recorded(recorder, call)
        assert (await record(recorder, call, "stop")).status == 202
        await watched(recorder, call, is_filed)

    await kill_each(zip(steps, [recorder.forget() for recorder, _ in calls], strict=True))
    erased = await asyncio.gather(*(recorder.forget() for recorder, _ in calls))

    assert {reply.status for reply in erased} == {204}
    for step, (recorder, call) in zip(steps, calls, strict=True):
        [kept] = await recordings_in_acs(acs, call)
        assert kept["isDeleted"], step
        rows = rows_about(stack, call, kept["documentId"], mapping_key(stack, recorder.id))
        assert [row for row in rows if "erasedAt" not in row] == [], step


async def test_an_event_about_a_file_killed_anywhere_is_noted_once_when_it_comes_again(
    acs: Control, counted_host: Host, people: People, kill_each: KillEach, few: Few
) -> None:
    steps = few(FILING)
    calls = await calls_of(people, counted_host, len(steps))
    events = []
    for recorder, call in calls:
        await recorded(recorder, call)
        [kept] = await recordings_in_acs(acs, call)
        events.append(file_event(kept["recordingId"]))
    told = [tell(calls[0][0], event) for event in events]

    await kill_each(zip(steps, told, strict=True))
    again = [await tell(calls[0][0], event) for event in events for _ in range(2)]

    assert [one.json for one in again] == [{"results": ["filed"]}] * len(again)
    for step, (recorder, call) in zip(steps, calls, strict=True):
        seen = (await recorder.ask(f"/calls/{call}")).json
        assert is_filed(seen), step
        kinds = [event["type"] for event in seen["events"]]
        assert kinds.count("RecordingFileStatusUpdated") == 1, step
