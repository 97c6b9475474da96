"""The stack's issuer, as a browser app and an API see it: over HTTP, as a process of its own."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.devstack.issuer_fixtures import Issuer, answers, running_issuer, until
from tests.support.part_process import running_part
from tests.support.ports import free_port

pytestmark = pytest.mark.emulators


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Issuer]:
    with running_issuer(free_port(), tmp_path_factory.mktemp("issuer") / "key.json") as running:
        yield running


def test_discovery_names_the_configured_issuer_whatever_the_host_header_says(
    issuer: Issuer,
) -> None:
    for headers in ({}, {"Host": "evil.example"}, {"X-Forwarded-Host": "evil.example"}):
        found = issuer.json("/.well-known/openid-configuration", headers)

        assert found["issuer"] == issuer.url
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            assert found[name].startswith(f"{issuer.url}/")


def test_only_the_public_half_of_the_key_is_published(issuer: Issuer) -> None:
    (key,) = issuer.json("/jwks")["keys"]

    assert set(key) == {"kty", "n", "e", "kid", "use", "alg"}


def test_a_login_gives_an_access_token_for_the_api(issuer: Issuer) -> None:
    tokens = issuer.sign_in("alice")

    claims = issuer.verified(tokens["access_token"], "api://trusted-service")
    assert claims["sub"] == "alice"
    assert claims["name"] == "Alice Adams"
    assert claims["scope"] == "openid profile email"
    assert claims["exp"] - claims["iat"] == tokens["expires_in"] == 3600
    assert "roles" not in claims
    assert issuer.verified(tokens["id_token"], "web")["email"] == "alice@example.com"


def test_two_logins_never_give_the_same_token(issuer: Issuer) -> None:
    first, second = issuer.sign_in("bob"), issuer.sign_in("bob")

    assert first["access_token"] != second["access_token"]


def test_a_refresh_gives_another_token_of_the_same_person(issuer: Issuer) -> None:
    tokens = issuer.sign_in("carol")
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}

    status, _, body = issuer.ask("POST", "/oauth2/token", form | {"client_id": "web"})

    assert status == 200, body
    refreshed = json.loads(body)["access_token"]
    assert issuer.verified(refreshed, "api://trusted-service")["sub"] == "carol"
    assert refreshed != tokens["access_token"]


def test_the_roles_of_a_user_are_in_the_token(issuer: Issuer) -> None:
    issuer.put_user("dave", {"name": "Dave Davis", "roles": ["Calls.Manage"]})

    token = issuer.sign_in("dave")["access_token"]

    assert issuer.verified(token, "api://trusted-service")["roles"] == ["Calls.Manage"]


def test_a_browser_app_of_another_origin_may_ask(issuer: Issuer) -> None:
    for method, target in (("OPTIONS", "/oauth2/token"), ("GET", "/jwks")):
        _, headers, _ = issuer.ask(method, target, headers={"Origin": "http://localhost:3000"})

        assert headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize(
    ("method", "target", "headers"),
    [
        ("PUT", "/users/alice", {"Origin": "https://evil.example"}),
        ("POST", "/oauth2/token", {"Origin": "https://evil.example"}),
        ("POST", "/oauth2/authorize?client_id=x", {"Origin": "null"}),
        ("GET", "/oauth2/authorize?client_id=x&redirect_uri=https://evil.example/cb", {}),
        ("GET", "/oauth2/authorize?client_id=x&redirect_uri=http://evil.example%5C@localhost/", {}),
        ("GET", "/oauth2/authorize?client_id=x&redirect_uri=javascript://localhost/%250A", {}),
        ("GET", "/oauth2/authorize?client_id=x&redirect_uri=http://localhost&redirect_uri=//x", {}),
    ],
)
def test_a_page_from_elsewhere_gets_nothing(
    issuer: Issuer, method: str, target: str, headers: dict[str, str]
) -> None:
    status, answered, _ = issuer.ask(method, target, headers=headers)

    assert status == 403
    assert "Location" not in answered


def test_tokens_outlive_a_restart(tmp_path: Path) -> None:
    port = free_port()
    with running_issuer(port, tmp_path / "key.json") as first:
        token = first.sign_in("alice")["access_token"]

    with running_issuer(port, tmp_path / "key.json") as second:
        assert second.verified(token, "api://trusted-service")["sub"] == "alice"


def test_it_stops_when_its_standard_input_ends(tmp_path: Path) -> None:
    port = free_port()
    options = ["--port", str(port), "--key-file", str(tmp_path / "key.json"), "--stop-with-stdin"]
    with (
        (tmp_path / "log").open("wb") as log,
        running_part("devstack.issuer", options, log) as process,
    ):
        until(lambda: answers(Issuer(port)))
        process.stdin.close()

        assert process.wait(timeout=10) == 0
