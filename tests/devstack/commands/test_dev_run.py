"""`dev.py run`: one command starts everything, and leaves nothing behind."""

import json
import os
import re
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest

from tests.devstack.commands.dev_process import EXPORTED, ROOT, DevRun, left, until

pytest_plugins = ("tests.devstack.commands.dev_fixtures",)

OVERRIDDEN = ("AUTH_ISSUER", "COMMUNICATION_ENDPOINT", "TABLES_ENDPOINT")

type Start = Callable[..., DevRun]
type Dev = Callable[..., CompletedProcess[str]]


def test_stack_json_says_all_that_a_program_needs(running: DevRun) -> None:
    stack = running.stack

    assert stack["api"].endswith("/api")
    assert stack["web"].startswith("http://localhost:")
    assert stack["acs"].startswith("http://127.0.0.1:")
    assert stack["acsTls"].startswith("https://127.0.0.1:")
    assert stack["acsConnectionString"].startswith(f"endpoint={stack['acsTls']}/;accesskey=")
    assert stack["acsBearer"].count(".") == 2
    assert Path(stack["caFile"]).is_absolute()
    assert "BEGIN CERTIFICATE" in Path(stack["caFile"]).read_text()
    assert stack["tablesConnectionString"].endswith("/devstoreaccount1;")
    assert stack["settings"]["AUTH_ISSUER"] == stack["issuer"]
    assert stack["settings"]["COMMUNICATION_CONNECTION_STRING"].startswith(
        f"endpoint={stack['acs']}/;accesskey="
    )
    assert stack["settings"]["TEAMS_APP_ID"] == stack["teams"]["appId"]
    named = {"account", "appId", "tenantId", "token", "userId", "voiceApp"}
    assert set(stack["teams"]) == named
    assert stack["teams"]["account"].keys() == {"id", "number"}
    [account] = json.loads(stack["settings"]["TEAMS_RESOURCE_ACCOUNTS"])
    assert stack["teams"]["account"].items() <= account.items()
    assert (account["tenant"], account["bot"]) == (stack["teams"]["tenantId"], "helpdesk")
    assert stack["callerId"].startswith("+1425")
    assert stack["callbackIssuer"].startswith("https://")
    assert stack["callbackJwksUrl"] == f"{stack['acs']}/calling/keys"
    assert stack["identityEndpoint"].startswith(f"{stack['issuer']}/")
    keyless = stack["managedIdentitySettings"]
    assert keyless["COMMUNICATION_ENDPOINT"] == stack["acsTls"]
    assert keyless["IDENTITY_ENDPOINT"] == stack["identityEndpoint"]
    assert keyless["IDENTITY_HEADER"] == stack["identityHeader"]
    assert keyless["SSL_CERT_FILE"] == stack["caFile"]
    assert stack["settings"].keys() - keyless.keys() == {"COMMUNICATION_CONNECTION_STRING"}
    for settings in (stack["settings"], keyless):
        assert all(isinstance(value, str) for value in settings.values())
    assert set(stack["users"]) == {"alice", "bob", "carol", "dave"}
    assert stack["users"]["alice"] == {"id": "alice", "displayName": "Alice Adams"}
    assert set(stack["pids"]) == {"dev", "issuer", "tables", "acs", "graph", "web", "host"}
    assert stack["pids"]["dev"] == running.process.pid


def test_only_its_owner_can_read_the_secrets_of_a_stack(running: DevRun) -> None:
    for name in ("stack.json", "issuer-key.json", "server.pem"):
        assert (running.state / name).stat().st_mode & 0o077 == 0, name


def test_ready_means_that_the_app_answers(running: DevRun) -> None:
    with urlopen(f"{running.stack['api']}/health", timeout=10) as answer:
        assert answer.status == 200


def test_the_fault_that_the_readme_shows_is_noticed_once(running: DevRun, warm_dev: Dev) -> None:
    readme = (ROOT / "devstack" / "README.md").read_text()
    (fault,) = re.findall(r"/_emulator/faults -d '(.+)'", readme)
    (query,) = re.findall(r"/api/token(\?expiresInMinutes=\d+)", readme)
    _sign_in(running, warm_dev)  # alice has an identity, and a token that would hide the fault
    _send("POST", f"{running.stack['acs']}/_emulator/faults", fault.encode())

    statuses = [_token_status(running, warm_dev, query) for _ in range(2)]

    _send("DELETE", f"{running.stack['acs']}/_emulator/faults")
    assert statuses == [503, 200]


