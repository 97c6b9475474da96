"""The HTTP server of the stub: it finds the answer to each request, and sends it after the
latency."""

import asyncio
import base64
import json
import uuid
from collections import Counter
from pathlib import Path

from benchmarks.stub.messages import (
    Answer,
    Request,
    compact_json,
    first_request,
    json_answer,
)
from benchmarks.stub.store import Store
from benchmarks.stub.tables import Tables

COUNTS_PATH = "/counts"
METADATA_PATH = "/.well-known/openid-configuration"
KEYS_PATH = "/keys"

# Header and claims of a calling token, as in public samples; each value is as long as there.
_HEADER = {"alg": "RS256", "kid": "0" * 40, "x5t": "0" * 27, "typ": "JWT"}
_CLAIMS = {
    "skypeid": f"acs:{uuid.UUID(int=0)}_{uuid.UUID(int=0)}",
    "scp": 1792,
    "csi": "2000000000",
    "exp": 2000003600,
    "rgn": "amer",
    "acsScope": "chat,voip",
    "resourceId": str(uuid.UUID(int=0)),
    "resourceLocation": "unitedstates",
    "iat": 2000000000,
}
# RS256 signs with 256 bytes. A token has to be as long as ACS's: the service remembers thousands.
_TOKEN = ".".join(
    base64.urlsafe_b64encode(part).decode().rstrip("=")
    for part in (compact_json(_HEADER), compact_json(_CLAIMS), bytes(256))
)
_ISSUED = {"token": _TOKEN, "expiresOn": "2036-01-01T00:00:00.0000000+00:00"}


class Stub:
    """Answers every request of the app.

    Attributes:
        counts: how many requests of each kind have come, from Azure's point of view.
    """

    def __init__(
        self, store: Store, *, issuer: str, key_set: str, resource_id: str, base: str
    ) -> None:
        """
        Args:
            key_set: the JSON of the keys that sign bearer tokens and callbacks.
            base: the URL of this stub, where its key set is.
        """
        self.counts: Counter[str] = Counter()
        self._tables = Tables(store)
        self._resource_id = resource_id
        metadata = {"issuer": issuer, "jwks_uri": base + KEYS_PATH}
        self._documents = {
            METADATA_PATH: json_answer(metadata),
            KEYS_PATH: Answer(200, key_set.encode()),
        }

    def answer(self, request: Request) -> tuple[Answer, bool]:
        """The answer, and whether it comes from Azure, after the latency."""
        document = self._documents.get(request.path)
        if document is not None:
            return document, False
        if request.path == COUNTS_PATH:
            return json_answer(dict(self.counts)), False
        if request.path.startswith("/identities"):
            self.counts["acs"] += 1
            return self._acs(request), True
        self.counts[self._tables.operation(request)] += 1
        return self._tables.answer(request), True

    def _acs(self, request: Request) -> Answer:
        if request.path.endswith(":issueAccessToken"):
            return json_answer(_ISSUED)
        if request.method == "POST" and request.path == "/identities":
            identity = {"id": f"8:acs:{self._resource_id}_{uuid.uuid4()}"}
            return json_answer({"identity": identity, "accessToken": _ISSUED}, 201)
        return Answer(204)


class Connection(asyncio.Protocol):
    """One connection of a client, over which one request at a time comes."""

    def __init__(self, stub: Stub, latency: float) -> None:
        """
        Args:
            latency: seconds after which Azure's answers come.
        """
        self._stub = stub
        self._latency = latency
        self._received = b""
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)  # noqa: S101
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while True:
            request, self._received = first_request(self._received)
            if request is None:
                return
            answer, is_azure = self._stub.answer(request)
            text = answer.text()
            if is_azure and self._latency:
                asyncio.get_running_loop().call_later(self._latency, self._write, text)
            else:
                self._write(text)

    def _write(self, text: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(text)


def load_rows(store: Store, file: Path) -> None:
    """Store the rows of a file: each line is a JSON list of a table and an entity."""
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            table, entity = json.loads(line)
            store.insert(table, entity)
