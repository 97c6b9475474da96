"""How a stack serves its page: it makes it at the first visit, shows its progress meanwhile, and
keeps it."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from devstack.web.making import Failure, Making
from devstack.web.server import make_app
from devstack.web.sources import STAMP, Addresses, environment_of, fingerprint, is_current
from tests.support.ports import free_port

ADDRESSES = Addresses(
    "http://127.0.0.1:1/api", "http://127.0.0.1:2", "ws://127.0.0.1:3/_emulator/calling"
)
# What a build does, in small: it waits for a file to go on, and one says whether it can.
BUILD = """
import pathlib, sys, time
page, stamp, allowed = map(pathlib.Path, sys.argv[1:])
(page / "assets").mkdir(parents=True, exist_ok=True)
print("stage: building the page", flush=True)
while not allowed.exists():
    time.sleep(0.01)
if allowed.read_text() != "well":
    sys.exit(1)
(page / "index.html").write_text("the page")
(page / "assets" / "a.js").write_text("a file")
(page / ".stamp").write_text(stamp.read_text())
"""

type Visit = Callable[..., Awaitable[tuple[int, str, aiohttp.ClientResponse]]]


@pytest.fixture
def allowed(tmp_path: Path) -> Path:
    """Written, it lets the build go on: to the end, if it says `well`."""
    return tmp_path / "allowed"


@pytest.fixture
async def making(tmp_path: Path, allowed: Path) -> AsyncIterator[Making]:
    stamp = tmp_path / "stamp"
    stamp.write_text(fingerprint(ADDRESSES))
    page = tmp_path / "page"
    command = [sys.executable, "-c", BUILD, *map(str, (page, stamp, allowed))]
    making = Making(page, ADDRESSES, command, "logs/web.log")
    yield making
    await making.stop()


@pytest.fixture
async def visit(making: Making, client: aiohttp.ClientSession) -> AsyncIterator[Visit]:
    """Asks the server of the page for a path; gives status and text."""
    runner = web.AppRunner(make_app(making), access_log=None)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()

    async def ask(
        path: str = "/", host: str = "localhost"
    ) -> tuple[int, str, aiohttp.ClientResponse]:
        url = f"http://127.0.0.1:{port}{path}"
        headers = {"Host": f"{host}:{port}"}
        async with client.get(url, headers=headers, allow_redirects=False) as answer:
            return answer.status, await answer.text(), answer

    yield ask
    await runner.cleanup()


async def until(visit: Visit, status: int) -> str:
    while (answer := await visit())[0] != status:
        await asyncio.sleep(0.02)
    return answer[1]


async def test_the_first_visit_makes_the_page_and_says_how_far_it_is(
    visit: Visit, allowed: Path
) -> None:
    status, text, answer = await visit()
    assert (status, answer.headers["Retry-After"]) == (503, "1")
    assert "Installing the npm packages of the page" in text
    while "Building the page" not in text:
        _, text, _ = await visit()

    allowed.write_text("well")

    assert await until(visit, 200) == "the page"


async def test_a_page_that_is_there_is_given_at_once_and_after_a_restart(
    visit: Visit, making: Making, allowed: Path
) -> None:
    allowed.write_text("well")
    await visit()
    await until(visit, 200)
    again = Making(making.page, ADDRESSES, ["no such command"], "")

    assert making.state() is None
    assert again.state() is None


async def test_a_build_that_fails_is_told_in_one_line_and_made_again_when_somebody_asks(
    visit: Visit, allowed: Path
) -> None:
    allowed.write_text("badly")
    await visit()

    text = await until(visit, 500)
    assert "The page cannot be built: the end of logs/web.log says why." in text
    assert (await visit())[0] == 500  # it is not made again and again

    allowed.write_text("well")
    status, _, answer = await visit("/try-again")
    assert (status, answer.headers["Location"]) == (303, "/")
    assert await until(visit, 200) == "the page"


async def test_an_installation_that_fails_asks_whether_the_machine_is_offline(
    tmp_path: Path,
) -> None:
    command = [sys.executable, "-c", "import sys; sys.exit(1)"]
    making = Making(tmp_path / "page", ADDRESSES, command, "logs/web.log")
    while not isinstance(state := making.state(), Failure):
        await asyncio.sleep(0.02)

    assert "is this machine offline?" in state.line
    assert "\n" not in state.line


async def test_a_stop_ends_what_is_being_made(making: Making) -> None:
    making.state()
    while making.pid is None:
        await asyncio.sleep(0.02)

    await making.stop()

    assert making.pid is None


@pytest.mark.parametrize(
    ("path", "status"),
    [
        *[("/assets/a.js", 200), ("/assets/b.js", 404), ("/.stamp", 404), ("/assets/", 404)],
        *[("/..%2fstamp", 404), ("/assets/..%2f..%2fstamp", 404), ("/%2fetc/passwd", 404)],
    ],
)
async def test_only_files_of_the_page_are_given(
    visit: Visit, allowed: Path, path: str, status: int
) -> None:
    allowed.write_text("well")
    await visit()
    await until(visit, 200)

    answered, _, answer = await visit(path)

    assert answered == status
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert ("immutable" in answer.headers.get("Cache-Control", "")) == (status == 200)


async def test_the_page_has_one_name(visit: Visit, making: Making) -> None:
    status, _, answer = await visit("/?code=1&state=2", host="127.0.0.1")
    stranger, _, _ = await visit(host="rebound.example")

    assert (status, stranger) == (307, 403)
    assert answer.headers["Location"].startswith("http://localhost:")
    assert answer.headers["Location"].endswith("/?code=1&state=2")
    assert making.pid is None  # neither has made it


def test_a_page_is_as_old_as_what_it_was_made_from(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "node_modules").mkdir()
    source, package = tmp_path / "src" / "a.ts", tmp_path / "node_modules" / "b.js"
    source.write_text("1")
    first = fingerprint(ADDRESSES, tmp_path)
    package.write_text("2")

    assert fingerprint(ADDRESSES, tmp_path) == first
    assert fingerprint(Addresses("http://127.0.0.1:9/api", "", ""), tmp_path) != first
    source.write_text("3")
    assert fingerprint(ADDRESSES, tmp_path) != first


def test_a_page_that_somebody_was_making_is_none(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("half of it")

    assert not is_current(tmp_path, ADDRESSES)
    (tmp_path / STAMP).write_text(fingerprint(ADDRESSES))
    assert is_current(tmp_path, ADDRESSES)


def test_exported_addresses_do_not_reach_the_page_of_a_stack() -> None:
    given = environment_of(ADDRESSES, {"PAGE_SCOPE": "mine", "PAGE_API": "mine", "HOME": "/home"})

    assert given == {**ADDRESSES.environment(), "HOME": "/home"}
