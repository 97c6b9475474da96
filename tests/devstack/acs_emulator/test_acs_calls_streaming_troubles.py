"""Media streaming that fails, is cut off, or ends before it has begun."""

from typing import Any

import pytest

from tests.devstack.acs_emulator.acs_fixtures import emulator, issuer
from tests.devstack.acs_emulator.call_fixtures import (
    PHONE,
    CallsCaller,
    Receiver,
    calls,
    new_call,
    receiver,
)
from tests.devstack.acs_emulator.event_grid_fixtures import grid
from tests.devstack.acs_emulator.stream_fixtures import (
    AppSocketServer,
    sockets,
    streaming,
)
from tests.devstack.acs_emulator.streaming import FAST, ask, streams, subscription, update_of

__all__ = ["calls", "emulator", "grid", "issuer", "receiver", "sockets"]


async def test_a_stream_that_finds_no_app_fails(
    calls: CallsCaller, receiver: Receiver, sockets: AppSocketServer
) -> None:
    connection = await calls.connected(receiver, PHONE, **streaming(sockets))
    sockets.refusals = [401]

    await ask(calls, connection, "start", operationContext="on")

    failed = (await receiver.event("MediaStreamingFailed"))["data"]
    result = failed["resultInformation"]
    assert (result["code"], result["subCode"]) == (500, 8603)
    assert failed["operationContext"] == "on"
    assert failed["mediaStreamingUpdate"] == {
        "contentType": "Audio",
        "mediaStreamingStatus": "mediaStreamingFailed",
        "mediaStreamingStatusDetails": "initialWebSocketConnectionFailed",
    }
    assert (await subscription(calls, connection))["state"] == "inactive"
    await ask(calls, connection, "start")  # and it may be tried again
    await receiver.event("MediaStreamingStarted")
    await calls.ask("DELETE", f"/{connection}")


async def test_an_app_whose_certificate_nobody_vouches_for_gets_nothing(
    calls: CallsCaller, receiver: Receiver, sockets: AppSocketServer
) -> None:
    elsewhere = f"wss://127.0.0.1:{calls.emulator.tls_port}/media"
    options = streaming(sockets, transportUrl=elsewhere, startMediaStreaming=True)

    await calls.connected(receiver, PHONE, **options)

    failed = await receiver.event("MediaStreamingFailed")
    assert update_of(failed)["mediaStreamingStatusDetails"] == "initialWebSocketConnectionFailed"


async def test_a_connection_that_an_app_lost_is_opened_again(
    calls: CallsCaller, receiver: Receiver, sockets: AppSocketServer
) -> None:
    connection = await streams(calls, receiver, sockets)
    await sockets.message("AudioData")
    sockets.refusals = [503]

    await sockets.sockets[0].close(code=1011)

    again = await receiver.event("MediaStreamingStarted", 2)
    assert update_of(again)["mediaStreamingStatusDetails"] == "streamConnectionReestablished"
    metadata = await sockets.message("AudioMetadata", 2)
    assert metadata == sockets.of("AudioMetadata")[0]
    assert sockets.claims[0]["jti"] != sockets.claims[1]["jti"]  # each has a token of its own
    await calls.ask("DELETE", f"/{connection}")


async def test_a_connection_that_cannot_be_opened_again_fails_the_stream(
    calls: CallsCaller, receiver: Receiver, sockets: AppSocketServer
) -> None:
    connection = await streams(calls, receiver, sockets)
    await sockets.message("AudioData")
    sockets.refusals = [503, 503]

    await sockets.sockets[0].close()

    failed = await receiver.event("MediaStreamingFailed")
    assert update_of(failed)["mediaStreamingStatusDetails"] == "streamConnectionInterrupted"
    assert sockets.refusals == []
    assert (await subscription(calls, connection))["state"] == "inactive"


