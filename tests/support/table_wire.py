"""Table Storage by its REST API, for tests that store many rows or look through many.

Microsoft's SDK makes an object of every row, which took more CPU than all else that such tests do.
"""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.utils import formatdate
from http.client import HTTPConnection, HTTPResponse
from typing import Any
from urllib.parse import quote, urlsplit

_VERSION = {
    "x-ms-version": "2019-02-02",
    "DataServiceVersion": "3.0",
    "Accept": "application/json;odata=minimalmetadata",
}
_WRITE = {**_VERSION, "Content-Type": "application/json", "Prefer": "return-no-content"}
_CONTINUATION = ("NextPartitionKey", "NextRowKey")
# After five seconds without a request Azurite closes a connection, as Node.js does by default.
_IDLE_SECONDS = 1


class TableWire:
    """A connection to a storage account, which takes one request after the other."""

    def __init__(self, connection_string: str) -> None:
        parts = dict(part.split("=", 1) for part in connection_string.strip(";").split(";"))
        endpoint = urlsplit(parts["TableEndpoint"])
        self._account, self._key = parts["AccountName"], base64.b64decode(parts["AccountKey"])
        self._path = endpoint.path
        self._connection = HTTPConnection(endpoint.netloc)
        self._answered_at = 0.0

    def close(self) -> None:
        self._connection.close()

    def rows(self, table: str, row_filter: str = "") -> Iterator[dict[str, Any]]:
        """The rows that the filter takes, or all, as the service's JSON has them: `NAME@odata.type`
        beside a value names a type that JSON lacks."""
        query = {"$filter": row_filter} if row_filter else {}
        there: dict[str, str] = {}
        while True:
            answer, page = self._ask("GET", f"{table}()", _VERSION, query=query | there)
            yield from json.loads(page)["value"]
            there = {
                name: value
                for name in _CONTINUATION
                if (value := answer.getheader(f"x-ms-continuation-{name}"))
            }
            if not there:
                return

    def put(self, table: str, entity: Mapping[str, Any]) -> None:
        """Store a row, such as `rows` gives, in place of any other."""
        row = _row(table, entity["PartitionKey"], entity["RowKey"])
        self._ask("PUT", row, _WRITE, json.dumps(entity).encode())

    def delete(self, table: str, partition_key: str, row_key: str) -> None:
        self._ask("DELETE", _row(table, partition_key, row_key), {**_VERSION, "If-Match": "*"})

    def _ask(
        self,
        method: str,
        resource: str,
        headers: Mapping[str, str],
        body: bytes | None = None,
        query: Mapping[str, str] | None = None,
    ) -> tuple[HTTPResponse, bytes]:
        path = f"{self._path}/{resource}"
        sent = "&".join(f"{name}={quote(value, safe='')}" for name, value in (query or {}).items())
        target = f"{path}?{sent}" if sent else path
        if time.monotonic() - self._answered_at > _IDLE_SECONDS:
            self._connection.close()  # the request opens it again
        self._connection.request(method, target, body, {**headers, **self._signed(path)})
        answer = self._connection.getresponse()
        content = answer.read()
        self._answered_at = time.monotonic()
        assert answer.status < 300, content
        return answer, content

    def _signed(self, path: str) -> dict[str, str]:
        """The headers that sign a request by SharedKeyLite; Microsoft's page "Authorize with Shared
        Key" describes it."""
        date = formatdate(usegmt=True)
        text = f"{date}\n/{self._account}{path}".encode()
        signature = base64.b64encode(hmac.digest(self._key, text, hashlib.sha256)).decode()
        return {"x-ms-date": date, "Authorization": f"SharedKeyLite {self._account}:{signature}"}


def _row(table: str, partition_key: str, row_key: str) -> str:
    keys = (quote(key.replace("'", "''"), safe="") for key in (partition_key, row_key))
    return f"{table}(PartitionKey='{next(keys)}',RowKey='{next(keys)}')"


@contextmanager
def table_wire(connection_string: str) -> Iterator[TableWire]:
    wire = TableWire(connection_string)
    try:
        yield wire
    finally:
        wire.close()
