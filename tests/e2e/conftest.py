"""Fixtures of tests with people who deal with each other, and count what that costs."""

import aiohttp
import pytest

from tests.control import Control
from tests.e2e.kills import kill_all, kill_at
from tests.e2e.people import People, Person
from tests.e2e.storage import Kill, KillEach
from tests.stack import Host, Stack, StartHost
from tests.table_proxy import TableProxy


@pytest.fixture
def people(client: aiohttp.ClientSession, stack: Stack, request: pytest.FixtureRequest) -> People:
    """Makes users whose ids no other test has."""
    return People(client, stack.issuer, request.node.name)


@pytest.fixture
async def manager(one_host: Host, people: People) -> Person:
    """Somebody who may place calls, and is known here."""
    [manager] = people(one_host, "manager")
    manager.sign_in("Calls.Manage")
    await manager.token()
    return manager


@pytest.fixture
async def counted_host(start_host: StartHost, tables: TableProxy) -> Host:
    """A host whose storage requests are counted by `tables`. Its time limit is long enough to hold
    one request while others come to where they are held."""
    return await start_host(
        TABLES_CONNECTION_STRING=tables.connection_string, UPSTREAM_TIMEOUT_SECONDS="60"
    )


@pytest.fixture
def controls(acs: Control, graph: Control, table_faults: Control) -> dict[str, Control]:
    """Of everybody whom a host asks, by where a step is."""
    return {"acs": acs, "graph": graph, "tables": table_faults}


@pytest.fixture
def kill(counted_host: Host, controls: dict[str, Control]) -> Kill:
    """Sends a request, kills the counted host at a step of it, and starts it again."""
    return lambda step, request: kill_at(step, counted_host, controls, request)


@pytest.fixture
def kill_each(counted_host: Host, controls: dict[str, Control]) -> KillEach:
    """The same for many requests at once, each at its own step: see `kill_all`."""
    return lambda cut_short: kill_all(cut_short, counted_host, controls)
