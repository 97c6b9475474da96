"""Recording a call over HTTP: who may, what it says, and where the file goes."""

from collections import Counter
from typing import Any

import pytest

from tests.bot_calls.incoming import subscribe
from tests.calls.recording import (
    RECORDER,
    connected,
    has_file,
    is_in,
    record,
    recorded,
    recordings_in_acs,
    until,
)
from tests.calls.test_calls import MANAGER, watched
from tests.support.control import Control
from tests.support.people import People
from tests.support.stack import Host, StartHost

SOON = {"retryMs": 50, "attempts": 12}


@pytest.fixture(autouse=True)
async def quickly(acs: Control) -> Any:
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
    assert started.json["state"] == "starting"
    seen = await watched(recorder, call, is_in("recording"))
    assert seen["recording"]["since"] >= started.json["askedAt"][:10]
    assert (await record(recorder, call, "pause")).status == 202
    await watched(recorder, call, is_in("paused"))
    assert (await record(recorder, call, "resume")).status == 202
    await watched(recorder, call, is_in("recording"))
    stopped = await record(recorder, call, "stop")
    assert (stopped.status, stopped.json["state"]) == (202, "stopped")

    ended = await watched(recorder, call, has_file)
    [one] = ended["recordings"]
    assert (one["id"], one["state"]) == (started.json["id"], "stopped")
    [in_acs] = await recordings_in_acs(acs, call)
    [file] = one["files"]
    assert file == {
        "contentLocation": f"https://storage.asm.skype.com/v1/objects/{in_acs['documentId']}"
        "/content/video",
        "metadataLocation": f"https://storage.asm.skype.com/v1/objects/{in_acs['documentId']}"
        "/content/acsmetadata",
    }
    kinds = Counter(event["type"] for event in ended["events"])
    assert kinds["RecordingFileStatusUpdated"] == 1
    assert kinds["RecordingStateChanged"] >= 4
    listed = (await recorder.ask("/calls")).json["calls"][0]
    assert listed["recording"]["state"] == "stopped"
    log = one_host.log.read_text()
    for action in ("started", "paused", "resumed", "stopped"):
        assert log.count(f"recording-{action} by ") == 1
    assert in_acs["recordingId"] not in log
    assert "asm.skype.com" not in log
