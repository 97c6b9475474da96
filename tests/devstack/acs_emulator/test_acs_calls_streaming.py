"""Media streaming: the sound of a call over a WebSocket that the emulator opens to the app."""

import uuid
from datetime import datetime

import pytest

from tests.devstack.acs_emulator.acs_fixtures import emulator, issuer
from tests.devstack.acs_emulator.call_fixtures import (
    OTHER_PHONE,
    PHONE,
    CallsCaller,
    Receiver,
    calls,
    new_call,
    phone,
    receiver,
)
from tests.devstack.acs_emulator.event_grid_fixtures import Grid, grid
from tests.devstack.acs_emulator.stream_fixtures import (
    AppSocketServer,
    sockets,
    sound_of,
    streaming,
)
from tests.devstack.acs_emulator.streaming import FAST, ask, streams, subscription, update_of

__all__ = ["calls", "emulator", "grid", "issuer", "receiver", "sockets"]


async def test_an_app_starts_and_stops_it(
    calls: CallsCaller, receiver: Receiver, sockets: AppSocketServer
) -> None:
    """The events, the states and the statuses are recorded."""
    made = await calls.ask("POST", "", new_call(receiver, PHONE, **streaming(sockets)))
    begun = made.json["mediaStreamingSubscription"]
    connection = made.json["callConnectionId"]
    await receiver.event("ParticipantsUpdated")
    assert begun == {
        "id": begun["id"],
        "state": "inactive",
        "subscribedContentTypes": ["audio"],
    }
    assert "transcriptionSubscription" not in made.json

    started = await ask(calls, connection, "start", operationContext="on")
    on = await receiver.event("MediaStreamingStarted")
    active = await subscription(calls, connection)
    stopped = await ask(calls, connection, "stop", operationContext="off")
    off = await receiver.event("MediaStreamingStopped")

    assert [(answer.status, answer.text) for answer in (started, stopped)] == [(202, "")] * 2
    assert update_of(on) == {
        "contentType": "Audio",
        "mediaStreamingStatus": "mediaStreamingStarted",
        "mediaStreamingStatusDetails": "subscriptionStarted",
    }
    assert update_of(off) == {
        "contentType": "Audio",
        "mediaStreamingStatus": "mediaStreamingStopped",
        "mediaStreamingStatusDetails": "subscriptionStopped",
    }
    for event, context in ((on, "on"), (off, "off")):
        assert event["data"]["operationContext"] == context
        assert event["data"]["resultInformation"] == {
            "code": 200,
            "subCode": 0,
            "message": "Action completed successfully.",
        }
    assert active == {**begun, "state": "active"}
    assert await subscription(calls, connection) == begun
    await sockets.until(lambda: len(sockets.closed) == 1)
    await ask(calls, connection, "start")
    assert await receiver.event("MediaStreamingStarted", 2)
    await calls.ask("DELETE", f"/{connection}")


async def test_the_emulator_opens_the_connection_as_acs_does(
    calls: CallsCaller, receiver: Receiver, sockets: AppSocketServer
) -> None:
    connection = await streams(calls, receiver, sockets)
    call = (await calls.ask("GET", f"/{connection}")).json

    metadata = await sockets.message("AudioMetadata")
    frame = await sockets.message("AudioData")

    assert sockets.headers[0]["x-ms-call-connection-id"] == connection
    assert sockets.headers[0]["x-ms-call-correlation-id"] == call["correlationId"]
    [claims] = sockets.claims
    assert claims["exp"] - claims["iat"] == 24 * 3600
    assert sockets.messages[0]["kind"] == "AudioMetadata"
    assert metadata == {
        "subscriptionId": call["mediaStreamingSubscription"]["id"],
        "encoding": "PCM",
        "sampleRate": 16000,
        "channels": 1,
        "length": 640,
    }
    assert frame["silent"] is True
    assert sound_of(frame) == bytes(640)
    assert datetime.fromisoformat(frame["timestamp"]).tzinfo is not None
    assert "participantRawID" not in frame
    await calls.ask("DELETE", f"/{connection}")


@pytest.mark.parametrize("how", [":answer", ":connect"])
async def test_every_way_into_a_call_can_stream(
    calls: CallsCaller, receiver: Receiver, grid: Grid, sockets: AppSocketServer, how: str
) -> None:
    await calls.far_ends(**FAST)
    locator = {"kind": "groupCallLocator", "groupCallId": str(uuid.uuid4())}
    body = {
        ":answer": {"incomingCallContext": (await grid.ring())["incomingCallContext"]},
        ":connect": {"callLocator": locator},
    }[how]

    answer = await calls.ask(
        "POST",
        how,
        {
            **body,
            "callbackUri": receiver.url,
            "operationContext": "begun",
            **streaming(sockets, startMediaStreaming=True),
        },
    )

    assert answer.json["mediaStreamingSubscription"]["state"] == "inactive"
    started = await receiver.event("MediaStreamingStarted")
    assert started["data"]["operationContext"] == "begun"
    await sockets.message("AudioData")
    await calls.ask("DELETE", f"/{answer.json['callConnectionId']}")


