"""The real ACS emulator, as a process, for tests; import the fixtures that you use by name.

Its client signs requests as the documentation says, sharing no code with the emulator.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from email.utils import formatdate
from functools import cache
from pathlib import Path
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from devstack.well_known import ACS_ACCESS_KEY
from tests.devstack.emulator_fixtures import (
    Answer,
    Caller,
    EmulatorProcess,
    TokenIssuer,
    certified,
    running,
    serving_issuer,
    session_for,
)

ACS_AUDIENCE = "https://communication.azure.com/"
API_VERSION = "2023-10-01"


@dataclass
class AcsEmulator(EmulatorProcess):
    @property
    def tls_connection_string(self) -> str:
        return f"endpoint={self.tls_url}/;accesskey={ACS_ACCESS_KEY}"


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


class AcsCaller(Caller):
    """Signs and sends single requests."""

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

    async def is_active(self, token: str) -> bool:
        active: bool = (await self.inspect("POST", "introspect", {"token": token})).json["active"]
        return active


@asynccontextmanager
async def calling(emulator: AcsEmulator) -> AsyncIterator[AcsCaller]:
    async with session_for(emulator) as session:
        yield AcsCaller(session, emulator)


@contextmanager
def running_emulator(
    folder: Path,
    issuer: str,
    *arguments: str,
    new_keys: bool = False,
    environment: dict[str, str] | None = None,
) -> Iterator[AcsEmulator]:
    """An emulator of the test's own.

    Args:
        new_keys: whether it has to make its keys, which takes as long as a hundred requests.
        environment: see EmulatorProcess.
    """
    key_file = folder / "state" / "acs-signing-key.pem"
    if not new_keys:
        key_file.parent.mkdir()
        for file, pem in zip((key_file, callback_key_file(key_file)), _keys(), strict=True):
            file.write_bytes(pem)
    certificate, authority = certified(folder)
    emulator = AcsEmulator(
        "devstack.acs_emulator",
        folder,
        certificate,
        authority,
        issuer,
        ["--key-file", str(key_file), *arguments],
        environment or {},
    )
    with running(emulator):
        yield emulator


def callback_key_file(key_file: Path) -> Path:
    """Where the emulator keeps its other key if nobody says so."""
    return key_file.with_stem(f"{key_file.stem}-callbacks")


@cache
def _keys() -> list[bytes]:
    """One key for users' tokens and one for callbacks', as PEM."""
    return [
        rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        for _ in range(2)
    ]


@pytest.fixture(scope="module")
def issuer() -> Iterator[TokenIssuer]:
    with serving_issuer(ACS_AUDIENCE) as running:
        yield running


@pytest.fixture(scope="module")
def emulator(
    tmp_path_factory: pytest.TempPathFactory, issuer: TokenIssuer
) -> Iterator[AcsEmulator]:
    """Shared by the tests of a module; `acs` leaves it without faults and limits."""
    with running_emulator(tmp_path_factory.mktemp("acs"), issuer.url) as running:
        yield running
        assert "Traceback" not in running.log


@pytest.fixture
async def acs(emulator: AcsEmulator) -> AsyncIterator[AcsCaller]:
    async with calling(emulator) as caller:
        yield caller
        # Whether there is a fault or not: a TLS connection of the test's is closed when this is
        # answered, for the emulator answers one after the other.
        await caller.inspect("DELETE", "faults")
        await caller.undo("PUT", "limits", {})
