"""The stack's issuer as a process, and a browser app as far as HTTP goes."""

import base64
import hashlib
import http.client
import json
import secrets
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt

from tests.support.part_process import running_part

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

    def put_user(self, user: str, claims: Mapping[str, object]) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        headers = {"Content-Type": "application/json"}
        connection.request("PUT", f"/users/{user}", json.dumps(claims), headers)
        assert connection.getresponse().status == 204
        connection.close()

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

    def sign_in(
        self, user: str, scope: str = "openid profile email", *, is_listed: bool = True
    ) -> dict[str, Any]:
        """The authorization code flow with PKCE, up to the token endpoint's answer.

        Args:
            is_listed: the page offers the user; others type their id.
        """
        verifier = secrets.token_urlsafe(48)
        digest = hashlib.sha256(verifier.encode()).digest()
        query = {
            "response_type": "code",
            "client_id": "web",
            "redirect_uri": REDIRECT,
            "scope": scope,
            "state": "s-1",
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        page = f"/oauth2/authorize?{urlencode(query)}"
        status, _, form = self.ask("GET", page)
        assert status == 200
        assert (f'value="{user}"'.encode() in form) == is_listed
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
def running_issuer(port: int, key_file: Path, *more: str) -> Iterator[Issuer]:
    options = ["--port", str(port), "--key-file", str(key_file), "--stop-with-stdin", *more]
    with (
        key_file.with_suffix(".log").open("wb") as log,
        running_part("devstack.issuer", options, log) as process,
    ):
        issuer = Issuer(port)
        until(lambda: answers(issuer))
        yield issuer
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == 0


def answers(issuer: Issuer) -> bool:
    try:
        return issuer.ask("GET", "/jwks")[0] == 200
    except OSError:
        return False


def until(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.02)
