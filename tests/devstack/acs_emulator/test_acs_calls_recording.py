"""Recordings in the emulator: their states, events and files, and the clients that may get the
files."""

import io
import json
import signal
import wave
from pathlib import Path
from typing import Any

import pytest

from tests.devstack.acs_emulator.acs_fixtures import (
    API_VERSION,
    emulator,
    issuer,
    running_emulator,
)
from tests.devstack.acs_emulator.call_fixtures import (
    OTHER_PHONE,
    PHONE,
    CallsCaller,
    Receiver,
    calling,
    calls,
    receiver,
    receiving,
    repeatable,
)
from tests.devstack.acs_emulator.event_grid_fixtures import (
    NO_ISSUER,
    Grid,
    Webhook,
    grid,
    serving,
    webhook,
)
from tests.devstack.acs_emulator.recording_fixtures import (
    STORAGE,
    WAV,
    chunk,
    recorded,
    server_call,
    started,
    stored,
)
from tests.devstack.emulator_fixtures import TokenIssuer

__all__ = ["calls", "emulator", "grid", "issuer", "receiver", "webhook"]

FILE = "Microsoft.Communication.RecordingFileStatusUpdated"


async def state(calls: CallsCaller, recording: str) -> str:
    answer = await recorded(calls, "GET", f"/{recording}")
    assert answer.status == 200, answer
    assert answer.json["recordingId"] == recording
    assert answer.json["recordingKind"] == "azureCommunicationServices"
    return str(answer.json["recordingState"])


async def file_of(
    calls: CallsCaller, receiver: Receiver, grid: Grid, webhook: Webhook, **more: object
) -> dict[str, Any]:
    """The chunk of a recording that was stopped."""
    await grid.subscribed(webhook)
    _, recording = await started(calls, receiver, **more)
    assert (await recorded(calls, "DELETE", f"/{recording}")).status == 204
    [arrival] = await webhook.until_told(1)
    return chunk(arrival.event)


async def test_a_recording_from_its_start_to_its_end(
    calls: CallsCaller, receiver: Receiver, grid: Grid, webhook: Webhook
) -> None:
    await grid.subscribed(webhook)
    connection, recording = await started(calls, receiver, **WAV)
    await receiver.event("RecordingStateChanged", 2)

    assert await state(calls, recording) == "active"
    for _ in range(2):  # a second time changes nothing
        assert (await recorded(calls, "POST", f"/{recording}:pause")).status == 202
    assert await state(calls, recording) == "inactive"
    assert (await recorded(calls, "POST", f"/{recording}:resume")).status == 202
    assert await state(calls, recording) == "active"
    assert (await recorded(calls, "DELETE", f"/{recording}")).status == 204
    await receiver.event("RecordingStateChanged", 5)

    gone = await recorded(calls, "GET", f"/{recording}")
    assert gone.error[:3] == (404, "8522", "Recording not found.")
    states = [event["data"] for event in receiver.named("RecordingStateChanged")]
    assert [one["state"] for one in states] == [
        *("inactive", "active", "inactive", "active", "inactive")
    ]
    assert states[0]["startDateTime"] == "0001-01-01T00:00:00+00:00"
    assert len({one["startDateTime"] for one in states[1:]}) == 1
    assert {one["recordingId"] for one in states} == {recording}
    [endpoint] = {one["callConnectionId"] for one in states}
    assert endpoint != connection  # recorded: it is of the recording, and no call has it
    call = await calls.seen(connection)
    assert {one["serverCallId"] for one in states} == {call["serverCallId"]}
    [arrival] = await webhook.until_told(1)
    event, location = arrival.event, chunk(arrival.event)["deleteLocation"]
    assert event["eventType"] == FILE
    assert event["subject"].endswith(
        f"/serverCallId/{call['serverCallId']}/recordingId/{recording}"
    )
    assert location.startswith(f"{STORAGE}/v1/objects/0-dev-")
    assert chunk(event) == {
        "documentId": location.rpartition("/")[2],
        "index": 0,
        "endReason": "SessionEnded",
        "contentLocation": f"{location}/content/video",
        "metadataLocation": f"{location}/content/acsmetadata",
        "deleteLocation": location,
    }
    assert event["data"]["recordingFormatType"] == "Wav"
    assert event["data"]["sessionEndReason"] == "InitiatorLeft"


