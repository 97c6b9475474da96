"""Fixtures that many tests share, and the parts' logs beside every failure."""

import gc
from collections.abc import AsyncIterator, Generator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from shared.app import App
from shared.operate.tidy import Tidy
from shared.settings import load
from tests.bad_day.suite import (
    FAILED_REQUESTS,
    bad_day_of,
    failed_requests,
    leave_out_what_a_bad_day_excludes,
)
from tests.support import patience, sampling
from tests.support.collection import (
    BAD_DAY,
    BAD_DAY_OPTIONS,
    ONLY_WHEN_ASKED_FOR,
    describe_marks,
    leave_out_what_was_not_asked_for,
    longest_first,
    mark_techniques,
    scheduler,
)
from tests.support.control import Control
from tests.support.costs import Counting
from tests.support.described import DESCRIBED_ANSWERS
from tests.support.kills import kill_all, kill_at
from tests.support.part_errors import PART_ERRORS
from tests.support.people import People, Person
from tests.support.ports import free_port
from tests.support.sampling import Few, take_few
from tests.support.stack import Host, Issuer, Stack, StartHost
from tests.support.storage import Kill, KillEach
from tests.support.table_proxy import TableProxy
from tests.support.warm_stack import WarmStack

if TYPE_CHECKING:
    from tests.bad_day.upstreams import FailingUpstreams

_LOG_LINES = 40
_stacks: list[Stack] = []
_bad_days: "list[FailingUpstreams]" = []


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[Stack]:
    """One stack for the whole run, without a functions host."""
    stack = WarmStack(tmp_path_factory.mktemp("stack") / "state")
    stack.start()
    _stacks.append(stack)
    emulators = [path for path in stack.logs if path.name in ("acs.log", "graph.log")]
    for log in emulators:
        PART_ERRORS.watch(log)
    try:
        if pytestconfig.getoption("--bad-day"):
            from tests.bad_day.upstreams import bad_days  # knows half of the tests

            with bad_days(stack) as upstreams:
                _bad_days.append(upstreams)
                yield stack
        else:
            yield stack
    finally:
        for log in emulators:
            PART_ERRORS.forget(log)
        _stacks.remove(stack)
        stack.stop()


@pytest.fixture(autouse=True)
def bad_day(request: pytest.FixtureRequest) -> Iterator[None]:
    """With `--bad-day`: what fails during a test follows from the seed and the test's name."""
    config = request.config
    if not config.getoption("--bad-day"):
        yield
        return
    request.getfixturevalue("stack")
    upstreams = _bad_days[-1]
    upstreams.begin(f"{config.getoption('--bad-day-seed')} {request.node.nodeid}")
    yield
    request.node.user_properties.append((FAILED_REQUESTS, upstreams.end()))


@pytest.fixture(autouse=True)
def nothing_went_wrong_beside() -> Iterator[None]:
    """Fails a test during which something failed in the background of an emulator, or a host gave
    an answer that the OpenAPI description lacks."""
    yield
    failed, undescribed = PART_ERRORS.new(), DESCRIBED_ANSWERS.undescribed()
    assert (failed, undescribed) == ([], [])


@pytest.fixture
async def acs(stack: Stack) -> AsyncIterator[Control]:
    """The ACS emulator's inspection; what a test makes of it ends with the test."""
    async with Control(stack.values["acs"]) as control:
        yield control
        for what in control.changed & {"farEnds", "callbacks"}:
            await control.put(what, {})


@pytest.fixture
async def graph(stack: Stack) -> AsyncIterator[Control]:
    """The Graph emulator's inspection and faults; faults and the tenant are as before after it."""
    async with Control(stack.values["graph"]) as control:
        yield control
        if "tenant" in control.changed:
            await control.tenant()


@pytest.fixture
async def tables(stack: Stack) -> AsyncIterator[TableProxy]:
    """A counting, failing proxy in front of the stack's tables."""
    async with TableProxy(stack.values["tablesConnectionString"]).running() as proxy:
        yield proxy