async def test_who_speaks_is_heard_as_a_tone(
    calls: CallsCaller, receiver: Receiver, sockets: AppSocketServer
) -> None:
    connection = await streams(calls, receiver, sockets, audioFormat="pcm24KMono")
    assert (await sockets.message("AudioMetadata"))["length"] == 960
    assert (await sockets.message("AudioMetadata"))["sampleRate"] == 24000

    await calls.does(connection, "say", participant=PHONE, text="hello there")
    loud = await sockets.audio(lambda frame: not frame["silent"])
    await sockets.until(lambda: sockets.of("AudioData")[-1]["silent"])

    assert len(sound_of(loud)) == 960
    assert len(set(sound_of(loud))) > 10
    # Two words take 0.8 seconds, which are 40 frames.
    assert len([frame for frame in sockets.of("AudioData") if not frame["silent"]]) == 40
    await calls.ask("DELETE", f"/{connection}")


async def test_unmixed_sound_has_a_frame_for_each_person(
    calls: CallsCaller, receiver: Receiver, sockets: AppSocketServer
) -> None:
    await calls.far_ends(**FAST)
    more = streaming(sockets, startMediaStreaming=True, audioChannelType="unmixed")
    connection = await calls.connected(receiver, PHONE, OTHER_PHONE, **more)
    await receiver.event("MediaStreamingStarted")

    await calls.does(connection, "say", participant=OTHER_PHONE, text="one two three")
    loud = await sockets.audio(lambda frame: not frame["silent"])
    await sockets.until(lambda: sockets.of("AudioData")[-1]["silent"])

    frames = sockets.of("AudioData")
    assert loud["participantRawID"] == OTHER_PHONE
    assert {frame["participantRawID"] for frame in frames} == {PHONE, OTHER_PHONE}
    assert all(frame["silent"] for frame in frames if frame["participantRawID"] == PHONE)
    await calls.ask("DELETE", f"/{connection}")


async def test_who_is_on_hold_is_not_heard(
    calls: CallsCaller, receiver: Receiver, sockets: AppSocketServer
) -> None:
    connection = await streams(calls, receiver, sockets)
    await calls.ask("POST", f"/{connection}:hold", {"targetParticipant": phone()})

    await calls.does(connection, "say", participant=PHONE, text="hello")
    before = len(sockets.of("AudioData"))
    await sockets.until(lambda: len(sockets.of("AudioData")) > before + 20)

    assert all(frame["silent"] for frame in sockets.of("AudioData"))
    await calls.ask("DELETE", f"/{connection}")


@pytest.mark.parametrize("enabled", [True, False])
async def test_keys_are_sent_where_they_are_wanted(
    calls: CallsCaller, receiver: Receiver, sockets: AppSocketServer, enabled: bool
) -> None:
    connection = await streams(calls, receiver, sockets, enableDtmfTones=enabled)

    await calls.does(connection, "press", participant=PHONE, tones="3#a")
    before = len(sockets.of("AudioData"))
    await sockets.until(lambda: len(sockets.of("AudioData")) > before + 2)

    keys = sockets.of("DtmfData")
    assert [key["data"] for key in keys] == (["3", "#", "A"] if enabled else [])
    assert {key["participantRawID"] for key in keys} == ({PHONE} if enabled else set())
    await calls.ask("DELETE", f"/{connection}")


async def test_an_app_may_speak_and_fall_silent(
    calls: CallsCaller, receiver: Receiver, sockets: AppSocketServer
) -> None:
    connection = await streams(calls, receiver, sockets, enableBidirectional=True)

    await sockets.say(bytes(640))
    await sockets.sockets[0].send_json({"kind": "audioData", "audioData": {"data": "AAAA"}})
    await sockets.sockets[0].send_json({"Kind": "StopAudio", "AudioData": None, "StopAudio": {}})
    await sockets.say(bytes(640))
    for nonsense in ("{", "[]", '{"Kind": "Hello"}', '{"Kind": "AudioData", "AudioData": {}}'):
        await sockets.sockets[0].send_str(nonsense)
    await sockets.say(bytes(3))  # one sample and a half

    seen = await calls.until_seen(
        connection, lambda call: call["streams"]["mediaStreaming"]["notUnderstood"] == 6
    )
    counted = seen["streams"]["mediaStreaming"]
    assert counted["framesSent"] > 0
    assert (counted["bytesReceived"], counted["stopAudio"]) == (1280, 1)
    await calls.ask("DELETE", f"/{connection}")


async def test_an_app_that_did_not_ask_to_speak_is_not_heard(
    calls: CallsCaller, receiver: Receiver, sockets: AppSocketServer
) -> None:
    connection = await streams(calls, receiver, sockets)

    await sockets.say(bytes(640))

    seen = await calls.until_seen(
        connection, lambda call: call["streams"]["mediaStreaming"]["notUnderstood"] == 1
    )
    assert seen["streams"]["mediaStreaming"]["bytesReceived"] == 0
    await calls.ask("DELETE", f"/{connection}")
