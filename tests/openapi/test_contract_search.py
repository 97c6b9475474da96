"""Requests that schemathesis makes from the description, over the running stack.

All its checks run: there is no 5xx and nothing undescribed; a request that fits is accepted, and
one that does not is refused; no operation works without sign-in; and the next request finds what an
answer names.
"""

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from devstack.well_known import TEAMS_ACCOUNT_ID
from tests.openapi.search.refusals import REFUSED_BY_AZURE, REFUSED_BY_STATE
from tests.openapi.search.setup import KNOWN, MANAGER, Setup
from tests.support.described import DescribedAnswers
from tests.support.people import coded
from tests.support.ports import free_port
from tests.support.stack import ROOT, Host, Issuer, Stack

CONFIG = Path(__file__).parent / "search" / "schemathesis.toml"


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Issuer]:
    """An issuer of its own, so that a search changes no realm of other tests."""
    key_file = tmp_path_factory.mktemp("search") / "issuer.json"
    with Issuer(f"http://127.0.0.1:{free_port()}", key_file, "api://search").running() as issuer:
        yield issuer


@pytest.fixture(scope="module")
def host(stack: Stack, elsewhere: Issuer) -> Iterator[Host]:
    known = [{"issuer": elsewhere.url, "audience": elsewhere.audience}]
    account = {"id": TEAMS_ACCOUNT_ID, "tenant": stack.values["teams"]["tenantId"]}
    # The only issuer: a Teams resource account is of the realm of its tenant, or of the only one.
    host = stack.host(
        AUTH_ISSUER="",
        AUTH_AUDIENCE="",
        AUTH_ISSUERS=json.dumps(known),
        TEAMS_RESOURCE_ACCOUNTS=json.dumps([account]),
    )
    host.start_blocking()
    for name in KNOWN:
        bearer = {"Authorization": f"Bearer {elsewhere.token(name)}"}
        with httpx.Client(base_url=host.api, headers=bearer, timeout=60) as client:
            client.get("/token").raise_for_status()
            client.put(f"/friends/{coded(MANAGER)}").raise_for_status()
    yield host
    host.kill()


def search(stack: Stack, host: Host, issuer: Issuer, folder: Path, *options: str) -> None:
    """Run schemathesis; what it finds fails, with the request that shows it."""
    setup = Setup(
        issuer=issuer.url,
        key_file=str(issuer.key_file),
        audience=issuer.audience,
        acs_key_file=str(stack.folder / "acs-callback-key.pem"),
        event_key=stack.settings["EVENT_GRID_KEY"],
        teams_token=stack.values["teams"]["token"],
    )
    hooks = {"SCHEMATHESIS_HOOKS": "tests.openapi.search.hooks", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG), "run"]
    done = subprocess.run(
        [*command, str(ROOT / "docs" / "openapi.json"), "--url", host.api, *options],
        env={**os.environ, **hooks, **setup.write(folder / "setup.json")},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-20_000:]}\n{done.stderr[-2_000:]}"


@pytest.mark.slow
@pytest.mark.whole_stack
@pytest.mark.timeout(600)
def test_the_examples_of_the_description_find_nothing(
    stack: Stack, host: Host, elsewhere: Issuer, tmp_path: Path
) -> None:
    answers = DescribedAnswers()
    answers.watch(host.log)

    search(stack, host, elsewhere, tmp_path, "--phases", "examples", "--generation-deterministic")

    served = {function for function, _, status, _ in answers.new() if status < 300}
    assert served >= functions(with_id=False, with_body=True)


@pytest.mark.slow
@pytest.mark.whole_stack
@pytest.mark.timeout(600)
def test_requests_made_from_the_description_find_nothing(
    stack: Stack, host: Host, elsewhere: Issuer, tmp_path: Path
) -> None:
    """The same requests each time: a few for each operation, and some that follow links."""
    answers = DescribedAnswers()
    answers.watch(host.log)

    few = ("--phases", "examples,fuzzing,stateful", "--max-examples", "3")
    search(stack, host, elsewhere, tmp_path, *few, "--generation-deterministic")

    served = {function for function, _, status, _ in answers.new() if status < 300}
    assert served >= functions(with_id=False)
    assert served & functions(with_id=True) - functions(with_id=False)  # links were followed


def test_every_refusal_that_is_let_pass_is_one_of_the_service() -> None:
    """Or a new wording would be a finding of some later search, and an old one hide something."""
    said = [
        pattern
        for file in (ROOT / "shared").rglob("*.py")
        for pattern in patterns_of(ast.parse(file.read_text("utf-8")))
    ]

    for refusal in REFUSED_BY_STATE | REFUSED_BY_AZURE:
        assert any(re.fullmatch(pattern, refusal) for pattern in said), refusal


def patterns_of(module: ast.Module) -> Iterator[str]:
    """Of all its texts; anything may be where a value is filled in."""
    for node in ast.walk(module):
        parts = node.values if isinstance(node, ast.JoinedStr) else [node]
        texts = [part.value if isinstance(part, ast.Constant) else None for part in parts]
        yield "".join(re.escape(text) if isinstance(text, str) else ".+" for text in texts)


def functions(*, with_id: bool, with_body: bool = False) -> set[str]:
    """Those of operations whose paths have a parameter, or have none; or only if they have a body
    too."""
    document = json.loads((ROOT / "docs" / "openapi.json").read_text("utf-8"))
    return {
        str(operation["x-function"])
        for path, methods in document["paths"].items()
        for operation in methods.values()
        if ("{" in path) == with_id and (not with_body or "requestBody" in operation)
    }


@pytest.mark.soak
@pytest.mark.whole_stack
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_many_more_requests_find_nothing(
    stack: Stack, host: Host, elsewhere: Issuer, tmp_path: Path, seed: int
) -> None:
    """Every limit of every schema is crossed once, too (the phase `coverage`)."""
    many = ("--max-examples", "100", "--seed", str(seed), "--generation-database", "none")
    search(stack, host, elsewhere, tmp_path, *many)
