"""Trouble behind the service is told truthfully, in time, and never makes a second identity."""

import asyncio
from collections.abc import Iterator
from subprocess import PIPE, Popen

import aiohttp
import pytest

from devstack.stack import azurite
from tests.support.api import Reply, ask, mappings
from tests.support.control import Control
from tests.support.ports import free_port
from tests.support.stack import ROOT, Host, Stack, StartHost, wait_until_open
from tests.support.table_proxy import TableProxy

LIMIT = 2  # seconds: UPSTREAM_TIMEOUT_SECONDS of a host that is hurried
# What goes wrong until it is mended, and the status of what clients are told where it is ACS. How
# busy storage is does not depend on the client: that is 503 always.
FAULTS: dict[str, tuple[dict[str, object], int]] = {
    "throttled": ({"status": 429, "retryAfter": 7}, 429),
    "throttled without a hint": ({"status": 429}, 429),
    "500": ({"status": 500}, 503),
    "503": ({"status": 503, "retryAfter": 9}, 503),
    "a gateway's page": ({"status": 502, "body": "<html>Bad gateway</html>"}, 503),
    "dropped before the effect": ({"drop": "before"}, 503),
    "dropped after the effect": ({"drop": "after"}, 503),
}
SILENT = {"acs": ["create", "issue"], "tables": ["get", "insert"]}
MOMENTS = ["before", "after"]
UNAVAILABLE = {"acs": "communication-unavailable", "tables": "storage-unavailable"}


@pytest.fixture
async def hurried(
    stack: Stack, start_host: StartHost, tables: TableProxy, client: aiohttp.ClientSession
) -> Host:
    """A host that has been asked before, so that its start is not within the limit."""
    host = await start_host(
        TABLES_CONNECTION_STRING=tables.connection_string, UPSTREAM_TIMEOUT_SECONDS=str(LIMIT)
    )
    await ask(client, host, "/user", stack.token("nobody"))
    return host


async def settled_at(
    client: aiohttp.ClientSession, host: Host, path: str, token: str, tries: int = 5
) -> Reply:
    """The answer once nothing is wrong; on a machine that stands still, the time is up again."""
    reply = await ask(client, host, path, token)
    is_late = reply.status == 503 and reply.json["code"] == "timed-out"
    return await settled_at(client, host, path, token, tries - 1) if is_late and tries else reply


def is_told(reply: Reply, where: str, status: int, spec: dict[str, object]) -> None:
    """What has gone wrong, in the words of the API, and when to come again."""
    code = "throttled" if status == 429 else UNAVAILABLE[where]
    assert (reply.status, reply.json["code"]) == (status, code), spec
    assert reply.headers["Content-Type"] == "application/problem+json"
    wait = reply.headers["Retry-After"]
    assert wait == str(spec["retryAfter"]) if "retryAfter" in spec else int(wait) >= 1


@pytest.mark.parametrize("operation", ["create", "issue"])
async def test_trouble_with_acs(
    stack: Stack, one_host: Host, client: aiohttp.ClientSession, acs: Control, operation: str
) -> None:
    for name, (spec, status) in FAULTS.items():
        user = f"acs {operation} {name}"
        token = stack.token(user)
        if operation == "issue":
            await ask(client, one_host, "/token", token)
        path = "/token?expiresInMinutes=61"
        await acs.fault(operation, **spec)

        troubled = await ask(client, one_host, path, token)
        await acs.clear()
        settled = await ask(client, one_host, path, token)

        is_told(troubled, "acs", status, spec)
        assert settled.status == 200, name
        assert mappings(stack, user) == [settled.user_id], name


@pytest.mark.parametrize("operation", ["get", "insert"])
async def test_trouble_with_storage(
    stack: Stack,
    counted_host: Host,
    client: aiohttp.ClientSession,
    acs: Control,
    table_faults: Control,
    operation: str,
) -> None:
    for name, (spec, _) in FAULTS.items():
        user = f"tables {operation} {name}"
        token, before = stack.token(user), await acs.state()
        await table_faults.fault(operation, **spec)

        for _ in range(2):
            is_told(await ask(client, counted_host, "/token", token), "tables", 503, spec)
        await table_faults.clear()
        settled = await ask(client, counted_host, "/token", token)

        assert settled.status == 200, name
        assert mappings(stack, user) == [settled.user_id], name
        # However often the client came back, storage's trouble left no identities behind.
        assert (await acs.state())["created"] - before["created"] == 1, name


@pytest.mark.parametrize("where", ["acs", "tables"])
async def test_silence_is_told_when_the_time_is_up(
    stack: Stack,
    hurried: Host,
    client: aiohttp.ClientSession,
    acs: Control,
    controls: dict[str, Control],
    where: str,
) -> None:
    """ACS is silent to all at the same time, or the test would last as long as all of them."""
    path, asking = "/token?expiresInMinutes=61", dict[str, asyncio.Task[Reply]]()
    users = [f"silence {where} {what} {when}" for what in SILENT[where] for when in MOMENTS]
    if where == "acs":
        for user in users:  # so that nothing but what is silent is asked for
            if "issue" in user:
                await ask(client, hurried, "/token", stack.token(user))
    before = await acs.state()
    for user in users:
        _, _, operation, moment = user.split(" ")
        # Storage is asked again within the time, and is silent again.
        times = {} if where == "tables" else {"times": 1}
        fault = await controls[where].fault(operation, hold=moment, **times)
        token = stack.token(user)
        asking[user] = asyncio.create_task(ask(client, hurried, path, token))
        await controls[where].held(fault)
        if where == "tables":
            await asyncio.wait([asking[user]])
            await controls[where].clear()

    for user, task in asking.items():
        silent = await task
        assert (silent.status, silent.json["code"]) == (503, "timed-out"), user
        assert int(silent.headers["Retry-After"]) >= 1
        assert silent.headers["Content-Type"] == "application/problem+json"
    await controls[where].clear()

    for user in users:
        settled = await settled_at(client, hurried, path, stack.token(user))
        assert settled.status == 200, user
        assert mappings(stack, user) == [settled.user_id], user
    if where == "tables":
        assert (await acs.state())["created"] - before["created"] == len(users)