def test_what_is_printed_holds_no_keys_and_no_tokens(running: DevRun) -> None:
    stack = running.stack

    for secret in (stack["acsBearer"], stack["identityHeader"], stack["teams"]["token"]):
        assert secret not in running.output
    assert "accesskey" not in running.output.lower()
    assert "accountkey" not in running.output.lower()


def test_a_second_stack_in_the_same_folder_is_told_who_holds_it(running: DevRun, dev: Dev) -> None:
    refused = dev("run", "--state", str(running.state))

    assert refused.returncode == 1
    assert f"pid {running.process.pid}" in refused.stderr
    assert "--state DIR --ports auto" in refused.stderr  # a folder alone would meet taken ports
    assert len(refused.stderr.splitlines()) == 1


def test_what_the_stack_sets_wins_over_the_environment_and_is_named(running: DevRun) -> None:
    (note,) = [line for line in running.output.splitlines() if line.startswith("note: not taken")]

    assert set(EXPORTED) == {*OVERRIDDEN, "LOG_LEVEL"}
    assert note.endswith(f": {', '.join(OVERRIDDEN)}")
    assert "elsewhere" not in running.output
    with urlopen(f"{running.stack['api']}/health/ready", timeout=10) as answer:
        assert answer.status == 200


def test_a_stop_during_the_start_leaves_nothing_behind(dev_run: Start, tmp_path: Path) -> None:
    run = dev_run(tmp_path / "state")
    until((tmp_path / "state" / "logs" / "tables.log").exists, 30, "a part is started")

    assert run.signal(signal.SIGINT).exit_code() == 0
    assert _listening(tmp_path / "state") == []


@pytest.mark.slow
def test_a_part_that_dies_is_named_with_its_last_words(dev_run: Start, tmp_path: Path) -> None:
    run = dev_run(tmp_path / "state", "--without-host").until_ready()
    parts = run.parts
    assert "api" not in run.stack
    assert "host" not in parts
    # The Core Tools, which start the app then, need blobs.
    blobs = run.stack["blobsConnectionString"].partition("BlobEndpoint=")[2]
    socket.create_connection(("127.0.0.1", urlsplit(blobs).port), timeout=10).close()
    os.kill(parts["tables"], signal.SIGKILL)

    assert run.exit_code() == 1
    assert "tables was ended by SIGKILL" in run.output
    assert "Azurite Table service successfully started" in run.output
    assert left(parts) == []


@pytest.mark.slow
def test_a_part_that_dies_while_starting_is_named_too(dev_run: Start, tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    (state / "acs-signing-key.pem").write_text("no key")

    run = dev_run(state)

    assert run.exit_code(seconds=60) == 1
    assert "acs ended with exit code" in run.output
    assert f"{state / 'acs-signing-key.pem'} holds no RSA key: remove it" in run.output
    assert "Traceback" not in run.output
    assert "The stack is ready" not in run.output
    assert _listening(state) == []


def test_a_folder_with_files_of_those_names_that_are_not_ours_is_left_alone(
    warm_dev: Dev, tmp_path: Path
) -> None:
    (tmp_path / "ca.pem").write_text("somebody's own")

    refused = warm_dev("run", "--ports", "auto", "--fresh", "--state", str(tmp_path))

    assert refused.returncode == 1
    assert "ca.pem is not from a stack" in refused.stderr
    assert (tmp_path / "ca.pem").read_text() == "somebody's own"


def test_a_state_folder_that_cannot_be_is_told_in_one_line(warm_dev: Dev, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")

    refused = warm_dev("run", "--state", str(tmp_path / "file" / "state"))

    assert refused.returncode == 1
    assert f"cannot write to {tmp_path}" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def _sign_in(run: DevRun, warm_dev: Dev) -> object:
    """Alice's ACS identity."""
    bearer = warm_dev("token", "alice", "--state", str(run.state)).stdout.strip()
    headers = {"Authorization": f"Bearer {bearer}"}
    with urlopen(Request(f"{run.stack['api']}/token", method="POST", headers=headers)) as answer:
        return json.load(answer)["user"]


def _token_status(run: DevRun, warm_dev: Dev, query: str) -> int:
    bearer = warm_dev("token", "alice", "--state", str(run.state)).stdout.strip()
    headers = {"Authorization": f"Bearer {bearer}"}
    try:
        return _send("POST", f"{run.stack['api']}/token{query}", headers=headers)
    except HTTPError as refused:
        with refused:
            return refused.code


def _send(method: str, url: str, body: bytes | None = None, **options: Any) -> int:
    with urlopen(Request(url, body, method=method, **options), timeout=30) as answer:
        status: int = answer.status
        return status


def _listening(state: Path) -> list[int]:
    found = []
    for port in json.loads((state / "ports.json").read_text()).values():
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                found.append(port)
    return found
