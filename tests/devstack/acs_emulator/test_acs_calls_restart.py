"""The calls that remain after the emulator has ended, in any way."""

import signal
from pathlib import Path

import pytest

from tests.devstack.acs_emulator.acs_fixtures import running_emulator
from tests.devstack.acs_emulator.call_fixtures import (
    PHONE,
    calling,
    new_call,
    receiving,
    repeatable,
)
from tests.devstack.acs_emulator.stream_fixtures import serving_sockets, streaming

pytestmark = pytest.mark.emulators

NO_ISSUER = "http://127.0.0.1:9"


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
async def test_a_restart_ends_calls_and_tells_their_apps(
    tmp_path: Path, how: signal.Signals
) -> None:
    with running_emulator(tmp_path, NO_ISSUER) as emulator:
        async with receiving(emulator) as receiver:
            async with calling(emulator) as calls:
                connection = await calls.connected(receiver, PHONE, operationContext="mine")
                # An event that was accepted, and not noted as accepted, would be sent once more.
                await calls.until_seen(
                    connection, lambda call: {e["state"] for e in call["callbacks"]} == {"taken"}
                )

            emulator.stop(how)
            emulator.start()

            ended = (await receiver.event("CallDisconnected"))["data"]
            async with calling(emulator) as calls:
                assert (await calls.ask("GET", f"/{connection}")).status == 404
                call = await calls.until_seen(
                    connection, lambda call: call["callbacks"][-1]["state"] == "taken"
                )

    assert receiver.names == ["CallConnected", "ParticipantsUpdated", "CallDisconnected"]
    assert (ended["callConnectionId"], ended["operationContext"]) == (connection, "mine")
    assert ended["resultInformation"]["code"] == 500
    assert call["callConnectionState"] == "disconnected"
    assert call["participants"] == []


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
async def test_a_stream_ends_with_the_emulator(tmp_path: Path, how: signal.Signals) -> None:
    with running_emulator(tmp_path, NO_ISSUER) as emulator:
        async with receiving(emulator) as receiver, serving_sockets(emulator) as sockets:
            async with calling(emulator) as calls:
                options = streaming(sockets, startMediaStreaming=True)
                connection = await calls.connected(receiver, PHONE, **options)
                await sockets.message("AudioData")

            emulator.stop(how)
            await sockets.until(lambda: len(sockets.closed) == 1)
            emulator.start()

            await receiver.event("CallDisconnected")
            async with calling(emulator) as calls:
                call = await calls.seen(connection)

    assert call["mediaStreamingSubscription"]["state"] == "inactive"
    assert len(sockets.sockets) == 1  # nobody opens it again


async def test_events_that_were_not_taken_are_delivered_after_a_kill(tmp_path: Path) -> None:
    with running_emulator(tmp_path, NO_ISSUER) as emulator:
        async with receiving(emulator) as receiver:
            async with calling(emulator) as calls:
                await calls.callbacks(hold=True)
                connection = await calls.place(receiver, PHONE)
                await calls.until_callbacks_held(2)
                await calls.ask("POST", f"/{connection}:terminate")
                await calls.until_callbacks_held(3)

            emulator.stop(signal.SIGKILL)
            assert receiver.names == []
            emulator.start()
            await receiver.event("CallDisconnected")

    assert receiver.names == ["CallConnected", "ParticipantsUpdated", "CallDisconnected"]


async def test_a_repeated_request_is_known_after_a_kill(tmp_path: Path) -> None:
    with running_emulator(tmp_path, NO_ISSUER) as emulator:
        async with receiving(emulator) as receiver:
            body, headers = new_call(receiver, PHONE), repeatable()
            async with calling(emulator) as calls:
                first = await calls.ask("POST", "", body, headers=headers)

            emulator.stop(signal.SIGKILL)
            emulator.start()

            async with calling(emulator) as calls:
                second = await calls.ask("POST", "", body, headers=headers)
                assert len((await calls.state())["calls"]) == 1

    assert (first.status, first.text) == (second.status, second.text)


async def test_the_keys_and_the_issuer_are_kept_or_chosen(tmp_path: Path) -> None:
    own = ["--callback-issuer", "https://issuer.example.com", "--caller-id", "+4930123456"]
    with running_emulator(tmp_path, NO_ISSUER, *own) as emulator:
        async with calling(emulator) as calls:
            keys = (await calls.send("GET", "/calling/keys")).text
            path = "/calling/.well-known/acsopenidconfiguration"
            discovery = (await calls.send("GET", path)).json

        emulator.stop()
        emulator.start()

        async with receiving(emulator) as receiver, calling(emulator) as calls:
            assert (await calls.send("GET", "/calling/keys")).text == keys
            number = {"value": "+4930123456"}
            body = new_call(receiver, PHONE, sourceCallerIdNumber=number)
            await calls.callbacks(hold=True)
            assert (await calls.ask("POST", "", body)).status == 201

    assert discovery["issuer"] == "https://issuer.example.com"
    assert discovery["jwks_uri"] == f"{emulator.url}/calling/keys"
