"""Files that apps play, where the emulator is told to fetch them as Azure does."""

import asyncio
import io
import wave
from collections.abc import AsyncIterator, Iterator

import pytest
from aiohttp import web

from tests.devstack.acs_emulator.acs_fixtures import AcsEmulator, issuer, running_emulator
from tests.devstack.acs_emulator.call_fixtures import (
    PHONE,
    CallsCaller,
    Receiver,
    calls,
    phone,
    receiver,
)
from tests.devstack.emulator_fixtures import TokenIssuer

__all__ = ["calls", "issuer", "receiver"]

NOWHERE = "http://127.0.0.1:9/a.wav"


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


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(wav(), id="wav"),
        pytest.param(b"ID3\x04\x00\x00\x00\x00\x00\x00", id="mp3"),
        pytest.param(wav(frames=1_000_000), id="two megabytes"),
        pytest.param(None, id="without an end"),
    ],
)
async def test_a_file_that_azure_plays_is_played(
    calls: CallsCaller, receiver: Receiver, files: FileServer, content: bytes | None
) -> None:
    connection = await calls.connected(receiver, PHONE)

    await calls.play(connection, files.put("/good.wav", content))

    await receiver.event("PlayCompleted")
    assert files.asked == ["/good.wav"]


@pytest.mark.parametrize(
    ("content", "sub_code"),
    [
        pytest.param(b"<html>not here</html>", 8535, id="a page"),
        pytest.param(b"", 8535, id="nothing"),
        pytest.param(wav(channels=2), 8535, id="stereo"),
        pytest.param(wav(rate=8_000), 8535, id="8 kHz"),
        pytest.param(wav(width=1), 8535, id="8 bits"),
        pytest.param(wav()[:20], 8535, id="cut off"),
    ],
)
async def test_a_file_in_another_format_is_not_played(
    calls: CallsCaller, receiver: Receiver, files: FileServer, content: bytes, sub_code: int
) -> None:
    connection = await calls.connected(receiver, PHONE)

    await calls.play(connection, files.put("/bad.wav", content))

    failed = await receiver.event("PlayFailed")
    assert failed["data"]["resultInformation"]["subCode"] == sub_code
    assert failed["data"]["failedPlaySourceIndex"] == 0
    assert "PlayStarted" not in receiver.names


@pytest.mark.parametrize("is_there", [False, True])
async def test_a_file_that_cannot_be_had_is_not_played(
    calls: CallsCaller, receiver: Receiver, files: FileServer, *, is_there: bool
) -> None:
    connection = await calls.connected(receiver, PHONE)
    sources = [files.put("/good.wav", wav()), f"{files.url}/absent.wav" if is_there else NOWHERE]
    body = {"playSources": [{"kind": "file", "file": {"uri": url}} for url in sources]}

    await calls.ask("POST", f"/{connection}:play", body)

    failed = await receiver.event("PlayFailed")
    assert failed["data"]["resultInformation"]["subCode"] == 8536
    assert failed["data"]["failedPlaySourceIndex"] == 1
    assert receiver.names[-2:] == ["PlayStarted", "PlayFailed"]


async def test_a_file_that_has_moved_is_played(
    calls: CallsCaller, receiver: Receiver, files: FileServer
) -> None:
    connection = await calls.connected(receiver, PHONE)
    files.put("/good.wav", wav())

    await calls.play(connection, f"{files.url}/moved.wav")

    await receiver.event("PlayCompleted")


async def test_a_file_that_is_being_fetched_can_be_canceled(
    calls: CallsCaller, receiver: Receiver, files: FileServer
) -> None:
    connection = await calls.connected(receiver, PHONE)
    files.opened.clear()
    await calls.play(connection, files.put("/good.wav", wav()))
    await files.waiting.wait()

    await calls.ask("POST", f"/{connection}:cancelAllMediaOperations")

    await receiver.event("PlayCanceled")
    assert "PlayStarted" not in receiver.names


async def test_a_prompt_that_cannot_be_had_ends_a_recognition(
    calls: CallsCaller, receiver: Receiver
) -> None:
    connection = await calls.connected(receiver, PHONE)
    prompt = {"kind": "file", "file": {"uri": NOWHERE}}

    await calls.recognize(connection, playPrompts=[prompt])

    failed = await receiver.event("RecognizeFailed")
    assert failed["data"]["resultInformation"]["subCode"] == 8511


async def test_nothing_fails_any_more_for_who_has_left_while_their_music_is_fetched(
    calls: CallsCaller, receiver: Receiver, files: FileServer
) -> None:
    connection = await calls.connected(receiver, PHONE)
    files.opened.clear()
    music = {"kind": "file", "file": {"uri": f"{files.url}/absent.wav"}}
    await calls.ask(
        "POST", f"/{connection}:hold", {"targetParticipant": phone(), "playSourceInfo": music}
    )
    await files.waiting.wait()
    await calls.ask("DELETE", f"/{connection}")
    await receiver.event("CallDisconnected")
    receiver.events.clear()

    files.opened.set()
    other = await calls.connected(receiver, PHONE)
    await calls.play(other, files.put("/good.wav", wav()))

    await receiver.event("PlayCompleted")
    assert "HoldFailed" not in receiver.names


async def test_what_a_test_says_of_a_file_counts_more(
    calls: CallsCaller, receiver: Receiver, files: FileServer
) -> None:
    connection = await calls.connected(receiver, PHONE)
    url = files.put("/good.wav", wav())
    await calls.far_ends(sources={url: "badFormat"})

    await calls.play(connection, url)

    await receiver.event("PlayFailed")
    assert files.asked == []
