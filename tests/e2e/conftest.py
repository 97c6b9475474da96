"""Fixtures of tests with people who deal with each other, and count what that costs."""

import aiohttp
import pytest

from tests.control import Control
from tests.e2e.kills import kill_at
from tests.e2e.people import People
from tests.e2e.storage import Kill
from tests.stack import Host, Stack, StartHost
from tests.table_proxy import TableProxy


@pytest.fixture
def people(client: aiohttp.ClientSession, stack: Stack, request: pytest.FixtureRequest) -> People:
    """Makes users whose ids no other test has."""
    return People(client, stack.issuer, request.node.name)


@pytest.fixture
async def counted_host(start_host: StartHost, tables: TableProxy) -> Host:
    """A host whose storage requests are counted by `tables`."""
    return await start_host(TABLES_CONNECTION_STRING=tables.connection_string)


@pytest.fixture
def kill(counted_host: Host, acs: Control, table_faults: Control) -> Kill:
    """Sends a request, kills the counted host at a step of it, and starts it again."""
    return lambda step, request: kill_at(step, counted_host, acs, table_faults, request)