async def test_a_passing_fault_is_not_noticed_at_all(
    stack: Stack,
    counted_host: Host,
    client: aiohttp.ClientSession,
    acs: Control,
    table_faults: Control,
) -> None:
    await acs.fault("create", status=503, times=1)
    await table_faults.fault("get", drop="before", times=1)
    await table_faults.fault("insert", drop="after", times=2)

    reply = await ask(client, counted_host, "/token", stack.token("passing"))

    assert mappings(stack, "passing") == [reply.user_id]


async def test_an_identity_in_the_making_is_finished_after_its_request_gave_up(
    stack: Stack, hurried: Host, client: aiohttp.ClientSession, acs: Control, table_faults: Control
) -> None:
    token, before = stack.token("given up"), await acs.state()
    fault = await table_faults.fault("insert", hold="after")
    gave_up = await ask(client, hurried, "/token", token)
    await table_faults.release(fault)
    settled = await settled_at(client, hurried, "/token", token)

    assert (gave_up.status, gave_up.json["code"]) == (503, "timed-out")
    assert mappings(stack, "given up") == [settled.user_id]
    after = await acs.state()
    assert after["created"] - before["created"] == 1


@pytest.fixture(scope="module")
def bare_tables() -> Iterator[str]:
    """An Azurite in which nobody has made a table, and nobody makes one."""
    port = free_port()
    command = azurite.command(port=port, folder=None)
    with Popen(command, cwd=ROOT, stdin=PIPE) as process:
        wait_until_open(port)
        yield azurite.connection_string(port)
        process.kill()


@pytest.mark.parametrize(
    ("what", "code", "log"),
    [
        ("missing table", "table-missing", "python -m shared.operate.provision"),
        ("wrong key", "storage-refused", "check TABLES_CONNECTION_STRING"),
        ("outage", "storage-unavailable", "storage cannot be reached"),
    ],
)
async def test_storage_that_cannot_answer_is_never_taken_for_a_new_user(
    stack: Stack,
    start_host: StartHost,
    client: aiohttp.ClientSession,
    acs: Control,
    bare_tables: str,
    what: str,
    code: str,
    log: str,
) -> None:
    settings = stack.settings["TABLES_CONNECTION_STRING"]
    broken = {
        "missing table": bare_tables,
        "wrong key": settings.replace("AccountKey=", "AccountKey=AAAA"),
        "outage": azurite.connection_string(free_port()),
    }[what]
    host = await start_host(TABLES_CONNECTION_STRING=broken)
    before, token = await acs.state(), stack.token("nobody new")

    for path in ("/token", "/user"):
        reply = await ask(client, host, path, token)
        assert (reply.status, reply.json["code"]) == (503, code)
        assert int(reply.headers["Retry-After"]) >= 1
    ready = await ask(client, host, "/health/ready")

    assert (await acs.state())["requests"]["create"] == before["requests"]["create"]
    assert (ready.status, ready.json["detail"]) == (503, "Down: storage.")
    assert log in host.log.read_text()


async def test_a_wrong_acs_key_is_told_truthfully(
    stack: Stack, start_host: StartHost, client: aiohttp.ClientSession
) -> None:
    endpoint = stack.values["acs"]
    host = await start_host(COMMUNICATION_CONNECTION_STRING=f"endpoint={endpoint};accesskey=AAAA")

    reply = await ask(client, host, "/token", stack.token("wrong acs key"))
    ready = await ask(client, host, "/health/ready")

    assert (reply.status, reply.json["code"]) == (503, "communication-refused")
    assert (ready.status, ready.json["detail"]) == (503, "Down: communication.")
    assert "check COMMUNICATION_CONNECTION_STRING" in host.log.read_text()
    assert mappings(stack, "wrong acs key") == []


async def test_an_issuer_that_is_down_is_not_the_clients_fault(
    stack: Stack, start_host: StartHost, client: aiohttp.ClientSession
) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    host = await start_host(AUTH_ISSUER=url)

    reply = await ask(client, host, "/token", stack.token("x", iss=url))
    ready = await ask(client, host, "/health/ready")

    assert (reply.status, reply.json["code"]) == (503, "issuer-unavailable")
    assert (ready.status, ready.json["detail"]) == (503, "Down: issuer 1.")


async def test_wrong_settings_stop_the_first_request_and_are_all_named(
    stack: Stack, start_host: StartHost, client: aiohttp.ClientSession
) -> None:
    host = await start_host(AUTH_ISSUER="http://insecure.example", TOKEN_SCOPES="video")

    for path in ("/token", "/user", "/health/ready"):
        reply = await ask(client, host, path, stack.token("x"))
        assert (reply.status, reply.json["code"]) == (500, "misconfigured")
        assert reply.json["detail"] == "Wrong or missing settings: AUTH_ISSUER, TOKEN_SCOPES."
    assert (await ask(client, host, "/health")).status == 200
    assert "insecure.example" not in host.log.read_text()
