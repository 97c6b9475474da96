"""The golden rows in the stack's tables, and clients of the product as it reads them."""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from datetime import datetime

import pytest

from devstack.well_known import ACS_ACCESS_KEY
from shared.app import App
from shared.calls.acs_types import EstablishedCall
from shared.calls.reconciling import CallReconciling
from shared.principals import Principal
from tests.golden.client import Client
from tests.golden.product import READ, START, golden_app, golden_environment, signed_in
from tests.golden.rows import GoldenTables, golden_tables
from tests.support.acs_resource import acs_resource
from tests.support.control import Control
from tests.support.stack import Stack

# Signs somebody in, with roles, at a host of the product.
type SignIn = Callable[..., Client]
type Changing = Callable[..., GoldenTables]


class NoAcs:
    """It is never asked."""

    async def find(self, connection_id: str) -> EstablishedCall | None:
        raise AssertionError(f"{connection_id} is asked for")


@pytest.fixture(scope="package")
def acs_url(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An ACS of these tests alone: of that of the stack, hosts of other tests still ask things,
    and tests here count what is asked."""
    with acs_resource(stack, tmp_path_factory.mktemp("acs")) as url:
        yield url


@pytest.fixture
async def acs(acs_url: str) -> AsyncIterator[Control]:
    """Its inspection. It keeps its events: nobody listens at the address of the golden app."""
    async with Control(acs_url) as control:
        await control.put("callbacks", {"hold": True})
        yield control


@pytest.fixture(scope="package")
def environment(stack: Stack, acs_url: str) -> Mapping[str, str]:
    """App settings for the stack's tables and Graph, and this ACS."""
    return golden_environment(
        {
            **stack.settings,
            "COMMUNICATION_CONNECTION_STRING": f"endpoint={acs_url}/;accesskey={ACS_ACCESS_KEY}",
            "RECORDING_STORAGE_URL": acs_url,
        }
    )


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
    stack: Stack,
    environment: Mapping[str, str],
    golden: GoldenTables,
    read_at: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[App]:
    """A host of the product."""
    for name in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER", "AZURE_TOKEN_CREDENTIALS"):
        monkeypatch.setenv(name, stack.settings[name])
    app = golden_app(environment, lambda: read_at)
    # It never asks ACS whether calls go on: ACS has none of the golden ones any more.
    app.call_reconciling = CallReconciling(app.call_records, NoAcs(), lambda: START)
    yield app
    await app.upstream.close()


@pytest.fixture
def sign_in(app: App) -> SignIn:
    def somebody(who: Principal | str, *roles: str, **more: str) -> Client:
        return Client(app, signed_in(who, None, *roles, object_id=more.get("object_id")))

    return somebody
