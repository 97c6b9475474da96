"""The real ACS emulator, as a process, for tests; import the fixtures that you use by name.

Its neighbours are this module's own: a certificate authority, an issuer of bearer tokens, and a
client that signs requests as the documentation says, sharing no code with the emulator.
"""

import base64
import hashlib
import hmac
import json
import secrets
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import jwt
import pytest
import trustme
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm
from yarl import URL

from devstack.well_known import ACS_ACCESS_KEY
from tests.ports import free_port

REPOSITORY = Path(__file__).parents[2]
ACS_AUDIENCE = "https://communication.azure.com/"
API_VERSION = "2023-10-01"
STOP_SECONDS = 10


class TokenIssuer:
    """An OIDC issuer as far as the emulator sees one: discovery, keys, and tokens to be had."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.kid = secrets.token_hex(8)
        self.requests: list[str] = []

    def token(self, *, header: dict[str, Any] | None = None, **claims: Any) -> str:
        """A token that the emulator accepts, but for the given claims and header fields."""
        now = int(time.time())
        good = {"iss": self.url, "aud": ACS_AUDIENCE, "iat": now, "exp": now + 600}
        wanted = {name: value for name, value in (good | claims).items() if value is not None}
        return jwt.encode(wanted, self.key, "RS256", headers={"kid": self.kid, **(header or {})})

    def document(self, path: str) -> dict[str, Any] | None:
        if path == "/.well-known/openid-configuration":
            return {"issuer": self.url, "jwks_uri": f"{self.url}/jwks"}
        if path == "/jwks":
            key = json.loads(RSAAlgorithm.to_jwk(self.key.public_key()))
            return {"keys": [{**key, "kid": self.kid, "use": "sig", "alg": "RS256"}]}
        return None


@contextmanager
def serving_issuer() -> Iterator[TokenIssuer]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.requests.append(self.path)
            document = served.document(self.path)
            body = json.dumps(document).encode()
            self.send_response(404 if document is None else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        served = TokenIssuer(server.server_port)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield served
        finally:
            server.shutdown()
            thread.join()


@dataclass
class Emulator:
    """One emulator, which may be started again on the same state."""

    folder: Path
    certificate: Path
    authority: Path
    issuer: str
    arguments: list[str] = field(default_factory=list)
    port: int = field(default_factory=free_port)
    tls_port: int = field(default_factory=free_port)
    process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def tls_url(self) -> str:
        return f"https://127.0.0.1:{self.tls_port}"

    @property
    def tls_connection_string(self) -> str:
        return f"endpoint={self.tls_url}/;accesskey={ACS_ACCESS_KEY}"

    @property
    def log(self) -> str:
        return (self.folder / "emulator.log").read_text()

    def start(self) -> None:
        with (self.folder / "emulator.log").open("a") as log:
            self.process = subprocess.Popen(
                [
                    *[sys.executable, "-m", "devstack.acs_emulator", "--stop-with-stdin"],
                    *["--port", str(self.port), "--tls-port", str(self.tls_port)],
                    *["--database", str(self.folder / "state" / "acs.sqlite")],
                    *["--key-file", str(self.folder / "state" / "acs-signing-key.pem")],
                    *["--certificate", str(self.certificate), "--issuer", self.issuer],
                    *self.arguments,
                ],
                cwd=REPOSITORY,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self.process.stdout is not None
        ready = self.process.stdout.readline()
        assert ready == f"ready {self.url} {self.tls_url}\n", self.log

    def stop(self, how: signal.Signals | None = signal.SIGTERM) -> int:
        """Stop by a signal, or by the end of its standard input; returns the exit code."""
        assert self.process is not None
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        if how is not None:
            self.process.send_signal(how)
        self.process.stdin.close()
        try:
            return self.process.wait(STOP_SECONDS)
        finally:
            self.process.kill()
            self.process.stdout.close()


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def error(self) -> tuple[int, str, str, str | None]:
        error = self.json["error"]
        return self.status, error["code"], error["message"], error.get("target")


def signed_headers(
    method: str, target: str, host: str, body: bytes = b"", key: str = ACS_ACCESS_KEY
) -> dict[str, str]:
    """The headers of HMAC authentication, by the documentation."""
    date = formatdate(usegmt=True)
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    string_to_sign = f"{method}\n{target}\n{date};{host};{digest}"
    mac = hmac.new(base64.b64decode(key), string_to_sign.encode(), hashlib.sha256).digest()
    signature = base64.b64encode(mac).decode()
    names = "x-ms-date;host;x-ms-content-sha256"
    return {
        "x-ms-date": date,
        "x-ms-content-sha256": digest,
        "Authorization": f"HMAC-SHA256 SignedHeaders={names}&Signature={signature}",
    }


class AcsCaller:
    """Signs and sends single requests, and sees every answer as it is."""

    def __init__(self, session: aiohttp.ClientSession, emulator: Emulator) -> None:
        self._session = session
        self.emulator = emulator

    async def send(
        self,
        method: str,
        target: str,
        body: bytes = b"",
        *,
        tls: bool = False,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        base = self.emulator.tls_url if tls else self.emulator.url
        async with self._session.request(
            method, URL(base + target, encoded=True), data=body, headers=headers
        ) as answer:
            text = await answer.text()
            return Answer(answer.status, {k.lower(): v for k, v in answer.headers.items()}, text)

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        raw: bytes | None = None,
        tls: bool = False,
    ) -> Answer:
        """A signed API request with a JSON body, or with the raw one."""
        content = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        target = f"{path}?api-version={API_VERSION}"
        port = self.emulator.tls_port if tls else self.emulator.port
        headers = signed_headers(method, target, f"127.0.0.1:{port}", content)
        headers["Content-Type"] = "application/json"
        return await self.send(method, target, content, tls=tls, headers=headers)

    async def create(self, **body: object) -> str:
        answer = await self.call("POST", "/identities", body)
        assert answer.status == 201, answer
        identity: str = answer.json["identity"]["id"]
        return identity

    async def issue(self, identity: str, **body: object) -> str:
        path = f"/identities/{quote(identity)}/:issueAccessToken"
        answer = await self.call("POST", path, {"scopes": ["chat"], **body})
        assert answer.status == 200, answer
        token: str = answer.json["token"]
        return token

    async def inspect(self, method: str, path: str, body: object = None) -> Answer:
        content = b"" if body is None else json.dumps(body).encode()
        return await self.send(method, f"/_emulator/{path}", content)

    async def state(self) -> Any:
        return (await self.inspect("GET", "state")).json

    async def is_active(self, token: str) -> bool:
        active: bool = (await self.inspect("POST", "introspect", {"token": token})).json["active"]
        return active

    async def add_fault(self, **spec: object) -> str:
        answer = await self.inspect("POST", "faults", spec)
        assert answer.status == 201, answer
        fault: str = answer.json["id"]
        return fault


@asynccontextmanager
async def calling(emulator: Emulator) -> AsyncIterator[AcsCaller]:
    trust = ssl.create_default_context(cafile=emulator.authority)
    # A connection of its own for every request: aiohttp silently repeats what was dropped on a
    # reused one.
    connector = aiohttp.TCPConnector(force_close=True, ssl=trust)
    async with aiohttp.ClientSession(connector=connector) as session:
        yield AcsCaller(session, emulator)


@contextmanager
def running_emulator(folder: Path, issuer: str, *arguments: str) -> Iterator[Emulator]:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    leaf = authority.issue_cert("127.0.0.1", "localhost")
    leaf.private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    emulator = Emulator(
        folder, folder / "server.pem", folder / "ca.pem", issuer, arguments=list(arguments)
    )
    try:
        emulator.start()
        yield emulator
    finally:
        print(emulator.log)  # pytest shows it where a test failed
        if emulator.process is not None and emulator.process.returncode is None:
            emulator.stop(None)


@pytest.fixture(scope="module")
def issuer() -> Iterator[TokenIssuer]:
    with serving_issuer() as running:
        yield running


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory, issuer: TokenIssuer) -> Iterator[Emulator]:
    """Shared by the tests of a module; `acs` leaves it without faults and limits."""
    with running_emulator(tmp_path_factory.mktemp("acs"), issuer.url) as running:
        yield running
        assert "Traceback" not in running.log


@pytest.fixture
async def acs(emulator: Emulator) -> AsyncIterator[AcsCaller]:
    async with calling(emulator) as caller:
        yield caller
        await caller.inspect("DELETE", "faults")
        await caller.inspect("PUT", "limits", {})
