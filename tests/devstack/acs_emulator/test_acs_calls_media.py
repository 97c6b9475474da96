"""What an app plays to a call."""

from typing import Any

import pytest

from devstack.well_known import SPEECH_ENDPOINT
from tests.devstack.acs_emulator.acs_fixtures import emulator, issuer
from tests.devstack.acs_emulator.call_fixtures import (
    OTHER_PHONE,
    CallsCaller,
    Receiver,
    calls,
    phone,
    receiver,
)

__all__ = ["calls", "emulator", "issuer", "receiver"]

FILE = {"kind": "file", "file": {"uri": "https://audio.example.com/a.wav"}}
BAD = {"kind": "file", "file": {"uri": "https://audio.example.com/bad.wav"}}
TEXT = {"kind": "text", "text": {"text": "hello", "voiceName": "en-US-NancyNeural"}}
SSML = {"kind": "ssml", "ssml": {"ssmlText": "<speak/>"}}


@pytest.fixture
async def connection(calls: CallsCaller, receiver: Receiver) -> str:
    """Of a call that has just been connected, its first events not counted."""
    made = await calls.connected(receiver, "4:+14255550123")
    receiver.events.clear()
    return made


@pytest.mark.parametrize("play_to", [[], [phone()]])
async def test_a_file_is_played_to_all_or_to_some(
    calls: CallsCaller, receiver: Receiver, connection: str, play_to: list[dict[str, Any]]
) -> None:
    answer = await calls.play(connection, playTo=play_to, operationContext="welcome")

    assert (answer.status, answer.text) == (202, "")
    completed = await receiver.event("PlayCompleted")
    assert receiver.names == ["PlayStarted", "PlayCompleted"]
    assert [e["data"]["operationContext"] for e in receiver.events] == ["welcome", "welcome"]
    assert completed["data"]["resultInformation"] == {"code": 200, "subCode": 0, "message": ""}


async def test_nothing_is_played_to_somebody_who_is_not_there(
    calls: CallsCaller, connection: str
) -> None:
    refused = await calls.play(connection, playTo=[phone(OTHER_PHONE)])

    assert refused.status == 404


async def test_operations_come_one_after_the_other(
    calls: CallsCaller, receiver: Receiver, connection: str
) -> None:
    await calls.play(connection, operationContext="first")
    await calls.play(connection, operationContext="second")
    await receiver.event("PlayCompleted", 2)

    assert receiver.names == ["PlayStarted", "PlayCompleted"] * 2
    contexts = [event["data"]["operationContext"] for event in receiver.events]
    assert contexts == ["first", "first", "second", "second"]


async def test_a_loop_goes_on_until_it_is_canceled(
    calls: CallsCaller, receiver: Receiver, connection: str
) -> None:
    await calls.far_ends(playMs=0)
    await calls.play(connection, playOptions={"loop": True}, operationContext="music")
    await calls.play(connection, operationContext="waiting")
    await receiver.event("PlayStarted")
    assert (await calls.seen(connection))["media"] == ["play", "play"]

    answer = await calls.ask("POST", f"/{connection}:cancelAllMediaOperations")

    assert answer.status == 202
    await receiver.event("PlayCanceled", 2)
    canceled = [event["data"] for event in receiver.named("PlayCanceled")]
    assert [data["operationContext"] for data in canceled] == ["music", "waiting"]
    assert {data["resultInformation"]["subCode"] for data in canceled} == {8508}
    assert (await calls.seen(connection))["media"] == []
    await calls.play(connection)
    await receiver.event("PlayCompleted")


async def test_an_interrupting_operation_takes_the_place_of_others(
    calls: CallsCaller, receiver: Receiver, connection: str
) -> None:
    await calls.play(connection, playOptions={"loop": True})
    await receiver.event("PlayStarted")

    await calls.play(connection, interruptCallMediaOperation=True, operationContext="now")

    completed = await receiver.event("PlayCompleted")
    assert completed["data"]["operationContext"] == "now"
    assert receiver.names == ["PlayStarted", "PlayCanceled", "PlayStarted", "PlayCompleted"]


