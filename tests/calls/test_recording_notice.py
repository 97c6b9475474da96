"""The notice before a recording: it is heard first, or nothing is recorded."""

from collections.abc import AsyncIterator, Awaitable

import pytest

from tests.calls.recording import connected, is_in, record, recordings_in_acs
from tests.calls.test_call_kills import AGAIN, HELD
from tests.calls.test_calls import in_acs, watched
from tests.meetings.test_meeting_kills import around, asked, covered
from tests.support.api import Reply
from tests.support.control import Control
from tests.support.kills import kill_all
from tests.support.patience import or_more
from tests.support.people import People, Person
from tests.support.sampling import Few
from tests.support.stack import Host, StartHost
from tests.support.table_proxy import TableProxy

NOTICE = "This call is recorded."
URL = "https://audio.example.com/notice.wav"
# What the end of the notice comes as.
END = ["PlayCompleted", "PlayFailed", "PlayCanceled"]
ANNOUNCING = around(
    ("tables", "update", 0),  # the record, with what is wanted
    ("acs", "play", 0),
    ("tables", "update", 1),  # the record, once ACS has accepted the notice
)


@pytest.fixture(autouse=True)
async def quickly(acs: Control) -> AsyncIterator[None]:
    await acs.put("farEnds", {"default": {"afterMs": 5}, "playMs": 5})
    yield
    await acs.put("callbacks", {})
    await acs.put("farEnds", {})


@pytest.fixture(params=[NOTICE, URL])
async def host(request: pytest.FixtureRequest, start_host: StartHost) -> Host:
    return await start_host(RECORDING_NOTICE=request.param)


async def test_a_recording_begins_when_the_notice_is_over(
    host: Host, people: People, acs: Control
) -> None:
    recorder, call = await connected(people, host)
    await acs.put("callbacks", {"hold": END})

    started = await record(recorder, call, "start", "key")
    await acs.events_held(1)
    again = await record(recorder, call, "start", "key")
    paused = await record(recorder, call, "pause")

    assert (started.status, started.json["state"]) == (202, "announcing")
    assert (again.json["id"], again.json["state"]) == (started.json["id"], "announcing")
    assert paused.json["code"] == "not-recorded"
    assert await recordings_in_acs(acs, call) == []
    played = [one["type"] for one in (await in_acs(acs, call))["callbacks"]]
    assert len([one for one in played if one.endswith("PlayStarted")]) == or_more(1)
    await acs.put("callbacks", {})
    await watched(recorder, call, is_in("recording"))
    assert len(await recordings_in_acs(acs, call)) == 1
    seen = (await recorder.ask(f"/calls/{call}")).json
    assert seen["actions"] == []


async def test_what_nobody_has_heard_is_not_recorded(
    start_host: StartHost, people: People, acs: Control
) -> None:
    host = await start_host(RECORDING_NOTICE=URL)
    recorder, call = await connected(people, host)
    await acs.put("farEnds", {"sources": {URL: "notDownloadable"}})

    assert (await record(recorder, call, "start")).status == 202

    seen = await watched(recorder, call, is_in("failed"))
    assert "notice" in seen["recordings"][0]["reason"]["message"]
    assert await recordings_in_acs(acs, call) == []


async def test_what_is_stopped_during_the_notice_is_not_recorded(
    start_host: StartHost, people: People, acs: Control
) -> None:
    recorder, call = await connected(people, await start_host(RECORDING_NOTICE=NOTICE))
    await acs.put("callbacks", {"hold": END})
    await record(recorder, call, "start")
    await acs.events_held(1)

    stopped = await record(recorder, call, "stop")
    await acs.put("callbacks", {})

    assert (stopped.status, stopped.json["state"]) == (202, "stopped")
    await watched(
        recorder, call, lambda now: any(one["type"] == "PlayCompleted" for one in now["events"])
    )
    assert await recordings_in_acs(acs, call) == []
    assert is_in("stopped")((await recorder.ask(f"/calls/{call}")).json)


async def test_a_start_that_fails_after_the_notice_is_made_good_when_acs_tells_again(
    start_host: StartHost, people: People, acs: Control
) -> None:
    recorder, call = await connected(people, await start_host(RECORDING_NOTICE=NOTICE))
    await acs.put("callbacks", AGAIN)
    await acs.fault("startRecording", status=503, times=4)

    assert (await record(recorder, call, "start")).status == 202

    await watched(recorder, call, is_in("recording"))
    assert len(await recordings_in_acs(acs, call)) == 1


async def test_a_notice_killed_anywhere_is_heard_before_the_recording_when_it_is_repeated(
    tables: TableProxy,
    acs: Control,
    start_host: StartHost,
    people: People,
    controls: dict[str, Control],
    sample: Few,
) -> None:
    host = await start_host(
        TABLES_CONNECTION_STRING=tables.connection_string,
        UPSTREAM_TIMEOUT_SECONDS="60",
        RECORDING_NOTICE=NOTICE,
    )
    steps = sample(ANNOUNCING)
    pairs = [await connected(people, host, f"recorder {n}") for n in range(1 + len(steps))]
    await acs.put("callbacks", HELD)

    def start(recorder: Person, call: str) -> Awaitable[Reply]:
        return record(recorder, call, "start", "key")

    first, *calls = pairs
    assert await asked(tables, acs, start(*first), "acs") == covered(ANNOUNCING)
    cut_short = zip(steps, [start(*one) for one in calls], strict=True)
    await kill_all(cut_short, host, controls)
    replies = [await start(*one) for one in calls]
    await acs.put("callbacks", AGAIN)

    assert {reply.status for reply in replies} == {202}
    for step, (recorder, call) in zip(steps, calls, strict=True):
        await watched(recorder, call, is_in("recording"))
        assert len(await recordings_in_acs(acs, call)) == 1, step


async def test_a_host_that_dies_when_the_notice_is_over_starts_once_acs_tells_again(
    tables: TableProxy,
    acs: Control,
    start_host: StartHost,
    people: People,
) -> None:
    host = await start_host(
        TABLES_CONNECTION_STRING=tables.connection_string, RECORDING_NOTICE=NOTICE
    )
    recorder, call = await connected(people, host)
    await acs.put("callbacks", {"retryMs": 50, "attempts": 20})
    fault = await acs.fault("startRecording", hold="before", times=1)

    assert (await record(recorder, call, "start")).status == 202
    await acs.held(fault)
    host.kill()
    await acs.clear()
    await host.start()

    await watched(recorder, call, is_in("recording"))
    assert len(await recordings_in_acs(acs, call)) == 1
