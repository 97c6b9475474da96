"""A missing or refused credential is told as one, whichever service of Azure it is for."""

import json
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from shared.problems import Problem, Throttled
from shared.upstream.clients import Upstream
from shared.upstream.errors import problem_of
from shared.upstream.failures import ErrorAnswer, NoAccessToken, NotSent, RequestFailed
from shared.upstream.services import ACS, GRAPH, STORAGE, Service
from tests.calls.test_calls import MANAGER, PHONE, place
from tests.meetings.test_meetings import SCHEDULER, schedule
from tests.support.api import Reply, ask
from tests.support.azurite_tls import environment_with
from tests.support.control import Control
from tests.support.people import People
from tests.support.ports import free_port
from tests.support.stack import ROOT, Host, Stack, StartHost

NO_ACS_KEY = {"COMMUNICATION_CONNECTION_STRING": ""}
GIVE_IDENTITY = "az functionapp identity assign"
# No request goes there, because there is no token for it.
NO_TABLES = {
    "TABLES_CONNECTION_STRING": "",
    "TABLES_ENDPOINT": "https://127.0.0.1:1/devstoreaccount1",
}


REFUSING = {"IDENTITY_HEADER": "guessed"}


def is_told(reply: Reply, code: str) -> None:
    """As a fault of this service, that only its operator can mend, with nothing more about it."""
    assert (reply.status, reply.json["code"]) == (503, code), reply
    assert reply.headers["Retry-After"] == "30"
    told = json.dumps(reply.json).lower()
    assert not any(word in told for word in ("az ", "identity_", "credential", "key", "assign"))


async def test_an_app_without_a_token_says_so_of_acs_and_of_graph(
    stack: Stack,
    start_host: StartHost,
    one_host: Host,
    people: People,
    client: aiohttp.ClientSession,
) -> None:
    [person] = people(one_host, "person")
    person.sign_in(*MANAGER, *SCHEDULER)
    await person.token()
    keyless = stack.values["managedIdentitySettings"]
    host = await start_host(**{**NO_ACS_KEY, **keyless, **REFUSING})
    there = person.at(host)

    is_told(await there.ask("/token?expiresInMinutes=61"), "communication-refused")
    is_told(await place(there, {"phoneNumber": PHONE}), "communication-refused")
    is_told(await schedule(there, "visit"), "graph-refused")
    ready = await ask(client, host, "/health/ready")

    assert (ready.status, ready.json["detail"]) == (503, "Down: communication.")
    log = host.log.read_text()
    assert f"no access token for ACS: give the app a managed identity ({GIVE_IDENTITY})" in log
    assert f"no access token for Graph: give the app a managed identity ({GIVE_IDENTITY})" in log
    assert "communication is down: communication-refused" in log
    assert "internal-error" not in log
    assert "ACS answered" not in log


async def test_an_app_without_a_token_says_so_of_its_tables(
    stack: Stack, start_host: StartHost, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    settings = {**stack.values["managedIdentitySettings"], **NO_TABLES, **REFUSING}
    host = await start_host(**{**NO_ACS_KEY, **settings})

    is_told(await ask(client, host, "/user", stack.token("nobody")), "storage-refused")
    ready = await ask(client, host, "/health/ready")

    assert ready.json["detail"] == "Down: communication, storage."
    assert "set TABLES_CONNECTION_STRING in the place of TABLES_ENDPOINT" in host.log.read_text()

    # So do the operator's commands.
    keyless = {name: value for name, value in settings.items() if value}
    reported = operators("doctor", keyless).stdout
    created = operators("provision", keyless)
    for line in ("table identities", f"communication {stack.values['acsTls']}", "graph"):
        [found] = [text for text in reported.splitlines() if text.startswith(f"FIX   {line}")]
        assert GIVE_IDENTITY in found, line
    assert created.returncode == 1
    assert GIVE_IDENTITY in created.stderr


def operators(command: str, settings: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", f"shared.operate.{command}"],
        cwd=ROOT,
        env=environment_with(settings),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("status", [401, 403])
async def test_a_service_that_refuses_us_says_which_role_or_key_is_wanted(
    one_host: Host,
    counted_host: Host,
    people: People,
    acs: Control,
    table_faults: Control,
    status: int,
) -> None:
    [person] = people(one_host, "person")
    person.sign_in(*MANAGER, *SCHEDULER)
    await person.token()
    for operation in ("issue", "createCall"):
        await acs.fault(operation, status=status)
    await table_faults.fault("get", status=status)

    is_told(await person.ask("/token?expiresInMinutes=61"), "communication-refused")
    is_told(await place(person, {"phoneNumber": PHONE}), "communication-refused")
    is_told(await person.at(counted_host).token(), "storage-refused")

    role = "check COMMUNICATION_CONNECTION_STRING, or give the app's identity the role"
    assert one_host.log.read_text().count(role) >= 2
    assert "check TABLES_CONNECTION_STRING, or give" in counted_host.log.read_text()


@pytest.mark.parametrize("service", [ACS, GRAPH, STORAGE], ids=lambda service: service.name)
def test_the_failures_of_every_service_mean_the_same(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    def problem(error: RequestFailed) -> Problem:
        return problem_of(error, service)

    no_token = problem(NoAccessToken("secret"))
    refused = [problem(ErrorAnswer(401, "Secret")), problem(ErrorAnswer(403, "Secret"))]
    down = [problem(ErrorAnswer(500, "Secret")), problem(NotSent("secret"))]

    assert [type(found) for found in (no_token, *refused)] == [service.refused] * 3
    assert all(found.retry_after == 30 for found in (no_token, *refused))
    assert getattr(no_token, "remedy", "") == service.if_no_token
    assert {getattr(found, "remedy", "") for found in refused} == {service.if_refused}
    assert [type(found) for found in down] == [service.unavailable] * 2
    busy = problem(ErrorAnswer(429, "a secret of three words"))
    assert isinstance(busy, Throttled if service.limits_clients else service.unavailable)
    assert "secret" not in caplog.text


@pytest.mark.parametrize("endpoint", ["down", "broken", "of no known kind"])
async def test_whatever_is_wrong_with_the_identity_endpoint_is_one_kind_of_error_and_soon(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, endpoint: str
) -> None:
    asked = 0

    async def answer(_: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        return web.json_response({"message": "secret"}, status=500)

    app = web.Application()
    app.router.add_get("/msi/token", answer)
    async with TestServer(app) as server:
        port = server.port if endpoint == "broken" else free_port()
        kind = "nonsense" if endpoint == "of no known kind" else "ManagedIdentityCredential"
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"http://127.0.0.1:{port}/msi/token")
        monkeypatch.setenv("IDENTITY_HEADER", "header")
        monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", kind)
        for method in ("get_token", "get_token_info"):
            upstream, asked = Upstream(), 0
            with pytest.raises(NoAccessToken):
                await getattr(upstream.managed_identity, method)("https://storage.azure.com")
            await upstream.close()

            # No more tries than there is time for while somebody waits.
            assert asked == (3 if endpoint == "broken" else 0)
    assert "secret" not in caplog.text
