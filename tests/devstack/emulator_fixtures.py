"""Any emulator as a process, and its neighbours, for tests.

The neighbours are this module's own: a certificate authority, an issuer of bearer tokens, and a
client that sees every answer as it is. They share no code with the emulators.
"""

import json
import secrets
import signal
import ssl
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import aiohttp
import jwt
import trustme
from jwt.algorithms import RSAAlgorithm
from yarl import URL

from tests.support.part_errors import PART_ERRORS
from tests.support.part_process import PartProcess
from tests.support.ports import free_port
from tests.support.rsa_keys import rsa_key

REPOSITORY = Path(__file__).parents[2]
STOP_SECONDS = 10


class TokenIssuer:
    """An OIDC issuer as far as the emulator sees one: discovery, keys, and tokens to be had."""

    def __init__(self, port: int, audience: str) -> None:
        self.audience = audience
        self.url = f"http://127.0.0.1:{port}"
        self.key = rsa_key("issuer")
        self.kid = secrets.token_hex(8)
        self.requests: list[str] = []

    def token(self, *, header: dict[str, Any] | None = None, **claims: Any) -> str:
        """A token that the emulator accepts, except for the given claims and header fields."""
        now = int(time.time())
        good = {"iss": self.url, "aud": self.audience, "iat": now, "exp": now + 600}
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
def serving_issuer(audience: str) -> Iterator[TokenIssuer]:
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
        served = TokenIssuer(server.server_port, audience)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield served
        finally:
            server.shutdown()
            thread.join()


@dataclass
class EmulatorProcess:
    """One emulator, which may be started again on the same state.

    Args:
        module: what `python -m` runs.
        folder: for its log and, in `state`, for its state.
        arguments: besides the usual ones.
        environment: besides that of the tests, see PartProcess.

    Attributes:
        changed: what tests have changed by inspection, such as "faults".
    """

    module: str
    folder: Path
    certificate: Path
    authority: Path
    issuer: str
    arguments: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    tls_port: int = field(default_factory=free_port)
    process: PartProcess | None = None
    changed: set[str] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def tls_url(self) -> str:
        return f"https://127.0.0.1:{self.tls_port}"

    @property
    def log(self) -> str:
        return (self.folder / "emulator.log").read_text()

    def start(self) -> None:
        with (self.folder / "emulator.log").open("a") as log:
            self.process = PartProcess(
                self.module,
                [
                    *["--stop-with-stdin"],
                    *["--port", str(self.port), "--tls-port", str(self.tls_port)],
                    *["--database", str(self.folder / "state" / "emulator.sqlite")],
                    *["--certificate", str(self.certificate), "--issuer", self.issuer],
                    *self.arguments,
                ],
                log,
                stdout=True,
                environment=self.environment,
            )
        assert self.process.stdout is not None
        ready = self.process.stdout.readline()
        assert ready == f"ready {self.url} {self.tls_url}\n", self.log

    def stop(self, how: signal.Signals | None = signal.SIGTERM) -> int:
        """Stop by a signal, or by the end of its standard input; returns the exit code."""
        assert self.process is not None
        if how is not None:
            self.process.send_signal(how)
        self.process.stdin.close()
        try:
            return self.process.wait(STOP_SECONDS)
        finally:
            self.process.kill()
            self.process.close()


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
        """Status, and code, message and target (if there is one) of the error in the body."""
        error = self.json["error"]
        return self.status, error["code"], error["message"], error.get("target")


class Caller:
    """Sends single requests to one emulator."""

    def __init__(self, session: aiohttp.ClientSession, emulator: EmulatorProcess) -> None:
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
        """Send a request; `target` is path and query as they are to be on the wire."""
        base = self.emulator.tls_url if tls else self.emulator.url
        async with self._session.request(
            method, URL(base + target, encoded=True), data=body, headers=headers
        ) as answer:
            text = await answer.text()
            return Answer(answer.status, {k.lower(): v for k, v in answer.headers.items()}, text)

    async def inspect(self, method: str, path: str, body: object = None) -> Answer:
        content = b"" if body is None else json.dumps(body).encode()
        if method != "GET":
            self.emulator.changed.add(path)
        return await self.send(method, f"/_emulator/{path}", content)

    async def undo(self, method: str, what: str, body: object = None) -> None:
        """The request that undoes what tests have changed there, if one has."""
        if what in self.emulator.changed:
            await self.inspect(method, what, body)
            self.emulator.changed.remove(what)

    async def state(self) -> Any:
        return (await self.inspect("GET", "state")).json

    async def add_fault(self, **spec: object) -> str:
        answer = await self.inspect("POST", "faults", spec)
        assert answer.status == 201, answer
        fault: str = answer.json["id"]
        return fault

    async def until_held(self, fault: str, number: int = 1) -> None:
        answer = await self.inspect("GET", f"faults/{fault}/wait?held={number}&timeoutMs=10000")
        assert answer.status == 200


@cache
def _trust(authority: Path) -> ssl.SSLContext:
    """Made once for all tests of an emulator: each takes as long as some requests."""
    return ssl.create_default_context(cafile=authority)


@asynccontextmanager
async def session_for(emulator: EmulatorProcess) -> AsyncIterator[aiohttp.ClientSession]:
    trust = _trust(emulator.authority)
    # A connection of its own for every request: aiohttp silently repeats what was dropped on a
    # reused one.
    connector = aiohttp.TCPConnector(force_close=True, ssl=trust)
    async with aiohttp.ClientSession(connector=connector) as session:
        yield session


@contextmanager
def running[E: EmulatorProcess](emulator: E) -> Iterator[E]:
    """Start it, and end it however the test ends."""
    log = emulator.folder / "emulator.log"
    PART_ERRORS.watch(log)
    try:
        emulator.start()
        yield emulator
    finally:
        PART_ERRORS.forget(log)
        print(emulator.log)  # pytest shows it where a test failed
        if emulator.process is not None and emulator.process.returncode is None:
            emulator.stop(None)


def certified(folder: Path) -> tuple[Path, Path]:
    """The files of a server's certificate, and of the authority to trust, made in `folder`."""
    authority = trustme.CA()
    certificate, trusted = folder / "server.pem", folder / "ca.pem"
    authority.cert_pem.write_to_path(trusted)
    leaf = authority.issue_cert("127.0.0.1", "localhost")
    leaf.private_key_and_cert_chain_pem.write_to_path(certificate)
    return certificate, trusted
