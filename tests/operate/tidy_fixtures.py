"""The fixtures of the tests of Tidy."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from shared.intents import SHARDS, Intents
from shared.operate.tidy import Tidy
from shared.settings import load
from shared.table_api import TableApi
from shared.tables import INTENTS, Table
from shared.upstream.clients import Upstream
from tests.operate.tidy_world import Clock, Finishers, MakeTidy, Sweeper
from tests.support.stack import Stack
from tests.support.table_proxy import TableProxy


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def finishers() -> Finishers:
    return Finishers()


@pytest.fixture
async def table(stack: Stack, tables: TableProxy) -> AsyncIterator[Table]:
    upstream = Upstream()
    settings = load(stack.with_tables(tables.connection_string).settings).upstream
    yield Table(TableApi(INTENTS, settings, upstream))
    await upstream.close()


@pytest.fixture
async def intents(table: Table, clock: Clock) -> AsyncIterator[Intents]:
    intents = Intents(table, clock)
    # Each test begins as if there had been no run; those of other modules leave a note, too.
    await table.remove(SHARDS[0], "!last run")
    yield intents
    clock.now += timedelta(days=3)
    for shard in SHARDS:
        for left in await intents.due(shard, 1000):
            await intents.end(left)
    await table.remove(SHARDS[0], "!last run")


@pytest.fixture
def sweeper() -> Sweeper:
    return Sweeper()


@pytest.fixture
def tidy_of(sweeper: Sweeper, clock: Clock) -> MakeTidy:
    def make(intents: Intents, finishers: Any, **times: Any) -> Tidy:
        return Tidy(intents, finishers, lambda: [sweeper], now=clock, **times)

    return make