async def test_the_end_of_a_call_ends_its_stream(
    calls: CallsCaller, receiver: Receiver, sockets: AppSocketServer
) -> None:
    connection = await streams(calls, receiver, sockets)
    await sockets.message("AudioData")

    await calls.does(connection, "hangUp", participant=PHONE)

    await receiver.event("CallDisconnected")
    assert receiver.names[-2:] == ["MediaStreamingStopped", "CallDisconnected"]
    await sockets.until(lambda: sockets.closed == [1000])


async def test_a_call_that_ends_before_the_app_answers_has_streamed_nothing(
    calls: CallsCaller, receiver: Receiver, sockets: AppSocketServer
) -> None:
    connection = await calls.connected(receiver, PHONE, **streaming(sockets))
    sockets.admits.clear()
    await ask(calls, connection, "start")
    await sockets.until(lambda: sockets.waiting == 1)

    await calls.ask("DELETE", f"/{connection}")

    sockets.admits.set()
    await receiver.event("CallDisconnected")
    assert receiver.names == ["CallConnected", "ParticipantsUpdated", "CallDisconnected"]
    assert sockets.messages == []


async def test_an_app_that_stops_before_it_answers_gets_nothing(
    calls: CallsCaller, receiver: Receiver, sockets: AppSocketServer
) -> None:
    await calls.far_ends(**FAST)
    connection = await calls.connected(receiver, PHONE, **streaming(sockets))
    sockets.admits.clear()
    await ask(calls, connection, "start", operationContext="first")
    await sockets.until(lambda: sockets.waiting == 1)
    await ask(calls, connection, "stop")
    await receiver.event("MediaStreamingStopped")

    sockets.admits.set()
    await ask(calls, connection, "start", operationContext="second")

    started = await receiver.event("MediaStreamingStarted")
    assert started["data"]["operationContext"] == "second"
    await sockets.message("AudioData")
    assert len(sockets.of("AudioMetadata")) == 1
    await calls.ask("DELETE", f"/{connection}")


async def test_what_was_not_prepared_is_not_started(
    calls: CallsCaller, receiver: Receiver, sockets: AppSocketServer
) -> None:
    without = await calls.connected(receiver, PHONE)
    assert await subscription(calls, without) == {"state": "disabled"}
    assert (await ask(calls, without, "start")).error[:2] == (405, "8522")
    nowhere = streaming(sockets, transportUrl=None, startMediaStreaming=True)
    await calls.connected(receiver, PHONE, **nowhere)
    failed = await receiver.event("MediaStreamingFailed")
    assert failed["data"]["resultInformation"]["subCode"] == 8522
    assert update_of(failed)["mediaStreamingStatusDetails"] == "streamUrlMissing"
    assert (await ask(calls, "unknown", "start")).status == 404

    connection = await calls.connected(receiver, PHONE, **streaming(sockets))
    assert (await ask(calls, connection, "stop")).error[:2] == (409, "8519")
    assert (await ask(calls, connection, "start")).status == 202
    assert (await ask(calls, connection, "start")).error[:2] == (409, "8519")
    await calls.ask("DELETE", f"/{connection}")


@pytest.mark.parametrize(
    "options",
    [
        {"transportUrl": "http://127.0.0.1/media"},
        {"transportUrl": "ws://app.example.com/media"},
        {"transportUrl": "wss://user@app.example.com/media"},
        {"transportType": "carrierPigeon"},
        {"contentType": "video"},
        {"audioChannelType": "both"},
        {"audioFormat": "pcm8KMono"},
        {"enableBidirectional": "yes"},
    ],
)
async def test_wrong_options_make_no_call(
    calls: CallsCaller, receiver: Receiver, sockets: AppSocketServer, options: dict[str, Any]
) -> None:
    before = len((await calls.state())["calls"])

    refused = await calls.ask(
        "POST", "", new_call(receiver, PHONE, **streaming(sockets, **options))
    )

    assert refused.error[:2] == (400, "400")
    assert refused.error[2].startswith("The field MediaStreamingOptions is invalid.")
    assert len((await calls.state())["calls"]) == before
