"""What a request to Azure that fails says and leaves behind, and when it ends."""

import asyncio
import contextlib
import gc
import sys
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest
from aiohttp import web
from aiohttp.helpers import TimeoutHandle
from aiohttp.test_utils import TestServer
from azure.core import AsyncPipelineClient
from azure.core.rest import HttpRequest

from shared.settings import load
from shared.table_api import TableApi
from shared.tables import CALLS
from shared.unavailable import StorageUnavailable
from shared.upstream.clients import Upstream
from shared.upstream.concurrency import SharedWork, SingleFlight, for_each
from shared.upstream.failures import ErrorAnswer, NoAnswer, NotSent, RequestFailed
from shared.upstream.sdk import by_sdk
from shared.upstream.signing import SharedSignature
from shared.upstream.wire import Wire, _within
from tests.project.settings_world import GOOD

type Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None] | None]


@pytest.fixture
def no_search_for_cycles() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
async def refusing(request: pytest.FixtureRequest) -> AsyncIterator[TableApi]:
    """A table whose storage answers every request with the status of the test."""

    async def answer(_request: web.Request) -> web.Response:
        return web.json_response({"odata.error": {"code": "Refused"}}, status=request.param)

    app, upstream = web.Application(), Upstream()
    app.router.add_route("*", "/{_:.*}", answer)
    async with TestServer(app) as server:
        text = f"AccountName=a;AccountKey=QUJD;TableEndpoint={server.make_url('/a')}"
        settings = load({**GOOD, "TABLES_CONNECTION_STRING": text})
        yield TableApi(CALLS, settings.upstream, upstream)
        await upstream.close()


@pytest.mark.usefixtures("no_search_for_cycles")
@pytest.mark.parametrize("refusing", [403, 404, 409, 412], indirect=True)
async def test_an_error_is_gone_once_it_is_handled(refusing: TableApi) -> None:
    """Its traceback holds the request of the client, whose body may have a megabyte."""
    try:
        await refusing.get("partition", "row")
    except ErrorAnswer as error:
        kept, code = weakref.ref(error), error.code

    assert kept() is None
    assert code == "Refused"


def close(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


def stop_in_mid_answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
    writer.close()


def answer_no_http(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
    writer.close()


def answer_a_bad_chunk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno number\r\n")
    writer.close()


async def be_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


@contextlib.asynccontextmanager
async def unanswered(serve: Serve | None) -> AsyncIterator[str]:
    """The address of a server that answers nothing; None: nobody listens there."""
    server = await asyncio.start_server(serve or close, "127.0.0.1", 0)
    address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    if serve is None:
        server.close()
    yield address
    server.close()


@pytest.mark.usefixtures("no_search_for_cycles")
@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    "serve", [None, close, be_silent, stop_in_mid_answer, answer_no_http, answer_a_bad_chunk]
)
async def test_a_request_without_an_answer_is_gone_once_that_is_handled(
    serve: Serve | None, scheme: str
) -> None:
    """What aiohttp knows of it holds its body, which may have a megabyte."""
    body, upstream = b"x" * 1000, Upstream()
    before = sys.getrefcount(body)
    async with unanswered(serve) as address:
        wire = Wire(upstream.session, f"{scheme}://{address}", SharedSignature("signature"))
        with contextlib.suppress(RequestFailed):
            await wire.send("POST", "/", {}, body, seconds=0.1)
        await upstream.close()

    async with asyncio.timeout(10):  # the loop tells the ends of connections a little later
        while sys.getrefcount(body) > before:
            await asyncio.sleep(0)


async def by_wire(upstream: Upstream, endpoint: str) -> None:
    await Wire(upstream.session, endpoint, SharedSignature("signature")).send("POST", "/", {})


async def through_sdk(upstream: Upstream, endpoint: str) -> None:
    client = AsyncPipelineClient(endpoint, **upstream.client_options())
    await by_sdk(lambda: client.send_request(HttpRequest("POST", f"{endpoint}/")))


@pytest.mark.parametrize("ask", [by_wire, through_sdk])
@pytest.mark.parametrize(("serve", "failure"), [(None, NotSent), (close, NoAnswer)])
async def test_only_what_no_service_was_asked_for_is_said_not_to_be_sent(
    serve: Serve | None,
    failure: type[RequestFailed],
    ask: Callable[[Upstream, str], Awaitable[None]],
) -> None:
    upstream = Upstream()
    async with unanswered(serve) as address:
        with pytest.raises(RequestFailed) as caught:
            await ask(upstream, f"http://{address}")
        await upstream.close()

    assert type(caught.value) is failure


class Held:
    """What the variables of a request hold."""


async def fail() -> None:
    raise StorageUnavailable


async def work_on_many() -> None:
    await for_each(range(3), lambda _: fail())


async def share_own_work() -> None:
    await SingleFlight[str, None](10).do("key", fail)


async def share_the_work_of_another() -> None:
    flights = SingleFlight[str, None](10)
    await asyncio.gather(*(flights.do("key", fail) for _ in range(2)))


async def do_what_others_wait_for() -> None:
    works = SharedWork[str, None](10)
    await asyncio.gather(*(works.do("key", fail) for _ in range(2)))


async def do_alone_what_others_could_wait_for() -> None:
    await SharedWork[str, None](10).do("key", fail)


@pytest.mark.usefixtures("no_search_for_cycles")
@pytest.mark.parametrize(
    "work",
    [
        work_on_many,
        share_own_work,
        share_the_work_of_another,
        do_what_others_wait_for,
        do_alone_what_others_could_wait_for,
    ],
)
async def test_a_request_whose_concurrent_work_failed_is_gone_once_that_is_handled(
    work: Callable[[], Awaitable[None]],
) -> None:
    async def request() -> "weakref.ref[Held]":
        held = Held()
        with contextlib.suppress(StorageUnavailable):
            await work()
        return weakref.ref(held)

    kept = await request()

    async with asyncio.timeout(10):
        while kept() is not None:
            await asyncio.sleep(0)


@pytest.mark.parametrize("seconds", [0.1, 1.0, 3.3, 33.0])
def test_an_attempt_ends_at_its_own_time_and_not_at_the_next_whole_second(seconds: float) -> None:
    limit = _within(seconds)
    with contextlib.closing(asyncio.new_event_loop()) as loop:
        loop.time = lambda: 0.5  # type: ignore[method-assign]

        ends = TimeoutHandle(loop, limit.total, ceil_threshold=limit.ceil_threshold).start()

        assert ends is not None
        assert ends.when() == 0.5 + seconds
