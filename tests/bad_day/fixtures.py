"""The fixtures of bad days."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest

from tests.bad_day.balancer import balanced
from tests.bad_day.cast import Cast
from tests.bad_day.patience import Hosts
from tests.bot_calls.incoming import PROOF
from tests.bot_calls.incoming_fixtures import QUICK
from tests.support.control import Control
from tests.support.own_tables import own_tables
from tests.support.ports import free_port
from tests.support.stack import Stack, StartHost
from tests.support.table_proxy import TableProxy


@pytest.fixture(scope="module")
def own_stack(stack: Stack) -> Iterator[Stack]:
    """The stack with tables in which nothing is of other tests."""
    with own_tables(stack) as own:
        yield own


@pytest.fixture
async def failing_tables(own_stack: Stack) -> AsyncIterator[TableProxy]:
    async with TableProxy(own_stack.values["tablesConnectionString"]).running() as proxy:
        yield proxy


@pytest.fixture
async def upstreams(
    failing_tables: TableProxy, acs: Control, graph: Control
) -> AsyncIterator[dict[str, Control]]:
    """Everybody whom hosts ask, and who fails on a bad day."""
    async with Control(failing_tables.url) as tables:
        yield {"tables": tables, "acs": acs, "graph": graph}


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    return random.Random(request.config.getoption("--bad-day-seed"))


@pytest.fixture
async def cast(
    own_stack: Stack,
    failing_tables: TableProxy,
    upstreams: dict[str, Control],
    start_host: StartHost,
    client: aiohttp.ClientSession,
    chance: random.Random,
) -> AsyncIterator[Cast]:
    """Two hosts behind one address, on which nothing fails yet."""
    port, acs = free_port(), upstreams["acs"]
    address = f"http://127.0.0.1:{port}"
    settings = {
        "TABLES_CONNECTION_STRING": failing_tables.connection_string,
        "CALLBACK_BASE_URL": address,
    }
    both = await asyncio.gather(*(start_host(**settings) for _ in range(2)))
    await acs.put("farEnds", QUICK)
    # Whatever is told is told twice, and in any order.
    told = {"order": "shuffled", "repeat": 2, "seed": chance.getrandbits(32)}
    await acs.put("callbacks", told)
    # Event Grid's pauses, ten times as fast: a call rings for 30 seconds.
    grid = {"headers": PROOF, "retryMs": 1000, "attempts": 6, "repeat": 2}
    async with balanced(both, port, random.Random(chance.getrandbits(32))):
        await acs.put("eventSubscription", {"url": f"{address}/api/incomingCalls", **grid})
        yield Cast(own_stack, client, Hosts(both, chance), acs, upstreams["graph"], chance, address)
        await acs.unsubscribe()
