"""`dev.py token` and `dev.py doctor`: what a person asks a running stack for."""

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any
from urllib.request import Request, urlopen

import jwt
import pytest

from tests.e2e.dev_process import DevRun

pytest_plugins = ("tests.e2e.dev_fixtures",)

type Dev = Callable[..., CompletedProcess[str]]


def test_the_printed_curl_line_gets_alice_a_calling_token(running: DevRun) -> None:
    line = next(line for line in running.output.splitlines() if line.lstrip().startswith("curl"))
    # `curl` itself may be missing here; its arguments are what dev.py is responsible for.
    shown = subprocess.run(
        ["sh", "-c", f'curl() {{ printf "%s\\n" "$@"; }}\n{line}'],
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
    ).stdout.splitlines()
    bearer = shown[shown.index("-H") + 1].removeprefix("Authorization: ")

    answer = _post(shown[-1], bearer)

    assert set(answer) >= {"token", "expiresOn", "user"}


def test_a_token_is_what_the_login_page_would_have_given(running: DevRun, dev: Dev) -> None:
    printed = dev("token", "alice", "--state", str(running.state))

    claims = _verified(printed.stdout.splitlines()[-1], running)
    assert printed.stdout.count("\n") == 1
    assert printed.stderr == ""
    assert claims["sub"] == "alice"
    assert claims["name"] == "Alice Adams"
    assert claims["iss"] == running.stack["issuer"]
    assert 3000 < claims["exp"] - time.time() <= 3600
    assert "roles" not in claims


def test_roles_are_in_the_token(running: DevRun, dev: Dev) -> None:
    state = str(running.state)
    printed = dev("token", "bob", "--role", "Calls.Manage", "--role", "Bots", "--state", state)

    assert _verified(printed.stdout.strip(), running)["roles"] == ["Calls.Manage", "Bots"]


@pytest.mark.parametrize("user", ["eve", "a/b?c#d%'\"", "\u2603 \U0001f600", "\x07\n", "x" * 256])
def test_any_user_gets_a_token_and_a_stranger_a_note(running: DevRun, dev: Dev, user: str) -> None:
    printed = dev("token", user, "--state", str(running.state))

    assert _verified(printed.stdout.strip(), running)["sub"] == user
    assert len(printed.stdout.splitlines()) == 1
    assert "not one of the test users" in printed.stderr


def test_without_a_stack_it_says_how_to_start_one(dev: Dev, tmp_path: Path) -> None:
    refused = dev("token", "alice", "--state", str(tmp_path))

    assert refused.returncode == 1
    assert refused.stdout == ""
    assert f"dev.py run --state {tmp_path}" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_the_stack_json_of_a_killed_stack_is_no_running_stack(
    running: DevRun, dev: Dev, tmp_path: Path
) -> None:
    (tmp_path / "stack.json").write_text((running.state / "stack.json").read_text())
    (tmp_path / "stack.lock").write_text(str(running.process.pid))

    assert dev("token", "alice", "--state", str(tmp_path)).returncode == 1


def test_the_acs_bearer_is_signed_by_the_stacks_issuer_for_acs(running: DevRun) -> None:
    claims = _verified(running.stack["acsBearer"], running, "https://communication.azure.com/")

    assert claims["exp"] - claims["iat"] == 24 * 3600


def test_doctor_looks_at_the_running_stack(running: DevRun, dev: Dev) -> None:
    report = dev("doctor", "--state", str(running.state), env=_without(running.stack["settings"]))

    assert report.returncode == 0, report.stdout + report.stderr
    assert "running stack" in report.stdout or "local.settings.json" in report.stdout


def test_doctor_takes_a_settings_file_and_lets_the_environment_win(
    running: DevRun, dev: Dev, tmp_path: Path
) -> None:
    settings = running.stack["settings"]
    file = tmp_path / "settings.json"
    file.write_text(json.dumps({"Values": settings | {"AUTH_AUDIENCE": ""}}))
    environment = _without(settings) | {"AUTH_AUDIENCE": settings["AUTH_AUDIENCE"]}

    report = dev("doctor", "--settings", str(file), env=environment)

    assert report.returncode == 0, report.stdout + report.stderr
    assert str(file) in report.stdout
    assert "The environment overrides AUTH_AUDIENCE" in report.stdout


@pytest.mark.parametrize("content", ["", "[]", '{"Values": 1}', '{"IsEncrypted":true,"Values":{}}'])
def test_doctor_says_what_is_wrong_with_a_settings_file(
    dev: Dev, tmp_path: Path, content: str
) -> None:
    file = tmp_path / "settings.json"
    file.write_text(content)

    refused = dev("doctor", "--settings", str(file))

    assert refused.returncode == 1
    assert str(file) in refused.stderr
    assert "Traceback" not in refused.stderr


def _verified(token: str, run: DevRun, audience: str = "api://trusted-service") -> dict[str, Any]:
    issuer = run.stack["issuer"]
    with urlopen(f"{issuer}/jwks", timeout=10) as answer:
        keys = jwt.PyJWKSet.from_dict(json.load(answer))
    key = keys[jwt.get_unverified_header(token)["kid"]]
    claims: dict[str, Any] = jwt.decode(
        token, key, algorithms=["RS256"], audience=audience, issuer=issuer
    )
    return claims


def _post(url: str, bearer: str) -> dict[str, object]:
    request = Request(url, method="POST", headers={"Authorization": bearer})
    with urlopen(request, timeout=30) as answer:
        assert answer.status == 200
        content = json.load(answer)
    assert isinstance(content, dict)
    return content


def _without(settings: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in settings}
