"""A server of audio files, and an emulator that fetches them, for tests.

Import the fixtures that you use by name.
"""

import asyncio
import io
import wave
from collections.abc import AsyncIterator, Iterator

import pytest
from aiohttp import web

from tests.devstack.acs_emulator.acs_fixtures import AcsEmulator, running_emulator
from tests.devstack.emulator_fixtures import TokenIssuer


def wav(*, channels: int = 1, width: int = 2, rate: int = 16_000, frames: int = 1600) -> bytes:
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(bytes(frames * channels * width))
    return content.getvalue()


class FileServer:
    """Serves files.

    Args:
        files: by path; None is one that has no end.
        opened: while it is not set, files wait for their answer.
        asked: the paths of all requests.
    """

    def __init__(self) -> None:
        self.url = ""
        self.files: dict[str, bytes | None] = {}
        self.opened = asyncio.Event()
        self.opened.set()
        self.asked: list[str] = []
        self.waiting = asyncio.Event()

    def put(self, path: str, content: bytes | None) -> str:
        self.files[path] = content
        return self.url + path

    async def serve(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        self.waiting.set()
        await self.opened.wait()
        if request.path == "/moved.wav":
            raise web.HTTPFound("/good.wav")
        if request.path not in self.files:
            raise web.HTTPNotFound
        content = self.files[request.path]
        if content is not None:
            return web.Response(body=content)
        endless = web.StreamResponse()
        await endless.prepare(request)
        await endless.write(wav())
        while True:
            await endless.write(bytes(65_536))


@pytest.fixture
async def files() -> AsyncIterator[FileServer]:
    server = FileServer()
    app = web.Application()
    app.add_routes([web.get("/{path:.*}", server.serve)])
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = site.name
    try:
        yield server
    finally:
        server.opened.set()
        await runner.cleanup()


@pytest.fixture(scope="module")
def emulator(
    tmp_path_factory: pytest.TempPathFactory, issuer: TokenIssuer
) -> Iterator[AcsEmulator]:
    folder = tmp_path_factory.mktemp("acs")
    with running_emulator(folder, issuer.url, "--fetch-files") as running:
        yield running
        assert "Traceback" not in running.log
