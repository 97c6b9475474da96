"""The files of recordings: Event Grid reports them, few people see them, erasures delete them."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.bot_calls.incoming import PROOF, subscribe
from tests.calls.recording import (
    connected,
    is_filed,
    is_in,
    record,
    recorded,
    recordings_in_acs,
)
from tests.calls.test_calls import in_acs, watched
from tests.privacy.test_erasure import rows_about
from tests.support.api import Reply
from tests.support.control import Control
from tests.support.people import People, Person
from tests.support.stack import Host, Stack, StartHost
from tests.support.storage import mapping_key

STORAGE = "https://storage.asm.skype.com/v1/objects"


@pytest.fixture(autouse=True)
async def quickly(acs: Control) -> AsyncIterator[None]:
    await acs.put("farEnds", {"default": {"afterMs": 5}, "playMs": 5})
    yield
    await acs.unsubscribe()


async def filed(recorder: Person, call: str) -> dict[str, Any]:
    """The call, which has been recorded, and whose file is known."""
    await recorded(recorder, call)
    assert (await record(recorder, call, "stop")).status == 202
    return await watched(recorder, call, is_filed)


def file_event(acs_id: str, server_call: str = "x", **chunk: object) -> dict[str, Any]:
    """As Event Grid tells of a file."""
    document = uuid.uuid4().hex
    told = {
        "documentId": document,
        "index": 0,
        "endReason": "SessionEnded",
        "contentLocation": f"{STORAGE}/{document}/content/video",
        "metadataLocation": f"{STORAGE}/{document}/content/acsmetadata",
        "deleteLocation": f"{STORAGE}/{document}",
        **chunk,
    }
    return {
        "id": str(uuid.uuid4()),
        "topic": "/subscriptions/x/resourceGroups/y/providers/Microsoft.Communication/z/z",
        "subject": f"/recording/call/c/serverCallId/{server_call}/recordingId/{acs_id}",
        "eventType": "Microsoft.Communication.RecordingFileStatusUpdated",
        "dataVersion": "1.0",
        "metadataVersion": "1",
        "eventTime": datetime.now(UTC).isoformat(),
        "data": {"recordingStorageInfo": {"recordingChunks": [told]}},
    }


async def tell(person: Person, *events: object, **headers: str) -> Reply:
    return await person.ask("/incomingCalls", "POST", list(events), **(headers or PROOF))


async def files_of(person: Person, call: str) -> list[dict[str, str]]:
    seen = (await person.ask(f"/calls/{call}")).json
    return list(seen["recordings"][0].get("files", []))


async def test_a_file_in_several_parts_is_told_part_by_part_and_each_once(
    one_host: Host, people: People, acs: Control
) -> None:
    recorder, call = await connected(people, one_host)
    await recorded(recorder, call)
    [kept] = await recordings_in_acs(acs, call)
    events = [file_event(kept["recordingId"]) for _ in range(2)]

    told = [await tell(recorder, event) for event in (events[0], events[1], events[0])]

    assert [one.json for one in told] == [{"results": ["filed"]}] * 3
    shown = await files_of(recorder, call)
    assert [one["contentLocation"] for one in shown] == [
        one["data"]["recordingStorageInfo"]["recordingChunks"][0]["contentLocation"]
        for one in events
    ]
    seen = (await recorder.ask(f"/calls/{call}")).json
    assert seen["recording"]["state"] == "stopped"  # a file is there once it has ended
    kinds = [event["type"] for event in seen["events"]]
    assert kinds.count("RecordingFileStatusUpdated") == 2


async def test_what_is_not_ours_or_not_acs_is_left_out(
    one_host: Host, people: People, acs: Control
) -> None:
    recorder, call = await connected(people, one_host)
    await recorded(recorder, call)
    [kept] = await recordings_in_acs(acs, call)
    acs_id = kept["recordingId"]

    for event in (
        file_event("eyJub25lIjoib2Ygb3VycyJ9"),
        file_event(acs_id, contentLocation="https://evil.example.com/x"),
        file_event(acs_id, deleteLocation="https://evil.example.com/.asm.skype.com"),
        file_event(acs_id, deleteLocation="https://asm.skype.com.evil.example.com/x"),
        file_event(acs_id, metadataLocation="http://storage.asm.skype.com/x"),
        file_event(acs_id, deleteLocation="https://a@storage.asm.skype.com/x"),
        file_event(acs_id, deleteLocation=f"https://storage.asm.skype.com/{'x' * 600}"),
        file_event(acs_id, deleteLocation=None),
        {**file_event(acs_id), "subject": "/recording/call/c"},
        {**file_event(acs_id), "data": None},
    ):
        reply = await tell(recorder, event)
        assert (reply.status, reply.json) == (200, {"results": ["ignored"]}), event

    assert await files_of(recorder, call) == []
    forged = await tell(recorder, file_event(acs_id), **{"X-Event-Grid-Key": "x" * 47})
    assert forged.status in (401, 403)
    assert await files_of(recorder, call) == []


async def test_files_are_shown_to_those_who_may_steer_or_record_only(
    one_host: Host, people: People, acs: Control
) -> None:
    await subscribe(acs, one_host)
    recorder, call = await connected(people, one_host)
    await filed(recorder, call)
    manager, stranger = people(one_host, "manager", "stranger")
    manager.sign_in("Calls.Manage")
    stranger.sign_in("Calls.Record")

    assert len(await files_of(manager, call)) == 1
    assert (await stranger.ask(f"/calls/{call}")).status == 404
    recorder.sign_in()  # they placed the call, and have lost the role
    assert await files_of(recorder, call) == []
    listed = (await manager.ask("/calls")).json
    assert "contentLocation" not in str(listed)


async def test_bots_need_not_be_set_for_files_to_be_told(
    start_host: StartHost, people: People, acs: Control
) -> None:
    host = await start_host(BOT_GREETING="", BOT_MENU="")
    await subscribe(acs, host)
    recorder, call = await connected(people, host)

    await filed(recorder, call)


async def test_an_erasure_deletes_the_file_in_acs_and_what_is_stored_of_it(
    stack: Stack, one_host: Host, people: People, acs: Control
) -> None:
    await subscribe(acs, one_host)
    recorder, call = await connected(people, one_host)
    await filed(recorder, call)
    [kept] = await recordings_in_acs(acs, call)
    assert not kept["isDeleted"]
    assert rows_about(stack, kept["documentId"])

    down = await acs.fault("deleteRecording", status=503)
    failed = await recorder.forget()
    assert (failed.status, failed.json["code"]) == (503, "communication-unavailable")
    assert down
    await acs.clear()
    await acs.fault("deleteRecording", drop="after", times=1)
    assert (await recorder.forget()).status == 204

    [kept] = await recordings_in_acs(acs, call)
    assert kept["isDeleted"]
    assert rows_about(stack, kept["documentId"], kept["recordingId"], call) == []
    left = rows_about(stack, mapping_key(stack, recorder.id))
    assert [row for row in left if "erasedAt" not in row] == []


async def test_a_file_that_is_told_after_an_erasure_is_deleted(
    stack: Stack, one_host: Host, people: People, acs: Control
) -> None:
    recorder, call = await connected(people, one_host)
    await recorded(recorder, call)
    assert (await recorder.forget()).status == 204
    [kept] = await recordings_in_acs(acs, call)
    assert kept["sessionEndReason"] == "CallEnded"
    location = f"{STORAGE}/{kept['documentId']}"
    event = file_event(kept["recordingId"], deleteLocation=location)

    [anybody] = people(one_host, "anybody")
    told = [await tell(anybody, event) for _ in range(2)]

    assert [one.json for one in told] == [{"results": ["ignored"]}] * 2
    [kept] = await recordings_in_acs(acs, call)
    assert kept["isDeleted"]
    assert rows_about(stack, kept["documentId"], call) == []


async def test_a_recording_of_a_call_that_is_gone_stays_gone(
    one_host: Host, people: People, acs: Control
) -> None:
    """An event about its state, which comes late, is no event about another call."""
    recorder, call = await connected(people, one_host)
    await recorded(recorder, call)
    await acs.put("callbacks", {"hold": ["RecordingStateChanged"], "attempts": 1})
    await record(recorder, call, "pause")
    await acs.events_held(1)
    ended = (await in_acs(acs, call))["callConnectionId"]
    assert (await recorder.forget()).status == 204

    await acs.tell()
    await acs.put("callbacks", {})

    assert ended
    assert (await recorder.ask(f"/calls/{call}")).status == 401


async def test_recordings_of_two_calls_are_kept_apart(
    one_host: Host, people: People, acs: Control
) -> None:
    await subscribe(acs, one_host)
    pairs = await asyncio.gather(*(connected(people, one_host, f"r {n}") for n in range(2)))
    for recorder, call in pairs:
        await recorded(recorder, call)
    (one, first), (two, second) = pairs

    assert (await record(one, first, "stop")).status == 202

    await watched(one, first, is_filed)
    await watched(two, second, is_in("recording"))
    assert await files_of(two, second) == []
