"""The golden rows in the stack's tables, and clients of the product as it reads them."""

from collections.abc import AsyncIterator, Callable, Iterator
from datetime import datetime

import pytest

from shared.app import App
from shared.calls.reconciling import CallReconciling
from shared.principals import Principal
from tests.golden.client import Client
from tests.golden.product import READ, START, golden_app, golden_environment, signed_in
from tests.golden.rows import GoldenTables, golden_tables
from tests.support.control import Control
from tests.support.stack import Stack

# Signs somebody in, with roles, at a host of the product.
type SignIn = Callable[..., Client]
type Changing = Callable[..., GoldenTables]


class NoAcs:
    """It is never asked."""

    async def exists(self, connection_id: str) -> bool:
        raise AssertionError(f"{connection_id} is asked for")


@pytest.fixture
async def acs(acs: Control) -> Control:
    """ACS keeps its events, or hosts of other tests would ask it for things that these count."""
    await acs.put("callbacks", {"hold": True})
    return acs


@pytest.fixture(scope="package")
def golden(stack: Stack) -> Iterator[GoldenTables]:
    """The golden rows, stored once for all tests that only read."""
    with golden_tables(stack.values["tablesConnectionString"]) as tables:
        yield tables


@pytest.fixture
def changing(golden: GoldenTables) -> Iterator[Changing]:
    """For a test that changes rows: names their tables, and gives the golden rows, which are there
    again afterwards."""
    changed = set[str]()

    def change(*tables: str) -> GoldenTables:
        changed.update(tables)
        return golden

    yield change
    golden.restore(*sorted(changed))


@pytest.fixture
def read_at() -> datetime:
    """When the host of `app` reads the rows: four hours after the scenes have begun."""
    return READ


@pytest.fixture
async def app(
    stack: Stack, golden: GoldenTables, read_at: datetime, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[App]:
    """A host of the product."""
    for name in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER", "AZURE_TOKEN_CREDENTIALS"):
        monkeypatch.setenv(name, stack.settings[name])
    app = golden_app(golden_environment(stack.settings), lambda: read_at)
    # It never asks ACS whether calls go on: ACS has none of the golden ones any more.
    app.call_reconciling = CallReconciling(app.call_records, NoAcs(), lambda: START)
    yield app
    await app.upstream.close()


@pytest.fixture
def sign_in(app: App) -> SignIn:
    def somebody(who: Principal | str, *roles: str, **more: str) -> Client:
        return Client(app, signed_in(who, None, *roles, object_id=more.get("object_id")))

    return somebody
