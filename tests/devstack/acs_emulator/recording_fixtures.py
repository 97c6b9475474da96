"""Recordings, for tests of the emulator: signed requests, and Microsoft's clients led to it."""

import json
from collections.abc import Callable
from typing import Any

import aiohttp

from tests.devstack.acs_emulator.acs_fixtures import AcsEmulator, signed_headers
from tests.devstack.acs_emulator.call_fixtures import (
    CALLS_VERSION,
    PHONE,
    CallsCaller,
    Receiver,
)
from tests.devstack.emulator_fixtures import Answer

RECORDINGS = "/calling/recordings"
STORAGE = "https://storage.asm.skype.com"
WAV = {
    "recordingContentType": "audio",
    "recordingChannelType": "mixed",
    "recordingFormatType": "wav",
}


def way(emulator: AcsEmulator) -> Callable[[Any], None]:
    """A `raw_request_hook` for Microsoft's clients: leads requests to the storage of recordings to
    the emulator, as a hosts file would."""

    def lead(request: Any) -> None:
        request.http_request.url = request.http_request.url.replace(STORAGE, emulator.url)

    return lead


async def recorded(
    calls: CallsCaller,
    method: str,
    path: str = "",
    body: object = None,
    *,
    headers: dict[str, str] | None = None,
) -> Answer:
    """A request below recordings, which is signed."""
    content = b"" if body is None else json.dumps(body).encode()
    target = f"{RECORDINGS}{path}?api-version={CALLS_VERSION}"
    signed = signed_headers(method, target, f"127.0.0.1:{calls.emulator.port}", content)
    signed["Content-Type"] = "application/json"
    return await calls.send(method, target, content, headers=signed | (headers or {}))


async def stored(
    calls: CallsCaller, method: str, location: str, host: str | None = None, **more: str
) -> aiohttp.ClientResponse:
    """A request to the storage that is signed as Microsoft's client for Python does it."""
    path = location.removeprefix(STORAGE)
    resource = f"127.0.0.1:{calls.emulator.port}"
    headers = signed_headers(method, path, resource) | more
    headers["x-ms-host"] = "127.0.0.1" if host is None else host
    async with aiohttp.ClientSession() as session:
        answer = await session.request(method, calls.emulator.url + path, headers=headers)
        await answer.read()
        return answer


def server_call(server_call_id: str) -> dict[str, Any]:
    return {"callLocator": {"kind": "serverCallLocator", "serverCallId": server_call_id}}


async def started(calls: CallsCaller, receiver: Receiver, **more: object) -> tuple[str, str]:
    """A connected call that is being recorded: the ids of its connection and its recording."""
    connection = await calls.connected(receiver, PHONE)
    call = (await calls.ask("GET", f"/{connection}")).json["serverCallId"]
    wanted = {**server_call(call), "recordingStateCallbackUri": receiver.url, **more}
    answer = await recorded(calls, "POST", "", wanted)
    assert answer.status == 200, answer
    return connection, str(answer.json["recordingId"])


def chunk(event: dict[str, Any]) -> dict[str, Any]:
    """The one chunk of an event about a file."""
    [one] = event["data"]["recordingStorageInfo"]["recordingChunks"]
    return dict(one)