@pytest.mark.parametrize("how", ["terminate", "hang up", "they hang up"])
async def test_a_recording_ends_with_its_call(
    calls: CallsCaller, receiver: Receiver, grid: Grid, webhook: Webhook, how: str
) -> None:
    await grid.subscribed(webhook)
    connection, recording = await started(calls, receiver)
    match how:
        case "terminate":
            await calls.ask("POST", f"/{connection}:terminate")
        case "hang up":
            await calls.ask("DELETE", f"/{connection}")
        case _:
            await calls.does(connection, "hangUp", participant=PHONE)

    [arrival] = await webhook.until_told(1)
    assert arrival.event["data"]["sessionEndReason"] == "CallEnded"
    assert arrival.event["subject"].endswith(f"/recordingId/{recording}")
    assert (await recorded(calls, "GET", f"/{recording}")).status == 404


async def test_a_call_that_goes_on_keeps_its_recording(
    calls: CallsCaller, receiver: Receiver
) -> None:
    connection, recording = await started(calls, receiver)
    await calls.add(connection, OTHER_PHONE)
    await receiver.event("AddParticipantSucceeded")

    await calls.does(connection, "hangUp", participant=PHONE)

    assert await state(calls, recording) == "active"


async def test_a_start_that_comes_again_is_one_recording(
    calls: CallsCaller, receiver: Receiver
) -> None:
    connection = await calls.connected(receiver, PHONE)
    call = (await calls.ask("GET", f"/{connection}")).json["serverCallId"]
    headers = repeatable()

    answers = [
        await recorded(calls, "POST", "", server_call(call), headers=headers) for _ in range(2)
    ]
    other = await recorded(calls, "POST", "", server_call(call), headers=repeatable())

    assert answers[0].json == answers[1].json
    assert answers[0].json["recordingState"] == "inactive"  # as recorded
    assert answers[0].headers["repeatability-result"] == "accepted"
    assert other.error[0] == 409


async def test_a_call_is_named_in_three_ways(calls: CallsCaller, receiver: Receiver) -> None:
    connection = await calls.connected(receiver, PHONE)
    by_connection = await recorded(calls, "POST", "", {"callConnectionId": connection})
    assert by_connection.status == 202
    assert by_connection.json["recordingId"]
    group = "0d4b3bc6-8d32-4a6c-8b4f-2f2d3d3f6f10"
    locator = {"kind": "groupCallLocator", "groupCallId": group}
    joining = {"callbackUri": receiver.url, "callLocator": locator}
    assert (await calls.ask("POST", ":connect", joining)).status == 200
    await receiver.event("CallConnected", 2)
    assert (await recorded(calls, "POST", "", {"callLocator": locator})).status == 200


async def test_channels_may_be_for_somebody_who_is_not_in_the_call(
    calls: CallsCaller, receiver: Receiver
) -> None:
    """As in Microsoft's own tests, whose sessions are recorded."""
    nobody = {"channel": 0, "participant": {"rawId": "testId", "kind": "unknown"}}

    await started(calls, receiver, recordingChannelType="unmixed", channelAffinity=[nobody])


async def test_a_recording_may_begin_with_a_pause(calls: CallsCaller, receiver: Receiver) -> None:
    _, recording = await started(calls, receiver, pauseOnStart=True)
    await receiver.event("RecordingStateChanged")
    assert await state(calls, recording) == "inactive"

    await recorded(calls, "POST", f"/{recording}:resume")

    assert (await receiver.event("RecordingStateChanged", 2))["data"]["state"] == "active"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        (server_call("bm8gc3VjaCBjYWxs"), 404),
        ({"callConnectionId": "none"}, 404),
        ({"callLocator": {"kind": "groupCallLocator", "groupCallId": API_VERSION}}, 400),
        ({"callLocator": {"kind": "roomCallLocator", "roomId": "1"}}, 501),
        ({**WAV, "recordingFormatType": "mp4"}, 400),
        ({**WAV, "recordingFormatType": "flac"}, 400),
        ({"recordingStateCallbackUri": "http://example.com/"}, 400),
        (
            {
                "externalStorage": {
                    "recordingStorageKind": "azureBlobStorage",
                    "recordingDestinationContainerUrl": "https://a.blob.core.windows.net/c",
                }
            },
            501,
        ),
    ],
)
async def test_what_cannot_be_recorded_says_so(
    calls: CallsCaller, body: dict[str, Any], status: int
) -> None:
    assert (await recorded(calls, "POST", "", body)).status == status


async def test_a_call_that_has_ended_or_rings_is_not_recorded(
    calls: CallsCaller, receiver: Receiver
) -> None:
    await calls.far_ends({OTHER_PHONE: {"answer": "ring"}})
    ringing = await calls.place(receiver, OTHER_PHONE)
    call = (await calls.seen(ringing))["serverCallId"]
    assert (await recorded(calls, "POST", "", server_call(call))).error[:2] == (400, "8501")
    await calls.ask("POST", f"/{ringing}:terminate")
    assert (await recorded(calls, "POST", "", server_call(call))).error[:2] == (404, "8522")


