"""What a request to Azure that fails leaves behind, and when it ends."""

import asyncio
import contextlib
import gc
import weakref
from collections.abc import AsyncIterator, Iterator

import pytest
from aiohttp import web
from aiohttp.helpers import TimeoutHandle
from aiohttp.test_utils import TestServer
from azure.core.exceptions import HttpResponseError

from shared.settings import load
from shared.table_api import TableApi
from shared.tables import CALLS
from shared.upstream.clients import Upstream
from shared.upstream.wire import _within
from tests.project.settings_world import GOOD


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
    except HttpResponseError as error:
        kept, code = weakref.ref(error), getattr(error, "error_code", None)

    assert kept() is None
    assert code == "Refused"


@pytest.mark.parametrize("seconds", [0.1, 1.0, 3.3, 33.0])
def test_an_attempt_ends_at_its_own_time_and_not_at_the_next_whole_second(seconds: float) -> None:
    limit = _within(seconds)
    with contextlib.closing(asyncio.new_event_loop()) as loop:
        loop.time = lambda: 0.5  # type: ignore[method-assign]

        ends = TimeoutHandle(loop, limit.total, ceil_threshold=limit.ceil_threshold).start()

        assert ends is not None
        assert ends.when() == 0.5 + seconds
