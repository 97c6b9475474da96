"""A request to storage that gets no answer leaves time for another."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from shared.settings import load
from shared.table_api import TableApi
from shared.tables import CALLS, Row, Table
from shared.upstream.clients import Upstream
from tests.project.settings_world import GOOD

# Seconds of a request of ours: a third of it is enough for an answer, on a busy machine too.
LIMIT = 4.0
ROW = {"PartitionKey": "p", "RowKey": "r", "odata.etag": "one"}


class Storage:
    """Says nothing to the first request, and answers the next; `asked` are their methods."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.method)
        if len(self.asked) == 1:
            await asyncio.Event().wait()
        if request.method == "GET":
            is_page = "RowKey" not in request.path
            return web.json_response({"value": [ROW]} if is_page else ROW)
        return web.Response(status=204, headers={"ETag": "one"})


@asynccontextmanager
async def table_of(storage: Storage) -> AsyncIterator[Table]:
    app = web.Application()
    app.router.add_route("*", "/{_:.*}", storage.answer)
    upstream = Upstream()
    async with TestServer(app) as server:
        text = f"AccountName=a;AccountKey=QUJD;TableEndpoint={server.make_url('/a')}"
        settings = {
            **GOOD,
            "TABLES_CONNECTION_STRING": text,
            "UPSTREAM_TIMEOUT_SECONDS": str(LIMIT),
        }
        yield Table(TableApi(CALLS, load(settings).upstream, upstream))
        await upstream.close()


async def asked(ask: Callable[[Table], Awaitable[object]]) -> list[str]:
    """The methods of the requests to storage within the time of one request to us."""
    storage = Storage()
    async with table_of(storage) as table:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LIMIT * 0.9):
                await ask(table)
    return storage.asked


async def scan(table: Table) -> None:
    async for _ in table.scan("RowKey eq @row", {"row": "r"}):
        pass


@pytest.mark.usefixtures("no_pauses")
async def test_who_gets_no_answer_asks_again_within_the_time_of_the_request() -> None:
    """All at the same time, or the test would take as long as all of them."""
    one = Row("p", "r", {}, "one")

    found = await asyncio.gather(
        asked(lambda table: table.find("p", "r")),
        asked(lambda table: table.list_for("p")),
        asked(lambda table: table.insert_if_absent("p", "r", {})),
        asked(lambda table: table.replace(one, {})),
        asked(lambda table: table.remove("p", "r")),
        asked(scan),
    )

    # A scan may take storage five seconds.
    assert [*found] == [
        ["GET"] * 2,
        ["GET"] * 2,
        ["POST"] * 2,
        ["PUT"] * 2,
        ["DELETE"] * 2,
        ["GET"],
    ]
