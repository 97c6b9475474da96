"""`dev.py token` and `dev.py doctor` with a running stack."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any
from urllib.request import Request, urlopen

import jwt
import pytest
from azure.communication.identity import CommunicationIdentityClient
from azure.core.credentials import AzureKeyCredential

from devstack.commands.bearer_token import WantedToken, bearer_token
from devstack.issuer.audiences import TEAMS_AUDIENCE
from devstack.issuer.tokens import issuer_key
from devstack.issuer.users import object_id
from devstack.stack.state_folder import StackError
from devstack.well_known import ACS_ACCESS_KEY
from tests.devstack.commands.clones import REQUIREMENTS
from tests.devstack.commands.dev_process import ROOT, DevRun
from tests.devstack.issuer_fixtures import Issuer

pytest_plugins = ("tests.devstack.commands.dev_fixtures",)

STACK_README = (ROOT / "devstack" / "README.md").read_text("utf-8")

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


def test_a_token_is_printed_alone_and_lasts_an_hour(running: DevRun, dev: Dev) -> None:
    printed = dev("token", "alice", "--state", str(running.state))

    claims = _verified(printed.stdout.splitlines()[-1], running)
    assert (printed.stdout.count("\n"), printed.stderr) == (1, "")
    assert (claims["sub"], claims["name"]) == ("alice", "Alice Adams")
    assert claims["iss"] == running.stack["issuer"]
    assert 3000 < claims["exp"] - time.time() <= 3600
    assert "roles" not in claims


@pytest.mark.parametrize(
    ("user", "is_listed"), [("alice", True), ("gina", False), ("nobody-yet", False)]
)
def test_a_token_says_what_that_of_a_sign_in_at_the_issuer_says(
    running: DevRun, user: str, is_listed: bool
) -> None:
    """Of a user of the login page, of one whom somebody has put, and of one who is new there."""
    issuer = Issuer(int(running.stack["issuer"].rpartition(":")[2]))
    issuer.put_user("gina", {"name": "Gina", "roles": ["Bots.Operate"]})
    documented = re.search(r"^\| scope \| `(.+)` \|$", STACK_README, re.MULTILINE)
    assert documented is not None
    wanted = WantedToken(user=user, kind="user", roles=())
    key = issuer_key(running.state / "issuer-key.json")

    token = bearer_token(wanted, key, issuer.url, lambda _note: None)
    signed_in = issuer.sign_in(user, documented[1], is_listed=is_listed)["access_token"]

    assert _without_times(_verified(token, running)) == _without_times(
        _verified(signed_in, running)
    )
    assert jwt.get_unverified_header(token) == jwt.get_unverified_header(signed_in)


def test_an_apps_token_says_what_its_credentials_get(running: DevRun) -> None:
    issuer = Issuer(int(running.stack["issuer"].rpartition(":")[2]))
    issuer.put_user("robot", {"roles": ["Tokens.Issue"]})
    form = {"grant_type": "client_credentials", "client_id": "robot", "client_secret": "x"}
    wanted = WantedToken(user="robot", kind="app", roles=())
    key = issuer_key(running.state / "issuer-key.json")

    token = bearer_token(wanted, key, issuer.url, lambda _note: None)
    _, _, answer = issuer.ask("POST", "/oauth2/token", form)

    signed_in = json.loads(answer)["access_token"]
    assert _without_times(_verified(token, running)) == _without_times(
        _verified(signed_in, running)
    )


def test_an_issuer_that_does_not_answer_gives_no_token(tmp_path: Path) -> None:
    """Without it nobody knows which name and roles a sign-in would give."""
    wanted = WantedToken(user="alice", kind="user", roles=())

    with pytest.raises(StackError, match=r"the issuer .* does not answer"):
        bearer_token(wanted, issuer_key(tmp_path / "key.json"), "http://127.0.0.1:1", print)


def test_roles_are_in_the_token(running: DevRun, warm_dev: Dev) -> None:
    state = str(running.state)
    printed = warm_dev("token", "bob", "--role", "Calls.Manage", "--role", "Bots", "--state", state)

    assert _verified(printed.stdout.strip(), running)["roles"] == ["Calls.Manage", "Bots"]


def test_what_a_put_has_set_is_in_the_token_too(running: DevRun, warm_dev: Dev) -> None:
    claims = {"name": "Frank", "roles": ["Bots.Operate"]}
    url, kind = f"{running.stack['issuer']}/users/frank", {"Content-Type": "application/json"}
    urlopen(Request(url, json.dumps(claims).encode(), kind, method="PUT")).close()
    state = str(running.state)

    person = warm_dev("token", "frank", "--role", "Calls.Manage", "--state", state)
    app = warm_dev("token", "frank", "--app", "--state", state)

    verified = _verified(person.stdout.strip(), running)
    assert (verified["name"], verified["roles"]) == ("Frank", ["Bots.Operate", "Calls.Manage"])
    assert _verified(app.stdout.strip(), running)["roles"] == ["Bots.Operate"]


@pytest.mark.parametrize("user", ["eve", "a/b?c#d%'\"", "\u2603 \U0001f600", "\x07\n", "x" * 256])
def test_any_user_gets_a_token_and_a_stranger_a_note(
    running: DevRun, warm_dev: Dev, user: str
) -> None:
    printed = warm_dev("token", user, "--state", str(running.state))

    assert _verified(printed.stdout.strip(), running)["sub"] == user
    assert len(printed.stdout.splitlines()) == 1
    assert "not one of the test users" in printed.stderr


def test_an_id_that_the_app_will_refuse_is_noted(running: DevRun, warm_dev: Dev) -> None:
    printed = warm_dev("token", "x" * 257, "--state", str(running.state))

    assert _verified(printed.stdout.strip(), running)["sub"] == "x" * 257
    assert "more than 256 characters" in printed.stderr


def test_an_empty_user_id_is_refused_in_one_line(running: DevRun, dev: Dev) -> None:
    refused = dev("token", "", "--state", str(running.state))

    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == "dev.py: the user id is empty\n"


def test_an_app_signs_in_as_itself(running: DevRun, warm_dev: Dev) -> None:
    state = ("--state", str(running.state))
    printed = warm_dev("token", "alice", "--app", "--role", "Tokens.Issue", *state)

    claims = _verified(printed.stdout.strip(), running)
    assert claims["sub"] == claims["azp"] == claims["client_id"] == "alice"
    assert claims["roles"] == ["Tokens.Issue"]
    assert not {"name", "scope"} & claims.keys()
    assert printed.stderr == ""
    # The service takes the app for no person, not even for the one with the same name.
    url, person = f"{running.stack['api']}/token", warm_dev("token", "alice", *state)
    as_app = _post(url, f"Bearer {printed.stdout.strip()}")
    assert as_app["user"] != _post(url, f"Bearer {person.stdout.strip()}")["user"]


@pytest.mark.parametrize(
    "user", ["alice", *(pytest.param(user, marks=pytest.mark.slow) for user in ("carol", "eve"))]
)
def test_a_teams_token_is_what_acs_exchanges(running: DevRun, warm_dev: Dev, user: str) -> None:
    first, second = (
        warm_dev("token", user, "--teams", "--state", str(running.state)).stdout.splitlines()[-1]
        for _ in range(2)
    )

    claims = _verified(first, running, TEAMS_AUDIENCE)
    assert claims["oid"] == _verified(second, running, TEAMS_AUDIENCE)["oid"] == object_id(user)
    assert claims["appid"] == running.stack["settings"]["TEAMS_APP_ID"]
    exchanged = _exchanged(running, first, claims["oid"])
    assert exchanged["skypeid"] == f"orgid:{claims['oid']}"


def test_the_teams_token_of_stack_json_is_alices_and_lasts(running: DevRun) -> None:
    teams = running.stack["teams"]

    claims = _verified(teams["token"], running, TEAMS_AUDIENCE)
    assert claims["exp"] - claims["iat"] == 24 * 3600
    assert teams["userId"] == claims["oid"] == object_id("alice")
    assert _exchanged(running, teams["token"], teams["userId"])["exp"] == claims["exp"]


def test_a_teams_token_has_no_roles(running: DevRun, warm_dev: Dev) -> None:
    state = str(running.state)
    refused = warm_dev("token", "alice", "--teams", "--role", "Bots", "--state", state)

    assert (refused.returncode, refused.stdout) == (2, "")
    assert len(refused.stderr.splitlines()) == 1


def test_without_a_stack_it_says_how_to_start_one(dev: Dev, tmp_path: Path) -> None:
    refused = dev("token", "alice", "--state", str(tmp_path))

    assert refused.returncode == 1
    assert refused.stdout == ""
    assert f"dev.py run --state {tmp_path}" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_the_stack_json_of_a_killed_stack_is_no_running_stack(
    running: DevRun, warm_dev: Dev, tmp_path: Path
) -> None:
    (tmp_path / "stack.json").write_text((running.state / "stack.json").read_text())
    (tmp_path / "stack.lock").write_text(str(running.process.pid))

    assert warm_dev("token", "alice", "--state", str(tmp_path)).returncode == 1


def test_the_acs_bearer_is_signed_by_the_stacks_issuer_for_acs(running: DevRun) -> None:
    claims = _verified(running.stack["acsBearer"], running, "https://communication.azure.com/")

    assert claims["exp"] - claims["iat"] == 24 * 3600


def test_doctor_looks_at_the_running_stack(running: DevRun, dev: Dev) -> None:
    exported = {"AUTH_ISSUER": "https://elsewhere.example", "TABLES_ENDPOINT": "https://x.example"}

    report = dev("doctor", "--state", str(running.state), env={**os.environ, **exported})

    assert report.returncode == 0, report.stdout + report.stderr
    assert f"Settings: the running stack ({running.state / 'stack.json'})" in report.stdout
    assert re.fullmatch(r"doctor: all \d+ checks passed", report.stdout.splitlines()[-1])
    # As in `dev.py run`: the stack wins, and the app is not told two ways to the same tables.
    assert "The stack overrides the environment's AUTH_ISSUER, TABLES_ENDPOINT" in report.stdout


@pytest.mark.slow
def test_doctor_looks_at_a_stack_that_is_named_rather_than_at_local_settings(
    running: DevRun, tmp_path: Path
) -> None:
    # In a copy of the repository: this one's local.settings.json is somebody's own.
    for name in ("benchmarks", "devstack", "shared"):
        shutil.copytree(
            ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("node", "__pycache__")
        )
    for name in ("dev.py", *REQUIREMENTS):
        shutil.copy2(ROOT / name, tmp_path / name)
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    (tmp_path / "local.settings.json").write_text("{}")
    doctor = [sys.executable, str(tmp_path / "dev.py"), "doctor"]

    named = _run([*doctor, "--state", str(running.state)])
    local = _run(doctor)
    (tmp_path / "local.settings.json").unlink()
    nothing = _run(doctor)

    assert named.returncode == 0, named.stdout + named.stderr
    assert "running stack" in named.stdout
    assert f"{tmp_path / 'local.settings.json'} has no object" in local.stderr
    assert "no running stack. To look at the local stack, start it first" in nothing.stdout


def test_doctor_says_that_the_named_stack_does_not_run(dev: Dev, tmp_path: Path) -> None:
    refused = dev("doctor", "--state", str(tmp_path))

    assert (refused.returncode, refused.stdout) == (1, "")
    assert f"no stack runs in {tmp_path}" in refused.stderr


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


@pytest.mark.parametrize(
    "content",
    [
        "",
        '{"Values": 1}',
        *(
            pytest.param(content, marks=pytest.mark.slow)
            for content in ("[]", '{"IsEncrypted":true,"Values":{}}')
        ),
    ],
)
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


def _without_times(claims: dict[str, Any]) -> dict[str, Any]:
    return {name: one for name, one in claims.items() if name not in ("iat", "exp", "jti")}


def _exchanged(run: DevRun, teams_token: str, user_id: str) -> dict[str, Any]:
    """The claims of the token that ACS gives for a Teams user's token."""
    acs, app_id = run.stack["acs"], run.stack["teams"]["appId"]
    client = CommunicationIdentityClient(acs, AzureKeyCredential(ACS_ACCESS_KEY))
    token = client.get_token_for_teams_user(teams_token, app_id, user_id).token
    return dict(jwt.decode(token, options={"verify_signature": False}))


def _run(command: list[str]) -> "CompletedProcess[str]":
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _post(url: str, bearer: str) -> dict[str, object]:
    request = Request(url, method="POST", headers={"Authorization": bearer})
    with urlopen(request, timeout=30) as answer:
        assert answer.status == 200
        return dict(json.load(answer))


def _without(settings: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in settings}
