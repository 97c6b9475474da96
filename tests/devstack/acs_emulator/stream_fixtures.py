"""An app's WebSocket server, for tests; import the fixtures that you use by name, with those of
call_fixtures."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import jwt
import pytest
from aiohttp import web

from devstack.well_known import ACS_CALLBACK_ISSUER, ACS_CALLBACK_KEYS_PATH, ACS_RESOURCE_ID
from tests.devstack.acs_emulator.acs_fixtures import AcsEmulator
from tests.devstack.acs_emulator.call_fixtures import SECONDS

type Message = dict[str, Any]


class AppSocketServer:
    """Where streams arrive. Each connection is judged as an app has to judge it.

    `refusals` are the statuses with which the next connections are refused. While `admits` is not
    set, connections wait for their answer; `waiting` is how many do.
    """

    def __init__(self, keys: jwt.PyJWKSet) -> None:
        self._keys = keys
        self.url = ""
        self.refusals: list[int] = []
        self.admits = asyncio.Event()
        self.admits.set()
        self.waiting = 0
        self.sockets: list[web.WebSocketResponse] = []
        self.headers: list[dict[str, str]] = []
        self.claims: list[dict[str, Any]] = []
        self.messages: list[Message] = []
        self.closed: list[int | None] = []  # the close code of each connection that has ended
        self._news = asyncio.Condition()

    async def receive(self, request: web.Request) -> web.StreamResponse:
        async with self._news:
            self.waiting += 1
            self._news.notify_all()
        await self.admits.wait()
        self.waiting -= 1
        if self.refusals:
            return web.Response(status=self.refusals.pop(0))
        scheme, _, token = request.headers["Authorization"].partition(" ")
        assert scheme == "Bearer"
        claims = jwt.decode(
            token,
            self._keys[jwt.get_unverified_header(token)["kid"]],
            algorithms=["RS256"],
            audience=ACS_RESOURCE_ID,
            issuer=ACS_CALLBACK_ISSUER,
            options={"require": ["exp", "iss", "aud"]},
        )
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.claims.append(claims)
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        self.sockets.append(socket)
        async for message in socket:
            assert message.type is aiohttp.WSMsgType.TEXT
            async with self._news:
                self.messages.append(json.loads(message.data))
                self._news.notify_all()
        async with self._news:
            self.closed.append(socket.close_code)
            self._news.notify_all()
        return socket

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(SECONDS), self._news:
            await self._news.wait_for(condition)

    async def message(self, kind: str, number: int = 1) -> Message:
        """The part of the first (second, ...) message of that kind that says what it is about."""
        await self.until(lambda: len(self.of(kind)) >= number)
        return self.of(kind)[number - 1]

    async def audio(self, condition: Callable[[Message], bool]) -> Message:
        """The first frame of which this is true."""
        await self.until(lambda: any(condition(frame) for frame in self.of("AudioData")))
        return next(frame for frame in self.of("AudioData") if condition(frame))

    def of(self, kind: str) -> list[Message]:
        part = kind[:1].lower() + kind[1:]
        return [message[part] for message in self.messages if message["kind"] == kind]

    async def say(self, sound: bytes) -> None:
        """Sound of the app, as Microsoft's samples send it."""
        data = {"Data": base64.b64encode(sound).decode()}
        await self.sockets[-1].send_json({"Kind": "AudioData", "AudioData": data})


def sound_of(frame: Message) -> bytes:
    return base64.b64decode(frame["data"])


def streaming(server: AppSocketServer, **more: object) -> dict[str, Any]:
    """The options of a connection that streams its sound."""
    options = {
        "transportType": "websocket",
        "transportUrl": server.url,
        "contentType": "audio",
        "audioChannelType": "mixed",
        **more,
    }
    return {"mediaStreamingOptions": options}


def transcribing(server: AppSocketServer, **more: object) -> dict[str, Any]:
    """The options of a connection that is transcribed."""
    options = {
        "transportType": "websocket",
        "transportUrl": server.url,
        "locale": "en-US",
        **more,
    }
    return {"transcriptionOptions": options}


@pytest.fixture
async def sockets(emulator: AcsEmulator) -> AsyncIterator[AppSocketServer]:
    async with serving_sockets(emulator) as server:
        yield server


@asynccontextmanager
async def serving_sockets(emulator: AcsEmulator) -> AsyncIterator[AppSocketServer]:
    """A server on a port of its own, with the keys that the emulator publishes."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(emulator.url + ACS_CALLBACK_KEYS_PATH) as answer,
    ):
        keys = jwt.PyJWKSet.from_dict(await answer.json())
    server = AppSocketServer(keys)
    app = web.Application()
    app.router.add_get("/media", server.receive)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = site.name.replace("http://", "ws://") + "/media"
    try:
        yield server
    finally:
        for socket in server.sockets:
            await socket.close()
        await runner.cleanup()