async def test_a_file_lasts_as_long_as_was_recorded(
    calls: CallsCaller, receiver: Receiver, grid: Grid, webhook: Webhook
) -> None:
    file = await file_of(calls, receiver, grid, webhook, **WAV)

    content = await stored(calls, "GET", file["contentLocation"])
    metadata = await stored(calls, "GET", file["metadataLocation"])

    assert content.status == metadata.status == 200
    assert content.content_type == "application/octet-stream"
    told = webhook.told[0].event["data"]["recordingDurationMs"]
    with wave.open(io.BytesIO(await content.read())) as sound:
        assert (sound.getframerate(), sound.getnchannels()) == (16000, 1)
        assert sound.getnframes() == 16000 * told // 1000
    seen = json.loads(await metadata.read())
    assert seen["chunkDuration"] == told
    assert seen["chunkDocumentId"] == file["documentId"]
    assert PHONE in {one["participantId"] for one in seen["participants"]}
    part = await stored(calls, "GET", file["contentLocation"], Range="bytes=4-9")
    assert (part.status, await part.read()) == (206, (await content.read())[4:10])
    assert part.headers["Content-Range"] == f"bytes 4-9/{len(await content.read())}"
    beyond = await stored(calls, "GET", file["contentLocation"], Range="bytes=99999999-")
    assert beyond.status == 416


@pytest.mark.parametrize(
    ("media", "begins"),
    [
        ({}, b"\0\0\0\x1cftypisom"),
        ({"recordingContentType": "audio"}, b"\xff\xf3\x48\xc4"),
        ({"recordingChannelType": "unmixed"}, b"RIFF"),
    ],
)
async def test_a_file_has_its_format(
    calls: CallsCaller,
    receiver: Receiver,
    grid: Grid,
    webhook: Webhook,
    media: dict[str, str],
    begins: bytes,
) -> None:
    file = await file_of(calls, receiver, grid, webhook, **media)

    content = await (await stored(calls, "GET", file["contentLocation"])).read()

    assert content.startswith(begins)


async def test_a_file_is_deleted_once(
    calls: CallsCaller, receiver: Receiver, grid: Grid, webhook: Webhook
) -> None:
    file = await file_of(calls, receiver, grid, webhook)

    answers = [await stored(calls, "DELETE", file["deleteLocation"]) for _ in range(2)]
    gone = await stored(calls, "GET", file["contentLocation"])

    assert [one.status for one in answers] == [200, 404]
    assert (gone.status, await gone.read()) == (404, b"")
    [seen] = [
        one
        for one in (await calls.inspect("GET", "recordings")).json["recordings"]
        if one["documentId"] == file["documentId"]
    ]
    assert seen["isDeleted"]


async def test_only_the_resource_may_have_the_file(
    calls: CallsCaller, receiver: Receiver, grid: Grid, webhook: Webhook, issuer: TokenIssuer
) -> None:
    file = await file_of(calls, receiver, grid, webhook)
    location = file["metadataLocation"]

    unsigned = await calls.send("GET", location.removeprefix(STORAGE))
    other_host = await stored(calls, "GET", location, host="other.communication.azure.com")
    other_path = await stored(calls, "GET", f"{location}?x=1", Authorization="HMAC-SHA256 none")
    bearer = f"Bearer {issuer.token()}"
    with_token = await calls.send(
        "GET", location.removeprefix(STORAGE), headers={"Authorization": bearer}
    )
    with_port = await stored(calls, "GET", location, host=f"127.0.0.1:{calls.emulator.port}")
    unknown = await stored(calls, "GET", f"{STORAGE}/v1/objects/0-dev-d1-0/content/video")

    assert (unsigned.status, unsigned.text) == (401, "")
    assert other_host.status == other_path.status == 401
    assert with_token.status == with_port.status == 200
    assert unknown.status == 404


async def test_a_kill_ends_a_recording_and_keeps_its_file(tmp_path: Path) -> None:
    webhook = Webhook()
    async with serving(webhook):
        event_grid = ["--event-webhook", webhook.url]
        with running_emulator(tmp_path, NO_ISSUER, *event_grid) as emulator:
            async with receiving(emulator) as receiver:
                async with calling(emulator) as calls:
                    _, recording = await started(calls, receiver)
                    await receiver.event("RecordingStateChanged", 2)

                emulator.stop(signal.SIGKILL)
                emulator.start()

                [arrival] = await webhook.until_told(1)
                async with calling(emulator) as calls:
                    assert (await recorded(calls, "GET", f"/{recording}")).status == 404
                    location = chunk(arrival.event)["contentLocation"]
                    assert (await stored(calls, "GET", location)).status == 200

    assert arrival.event["data"]["sessionEndReason"] == "CallEnded"
