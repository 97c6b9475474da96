"""Recording a call over HTTP: the people who may, the answers, and the place of the file."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shared.calls.recordings import MOST_RECORDINGS, Recording, Recordings
from shared.calls.rows import Call
from shared.tables import CALLS
from tests.bot_calls.incoming import subscribe
from tests.calls.recording import (
    RECORDER,
    connected,
    is_filed,
    is_in,
    record,
    recorded,
    recordings_in_acs,
)
from tests.calls.test_calls import MANAGER, in_acs, place, watched
from tests.support import patience
from tests.support.control import Control
from tests.support.people import People
from tests.support.stack import Host, Stack, StartHost
from tests.support.storage import sdk_row, table

SOON = {"retryMs": 50, "attempts": 12}


@pytest.fixture(autouse=True)
async def quickly(acs: Control) -> AsyncIterator[None]:
    await acs.put("farEnds", {"default": {"afterMs": 5}, "playMs": 5})
    await acs.put("callbacks", SOON)
    yield
    await acs.put("callbacks", {})
    await acs.unsubscribe()


async def test_a_recording_from_its_start_to_its_file(
    one_host: Host, people: People, acs: Control
) -> None:
    await subscribe(acs, one_host)
    recorder, call = await connected(people, one_host)
    assert "recording" not in (await recorder.ask(f"/calls/{call}")).json

    started = await record(recorder, call, "start")
    assert started.status == 202
    assert started.json["state"] in ("starting", "recording")  # an event may be faster
    seen = await watched(recorder, call, is_in("recording"))
    assert seen["recordings"][0]["startedAt"] == seen["recording"]["since"]
    assert (await record(recorder, call, "pause")).status == 202
    await watched(recorder, call, is_in("paused"))
    assert (await record(recorder, call, "resume")).status == 202
    await watched(recorder, call, is_in("recording"))
    stopped = await record(recorder, call, "stop")
    assert (stopped.status, stopped.json["state"]) == (202, "stopped")

    ended = await watched(recorder, call, is_filed)
    [one] = ended["recordings"]
    assert (one["id"], one["state"]) == (started.json["id"], "stopped")
    [kept] = await recordings_in_acs(acs, call)
    [file] = one["files"]
    assert file == {
        "contentLocation": f"https://storage.asm.skype.com/v1/objects/{kept['documentId']}"
        "/content/video",
        "metadataLocation": f"https://storage.asm.skype.com/v1/objects/{kept['documentId']}"
        "/content/acsmetadata",
    }
    kinds = Counter(event["type"] for event in ended["events"])
    assert kinds["RecordingFileStatusUpdated"] == 1
    assert kinds["RecordingStateChanged"] >= 4
    listed = (await recorder.ask("/calls")).json["calls"][0]
    assert listed["recording"]["state"] == "stopped"
    log = [line for line in one_host.log.read_text().splitlines() if f"call={call}" in line]
    # On a bad day an event and a request may both be the first to record it.
    written = (1, 2) if patience.patient else (1,)
    for action in ("started", "paused", "resumed", "stopped"):
        assert len([line for line in log if f"recording-{action} by " in line]) in written
    assert kept["recordingId"] not in one_host.log.read_text()
    assert "asm.skype.com" not in one_host.log.read_text()


async def test_only_who_has_the_role_and_sees_the_call_may_record_it(
    one_host: Host, people: People
) -> None:
    recorder, call = await connected(people, one_host)
    stranger, without = people(one_host, "stranger", "without")
    stranger.sign_in("Calls.Record")
    without.sign_in(*MANAGER)

    for action in ("start", "pause", "resume", "stop"):
        for somebody, path, status, code in (
            (stranger, call, 404, "not-found"),
            (recorder, "0" * 32, 404, "not-found"),
            (recorder, "no-id", 404, "not-found"),
            (without, call, 403, "forbidden"),
        ):
            refused = await record(somebody, path, action)
            assert (refused.status, refused.json["code"]) == (status, code), (action, path)
    manager = people(one_host, "manager")[0]
    manager.sign_in(*RECORDER)
    assert (await record(manager, call, "start")).status == 202


async def test_what_is_wrong_with_a_request_is_told(one_host: Host, people: People) -> None:
    recorder, call = await connected(people, one_host)
    path = f"/calls/{call}/recording"

    bodies: list[object] = [{}, {"action": "play"}, {"action": "start", "format": "wav"}, [], None]
    for body in bodies:
        wrong = await recorder.ask(path, "POST", body, **{"Idempotency-Key": "key"})
        assert wrong.status in (400, 415), body
    without_key = await recorder.ask(path, "POST", {"action": "start"})
    assert without_key.status == 400
    assert "Idempotency-Key" in str(without_key.json)
    for action in ("pause", "resume", "stop"):
        refused = await record(recorder, call, action)
        assert (refused.status, refused.json["code"]) == (409, "not-recorded")
    assert "recording" not in (await recorder.ask(f"/calls/{call}")).json


async def test_a_start_with_the_same_key_is_one_recording_and_another_is_refused(
    one_host: Host, people: People, acs: Control
) -> None:
    recorder, call = await connected(people, one_host)
    started = [await record(recorder, call, "start", "key") for _ in range(2)]
    await watched(recorder, call, is_in("recording"))

    other = await record(recorder, call, "start", "another-key")
    stopped = [await record(recorder, call, "stop") for _ in range(2)]
    again = await record(recorder, call, "start", "key")
    second = await record(recorder, call, "start", "another-key")

    assert {one.json["id"] for one in (*started, *stopped, again)} == {started[0].json["id"]}
    assert (other.status, other.json["code"]) == (409, "recording-in-progress")
    assert {one.status for one in (*started, *stopped, again, second)} == {202}
    assert again.json["state"] == "stopped"
    assert second.json["id"] != started[0].json["id"]
    await watched(recorder, call, is_in("recording"))
    assert len(await recordings_in_acs(acs, call)) == 2


async def test_two_hosts_that_are_asked_at_once_start_one_recording(
    one_host: Host, start_host: StartHost, people: People, acs: Control
) -> None:
    recorder, call = await connected(people, one_host)
    other = recorder.at(await start_host(CALLBACK_BASE_URL=one_host.api.removesuffix("/api")))

    started = await asyncio.gather(
        *(record(one, call, "start", "key") for one in (recorder, other) for _ in range(3))
    )

    assert {one.status for one in started} == {202}
    assert len({one.json["id"] for one in started}) == 1
    assert len(await recordings_in_acs(acs, call)) == 1
    await watched(recorder, call, is_in("recording"))


async def test_a_recording_ends_with_its_call(one_host: Host, people: People, acs: Control) -> None:
    await subscribe(acs, one_host)
    recorder, call = await connected(people, one_host)
    await recorded(recorder, call)

    assert (await recorder.ask(f"/calls/{call}", "DELETE")).status == 204

    seen = await watched(recorder, call, is_filed)
    assert seen["recording"]["state"] == "stopped"
    for action in ("start", "pause", "resume"):
        refused = await record(recorder, call, action)
        assert (refused.status, refused.json["code"]) == (409, "call-ended"), action


async def test_a_call_that_rings_is_not_recorded(
    one_host: Host, people: People, acs: Control
) -> None:
    bob, recorder = people(one_host, "bob", "recorder")
    recorder.sign_in(*RECORDER)
    await bob.token()
    await acs.put("farEnds", {"default": {"answer": "ring"}})
    placed = await place(recorder, {"user": bob.id})

    refused = await record(recorder, placed.json["id"], "start")

    assert (refused.status, refused.json["code"]) == (409, "call-ended")
    assert await recordings_in_acs(acs, placed.json["id"]) == []


async def test_a_call_that_acs_has_lost_is_not_recorded(
    one_host: Host, people: People, acs: Control
) -> None:
    recorder, call = await connected(people, one_host)
    await acs.put("callbacks", {"hold": True})
    connection = (await in_acs(acs, call))["callConnectionId"]
    bob = (await recorder.ask(f"/calls/{call}")).json["participants"][0]
    assert bob
    raw_id = (await in_acs(acs, call))["targets"][0]["rawId"]
    await acs.post(f"calls/{connection}/hangUp", {"participant": raw_id})

    refused = await record(recorder, call, "start")

    assert (refused.status, refused.json["code"]) == (409, "call-ended")
    seen = (await recorder.ask(f"/calls/{call}")).json
    assert seen["recording"]["state"] == "failed"


@pytest.mark.parametrize("action", ["start", "pause", "resume", "stop"])
async def test_an_answer_that_is_lost_is_made_good(
    one_host: Host, people: People, acs: Control, action: str
) -> None:
    recorder, call = await connected(people, one_host)
    if action != "start":
        await recorded(recorder, call)
    if action == "resume":
        await record(recorder, call, "pause")
        await watched(recorder, call, is_in("paused"))
    await acs.fault(f"{action}Recording", drop="after", times=1)

    asked = await record(recorder, call, action)

    assert asked.status == 202, asked
    states = {"start": "recording", "pause": "paused", "resume": "recording", "stop": "stopped"}
    await watched(recorder, call, is_in(states[action]))
    assert len(await recordings_in_acs(acs, call)) == 1


@pytest.mark.parametrize("action", ["start", "pause", "stop"])
async def test_while_acs_is_down_it_says_so_and_a_repetition_finishes_it(
    one_host: Host, people: People, acs: Control, action: str
) -> None:
    recorder, call = await connected(people, one_host)
    if action != "start":
        await recorded(recorder, call)
    fault = await acs.fault(f"{action}Recording", status=503)

    down = await record(recorder, call, action, "key")
    assert (down.status, down.json["code"]) == (503, "communication-unavailable")
    assert "Retry-After" in down.headers
    assert fault
    await acs.clear()

    assert (await record(recorder, call, action, "key")).status == 202
    states = {"start": "recording", "pause": "paused", "stop": "stopped"}
    await watched(recorder, call, is_in(states[action]))
    assert len(await recordings_in_acs(acs, call)) == 1


async def test_what_acs_refuses_has_failed(one_host: Host, people: People, acs: Control) -> None:
    recorder, call = await connected(people, one_host)
    body = {"error": {"code": "8553", "message": "secret of 4:+14255550123"}}
    await acs.fault("startRecording", status=400, body=body, times=1)

    refused = await record(recorder, call, "start", "key")

    assert (refused.status, refused.json["code"]) == (400, "call-refused")
    seen = (await recorder.ask(f"/calls/{call}")).json
    assert seen["recordings"][0]["state"] == "failed"
    assert "secret" not in str(seen) + str(refused) + one_host.log.read_text()
    assert (await record(recorder, call, "start", "another")).status == 202


async def test_a_recording_that_acs_has_ended_is_not_paused(
    one_host: Host, people: People, acs: Control
) -> None:
    recorder, call = await connected(people, one_host)
    await recorded(recorder, call)
    body = {"error": {"code": "8522", "message": "Recording not found."}}
    await acs.fault("pauseRecording", status=404, body=body, times=1)

    refused = await record(recorder, call, "pause")

    assert (refused.status, refused.json["code"]) == (409, "not-recorded")
    assert (await recorder.ask(f"/calls/{call}")).json["recording"]["state"] == "stopped"


async def test_the_export_lists_recordings(one_host: Host, people: People) -> None:
    recorder, call = await connected(people, one_host)
    id_ = await recorded(recorder, call)

    exported = (await recorder.export()).json["held"]["calls"]

    assert [(one["id"], one["state"]) for one in exported[0]["recordings"]] == [(id_, "recording")]


async def test_a_call_has_so_many_recordings(one_host: Host, people: People, stack: Stack) -> None:
    recorder, call = await connected(people, one_host)
    for number, status in ((MOST_RECORDINGS - 1, 202), (MOST_RECORDINGS, 429)):
        await store_ended(stack, call, number)
        started = await record(recorder, call, "start", key=f"after-{number}")
        assert started.status == status

    assert started.json["code"] == "too-many-actions"


async def store_ended(stack: Stack, call: str, number: int) -> None:
    """Have these be the recordings of a call, instead of its own."""
    at = datetime.now(UTC) - timedelta(seconds=9)
    ended = [Recording(f"{n}", at, acs_id=f"acs {n}", ended_at=at) for n in range(number)]
    async with table(stack, CALLS) as rows:
        found = Call.of(sdk_row(await rows.get_entity(call, "call")))
        told = replace(found, recordings=Recordings(tuple(ended)))
        await rows.update_entity({"PartitionKey": call, "RowKey": "call", **told.values()})
