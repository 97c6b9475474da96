"""The stack's issuer, as a browser app and an API see it: over HTTP, as a process of its own."""

import base64
import hashlib
import http.client
import json
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
import pytest

from tests.support.part_process import running_part
from tests.support.ports import free_port

pytestmark = pytest.mark.emulators

ROOT = Path(__file__).resolve().parents[2]
REDIRECT = "http://localhost:3000/signed-in"


class Issuer:
    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"

    def ask(
        self,
        method: str,
        target: str,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            body = urlencode(form) if form is not None else None
            kind = {"Content-Type": "application/x-www-form-urlencoded"} if form else {}
            connection.request(method, target, body, kind | dict(headers or {}))
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def json(self, target: str, headers: Mapping[str, str] | None = None) -> Any:
        status, _, body = self.ask("GET", target, headers=headers)
        assert status == 200, body
        return json.loads(body)

    def verified(self, token: str, audience: str) -> dict[str, Any]:
        keys = jwt.PyJWKSet.from_dict(self.json("/jwks"))
        claims: dict[str, Any] = jwt.decode(
            token,
            keys[jwt.get_unverified_header(token)["kid"]],
            algorithms=["RS256"],
            audience=audience,
            issuer=self.url,
        )
        return claims

    def sign_in(self, user: str) -> dict[str, Any]:
        """The authorization code flow with PKCE, up to the token endpoint's answer."""
        verifier = secrets.token_urlsafe(48)
        digest = hashlib.sha256(verifier.encode()).digest()
        query = {
            "response_type": "code",
            "client_id": "web",
            "redirect_uri": REDIRECT,
            "scope": "openid profile email",
            "state": "s-1",
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        page = f"/oauth2/authorize?{urlencode(query)}"
        status, _, form = self.ask("GET", page)
        assert status == 200
        assert f'value="{user}"'.encode() in form
        status, headers, _ = self.ask("POST", page, {"sub": user})
        assert status == 302
        back = urlsplit(headers["Location"])
        assert headers["Location"].startswith(REDIRECT)
        answer = parse_qs(back.query)
        assert answer["state"] == ["s-1"]
        status, _, body = self.ask(
            "POST",
            "/oauth2/token",
            {
                "grant_type": "authorization_code",
                "code": answer["code"][0],
                "client_id": "web",
                "redirect_uri": REDIRECT,
                "code_verifier": verifier,
            },
        )
        assert status == 200, body
        tokens = json.loads(body)
        assert isinstance(tokens, dict)
        return tokens


@contextmanager
def _issuer(port: int, key_file: Path) -> Iterator[Issuer]:
    options = ["--port", str(port), "--key-file", str(key_file), "--stop-with-stdin"]
    with (
        key_file.with_suffix(".log").open("wb") as log,
        running_part("devstack.issuer", options, log) as process,
    ):
        issuer = Issuer(port)
        _until(lambda: _answers(issuer))
        yield issuer
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == 0


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Issuer]:
    with _issuer(free_port(), tmp_path_factory.mktemp("issuer") / "key.json") as running:
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
    connection = http.client.HTTPConnection("127.0.0.1", issuer.port, timeout=10)
    user = {"name": "Dave Davis", "roles": ["Calls.Manage"]}
    connection.request("PUT", "/users/dave", json.dumps(user), {"Content-Type": "application/json"})
    assert connection.getresponse().status == 204
    connection.close()

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
    with _issuer(port, tmp_path / "key.json") as first:
        token = first.sign_in("alice")["access_token"]

    with _issuer(port, tmp_path / "key.json") as second:
        assert second.verified(token, "api://trusted-service")["sub"] == "alice"


def test_it_stops_when_its_standard_input_ends(tmp_path: Path) -> None:
    port = free_port()
    options = ["--port", str(port), "--key-file", str(tmp_path / "key.json"), "--stop-with-stdin"]
    with subprocess.Popen(
        [sys.executable, "-m", "devstack.issuer", *options],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        _until(lambda: _answers(Issuer(port)))
        assert process.stdin is not None
        process.stdin.close()

        assert process.wait(timeout=10) == 0


def _answers(issuer: Issuer) -> bool:
    try:
        return issuer.ask("GET", "/jwks")[0] == 200
    except OSError:
        return False


def _until(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.02)