async def test_what_is_playing_is_canceled_when_the_call_ends(
    calls: CallsCaller, receiver: Receiver, connection: str
) -> None:
    await calls.play(connection, playOptions={"loop": True})
    await receiver.event("PlayStarted")

    await calls.ask("POST", f"/{connection}:terminate")

    await receiver.event("CallDisconnected")
    assert receiver.names == ["PlayStarted", "PlayCanceled", "CallDisconnected"]


@pytest.mark.parametrize(
    ("fault", "code", "sub_code"),
    [("badFormat", 400, 8535), ("notDownloadable", 400, 8536), ("error", 500, 9999)],
)
async def test_a_file_that_cannot_be_played_is_named(
    calls: CallsCaller,
    receiver: Receiver,
    connection: str,
    fault: str,
    code: int,
    sub_code: int,
) -> None:
    await calls.far_ends(sources={BAD["file"]["uri"]: fault}, playMs=0)  # type: ignore[index]
    await calls.play(connection, playSources=[FILE, BAD])

    failed = (await receiver.event("PlayFailed"))["data"]

    assert failed["failedPlaySourceIndex"] == 1
    result = failed["resultInformation"]
    assert (result["code"], result["subCode"]) == (code, sub_code)
    assert receiver.names == ["PlayStarted", "PlayFailed"]


async def test_what_fails_at_its_first_source_has_not_started(
    calls: CallsCaller, receiver: Receiver, connection: str
) -> None:
    await calls.far_ends(sources={BAD["file"]["uri"]: "badFormat"}, playMs=0)  # type: ignore[index]
    await calls.play(connection, playSources=[BAD, FILE])
    await receiver.event("PlayFailed")
    await calls.play(connection, playSources=[FILE])
    await receiver.event("PlayCompleted")

    assert receiver.names == ["PlayFailed", "PlayStarted", "PlayCompleted"]
    assert receiver.events[0]["data"]["failedPlaySourceIndex"] == 0


@pytest.mark.parametrize("source", [TEXT, SSML])
async def test_speech_needs_a_speech_service(
    calls: CallsCaller, receiver: Receiver, connection: str, source: dict[str, Any]
) -> None:
    refused = await calls.play(connection, playSources=[source])
    assert refused.status == 400
    assert "cognitiveServicesEndpoint" in refused.error[2]

    intelligence = {"cognitiveServicesEndpoint": SPEECH_ENDPOINT}
    other = await calls.place(receiver, OTHER_PHONE, callIntelligenceOptions=intelligence)
    await receiver.event("ParticipantsUpdated")
    assert (await calls.play(other, playSources=[source])).status == 202
    await receiver.event("PlayCompleted")


@pytest.mark.parametrize(
    "sources",
    [
        [],
        [{"kind": "file"}],
        [{"kind": "file", "file": {"uri": "/a.wav"}}],
        [{"kind": "file", "text": {"text": "hello"}}],
        [{"kind": "song", "file": {"uri": "https://a.example.com/a.wav"}}],
        "https://a.example.com/a.wav",
    ],
)
async def test_what_is_no_source_is_refused(
    calls: CallsCaller, connection: str, sources: object
) -> None:
    refused = await calls.play(connection, playSources=sources)

    assert refused.error[:2] == (400, "400")
    assert refused.error[2].startswith("The field PlaySources is invalid.")


async def test_so_many_operations_wait_and_others_are_refused(
    calls: CallsCaller, connection: str
) -> None:
    await calls.far_ends(playMs=60_000)

    answers = [await calls.play(connection) for _ in range(101)]
    instead = await calls.play(connection, interruptCallMediaOperation=True)

    assert [answer.status for answer in answers] == [202] * 100 + [429]
    assert instead.status == 202
    await calls.ask("DELETE", f"/{connection}")