@pytest.fixture
async def table_faults(tables: TableProxy) -> AsyncIterator[Control]:
    async with Control(tables.url) as control:
        yield control


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests to storage are retried at once: a test that steps them waits for nobody's sleep."""
    monkeypatch.setattr("shared.upstream.retries._PAUSES", (0.0, 0.0))


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        yield session


@pytest.fixture
async def start_host(stack: Stack) -> AsyncIterator[StartHost]:
    """Starts functions hosts with settings of their own; they are killed with the test."""
    hosts: list[Host] = []

    async def start(**settings: str) -> Host:
        host = stack.host(**settings)
        hosts.append(host)
        await host.start()
        return host

    yield start
    for host in hosts:
        host.kill()


@pytest.fixture(scope="session")
def one_host(stack: Stack) -> Iterator[Host]:
    """A host with the stack's own settings, for the whole run: leave it alive."""
    host = stack.host()
    host.start_blocking()
    yield host
    host.kill()


@pytest.fixture
def second_issuer(tmp_path: Path) -> Iterator[Issuer]:
    """Another issuer, for tokens of another realm."""
    url = f"http://127.0.0.1:{free_port()}"
    with Issuer(url, tmp_path / "second-issuer.json", "api://second").running() as issuer:
        yield issuer


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
async def counting(tables: TableProxy, acs: Control, graph: Control) -> Counting:
    """Whose calls are quiet: ACS keeps its events."""
    await acs.put("callbacks", {"hold": True})
    return Counting(tables, acs, graph)


@pytest.fixture
async def tidy(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Tidy]:
    """Ends what requests of more than a minute ago have left: here, whatever requests have left."""
    for name in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER", "AZURE_TOKEN_CREDENTIALS"):
        monkeypatch.setenv(name, stack.settings[name])
    app = App(load(stack.settings), lambda: datetime.now(UTC) + timedelta(minutes=2))
    yield app.tidy
    await app.upstream.close()


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


@pytest.fixture
def few(request: pytest.FixtureRequest) -> Few:
    """Takes one in 27 of the cases of a test that tries many alike, with `--slow` one in three and
    with `--soak` all."""
    return take_few(request.node.name)


@pytest.fixture
def sample(request: pytest.FixtureRequest) -> Few:
    """Takes one in 27 of the cases, with `--slow` all."""
    return take_few(request.node.name, one_in_of_slow=1)


def pytest_addoption(parser: pytest.Parser) -> None:
    for name, meaning in ONLY_WHEN_ASKED_FOR.items():
        parser.addoption(f"--{name}", action="store_true", help=f"also {meaning}")
    for name, (default, meaning) in BAD_DAY_OPTIONS.items():
        parser.addoption(f"--{name}", type=int, default=default, help=f"{meaning} ({default})")
    parser.addoption("--bad-day", action="store_true", help=BAD_DAY)


def pytest_configure(config: pytest.Config) -> None:
    gc.disable()  # modules and tests stay: looking through them again and again finds nothing
    describe_marks(config)
    sampling.soak, sampling.slow = config.getoption("--soak"), config.getoption("--slow")
    patience.patient = config.getoption("--bad-day")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    leave_out_what_was_not_asked_for(config, items)
    mark_techniques(items)
    if config.getoption("--bad-day"):
        leave_out_what_a_bad_day_excludes(config, items)
    if hasattr(config, "workerinput"):
        longest_first(items)


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    return scheduler(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        if item.config.getoption("--bad-day"):
            report.sections.append(("the bad day", bad_day_of(item.config)))
        for path in [path for stack in _stacks for path in stack.logs]:
            lines = path.read_text(errors="replace").splitlines()[-_LOG_LINES:]
            if lines:
                report.sections.append((f"the last lines of {path.name}", "\n".join(lines)))
    return report


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if config.getoption("--bad-day"):
        reports = [one for kind in terminalreporter.stats.values() for one in kind]
        terminalreporter.write_line(f"{bad_day_of(config)}: {failed_requests(reports)}")
