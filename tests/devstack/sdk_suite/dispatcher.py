"""The servers that Microsoft's tests need around a service: a dispatcher, its queues, and a file to
play.

The dispatcher takes the events of calls and of Event Grid and puts each into the queue of the test
that waits for it. The queues are Service Bus in Azure.
"""

import asyncio
import io
import json
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

_MAX_WAIT_SECONDS = 30


class Dispatcher:
    """The web server.

    A queue is named by who calls and who is called: the letters and digits of both raw ids. Tests
    write that name with hyphens, which say nothing.

    Args:
        tunnels: the hosts on the internet that somebody wanted to reach through this server, which
            knows the way to none.
    """

    def __init__(self) -> None:
        self.host = ""
        self.tunnels: list[str] = []
        self._queues: dict[str, asyncio.Queue[str]] = {}

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    @property
    def events_url(self) -> str:
        return f"{self.url}/api/servicebuscallback/events"

    @property
    def prompt_url(self) -> str:
        return f"{self.url}/prompt.wav"

    @property
    def transport_url(self) -> str:
        """Where the sound of a call is streamed to, and its transcription."""
        return f"ws://{self.host}/streams"

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._refuse_tunnel])
        app.add_routes(
            [
                web.post("/api/servicebuscallback/subscribe", self._subscribe),
                web.post("/api/servicebuscallback/events", self._take),
                web.delete("/queues/{name}/head", self._receive),
                web.get("/prompt.wav", self._play),
                web.get("/streams", self._listen),
            ]
        )
        return app

    async def _subscribe(self, request: web.Request) -> web.Response:
        self._queues.setdefault(_normal(request.query["q"]), asyncio.Queue())
        return web.Response(status=HTTPStatus.CREATED)

    async def _take(self, request: web.Request) -> web.Response:
        """Events that no queue wants are about the call's other end, or people who were added."""
        match request.headers.get("aeg-event-type"):
            case "SubscriptionValidation":
                [event] = await request.json()
                return web.json_response({"validationResponse": event["data"]["validationCode"]})
            case "Notification":
                [event] = await request.json()
                data: dict[str, Any] = event["data"]
                self._put(data["from"]["rawId"] + data["to"]["rawId"], json.dumps(data))
            case _:
                self._put(request.query.get("q", ""), await request.text())
        return web.Response()

    def _put(self, name: str, message: str) -> None:
        if (queue := self._queues.get(_normal(name))) is not None:
            queue.put_nowait(message)

    async def _receive(self, request: web.Request) -> web.Response:
        """The next message, which is then not in the queue any more; 204 if none comes in time."""
        queue = self._queues.get(_normal(request.match_info["name"]))
        if queue is None:
            return web.Response(status=HTTPStatus.NOT_FOUND)
        seconds = min(float(request.query["seconds"]), _MAX_WAIT_SECONDS)
        try:
            async with asyncio.timeout(seconds):
                return web.Response(text=await queue.get())
        except TimeoutError:
            return web.Response(status=HTTPStatus.NO_CONTENT)

    async def _play(self, _request: web.Request) -> web.Response:
        return web.Response(body=_prompt(), content_type="audio/wav")

    async def _listen(self, request: web.Request) -> web.WebSocketResponse:
        stream = web.WebSocketResponse()
        await stream.prepare(request)
        async for _ in stream:
            """What comes is not looked at, as Microsoft's tests do not."""
        return stream

    @web.middleware
    async def _refuse_tunnel(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.method != hdrs.METH_CONNECT:
            return await handler(request)
        self.tunnels.append(request.raw_path)
        return web.Response(status=HTTPStatus.BAD_GATEWAY)


@asynccontextmanager
async def dispatching() -> AsyncIterator[Dispatcher]:
    dispatcher = Dispatcher()
    runner = web.AppRunner(dispatcher.app(), shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    dispatcher.host = site.name.removeprefix("http://")
    try:
        yield dispatcher
    finally:
        await runner.cleanup()


def _normal(name: str) -> str:
    return "".join(filter(str.isalnum, name))


def _prompt() -> bytes:
    """A tenth of a second of silence, in the format that ACS plays."""
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(bytes(3_200))
    return content.getvalue()
