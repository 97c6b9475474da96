"""Adapter to the REST API of Table Storage: one table, our rows in and out.

It sends its requests itself; only an operator's commands use Microsoft's SDK. `shared.tables` turns
its errors into problems.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from shared.stored_rows import (
    Row,
    Value,
    datetime_text,
    entity_json,
    is_long,
    json_of,
    row_of,
)
from shared.upstream.batches import send_together
from shared.upstream.clients import Upstream
from shared.upstream.failures import Unreadable
from shared.upstream.settings import TablesAddress, UpstreamSettings
from shared.upstream.signing import Request, SharedKeyLite, SharedSignature, Signer
from shared.upstream.wire import Answer, Wire

if TYPE_CHECKING:  # it costs 30 ms, and no request needs it
    from azure.data.tables.aio import TableClient

_VERSION = {
    "x-ms-version": "2019-02-02",
    "DataServiceVersion": "3.0",
    "Accept": "application/json;odata=minimalmetadata",
}
_WRITE = {**_VERSION, "Content-Type": "application/json", "Prefer": "return-no-content"}
# What Microsoft's SDK asks access tokens of storage for, in every cloud.
_SCOPE = "https://storage.azure.com/.default"
_KEYS = ("PartitionKey", "RowKey")
_ONE_PARTITION = "PartitionKey eq "
# Storage answers in milliseconds or not at all. To wait until the time of our own request is over
# would leave no time to ask again. With a third of it there are two more tries, as many as
# `shared.upstream.retries` makes. As after a lost answer, the write may have been done.
_TRIES = 3
# Whatever version is stored.
ANY = "*"

# A value in a filter: a text, a time, or an integer.
type Parameter = str | datetime | int
# Where to go on in a query: the keys of the next row. The second may be missing.
type Continuation = tuple[str, str | None]


class Insert(NamedTuple):
    """A row to be inserted; it must not exist."""

    row_key: str
    values: Mapping[str, Value]


class Replace(NamedTuple):
    """A row to be replaced, if it is still of the version that was read."""

    row: Row
    values: Mapping[str, Value]


class Delete(NamedTuple):
    """A row to be deleted, if it is still of the version that was read."""

    row: Row


type Operation = Insert | Replace | Delete


class TableApi:
    """The operations of the Table service on one table.

    Raises everywhere:
        ErrorAnswer: 404, whose code tells a missing row from a missing table; 409 with
            EntityAlreadyExists if the row to be inserted exists; 412 if the row is of another
            version than `etag`; or another status.
        RequestFailed: there is no answer.
    """

    def __init__(self, name: str, settings: UpstreamSettings, upstream: Upstream) -> None:
        self.table_name = name
        self._settings = settings
        self._upstream = upstream

    async def get(self, partition_key: str, row_key: str) -> Row:
        answer = await self._send("GET", self._row_path(partition_key, row_key), _VERSION)
        return answer.read(row_of)

    async def insert(self, partition_key: str, row_key: str, values: Mapping[str, Value]) -> str:
        """Returns the etag of the new row."""
        body = entity_json(partition_key, row_key, values)
        return _etag(await self._send("POST", self._path, _WRITE, body))

    async def update(self, row: Row, values: Mapping[str, Value], *, merge: bool) -> str:
        """Change a row of the version that was read.

        Args:
            merge: keep the other values of the row.

        Returns:
            Its new etag.
        """
        path = self._row_path(row.partition_key, row.row_key)
        body = entity_json(row.partition_key, row.row_key, values)
        headers = {**_WRITE, "If-Match": row.etag}
        return _etag(await self._send("PATCH" if merge else "PUT", path, headers, body))

    async def upsert(self, partition_key: str, row_key: str, values: Mapping[str, Value]) -> str:
        """Store a row in place of any other, and return its etag."""
        body = entity_json(partition_key, row_key, values)
        path = self._row_path(partition_key, row_key)
        return _etag(await self._send("PUT", path, _WRITE, body))

    async def delete(self, partition_key: str, row_key: str, etag: str = ANY) -> None:
        headers = {**_VERSION, "If-Match": etag}
        await self._send("DELETE", self._row_path(partition_key, row_key), headers)

    async def query(
        self,
        row_filter: str,
        parameters: Mapping[str, Parameter],
        most: int,
        continuation: Continuation | None = None,
        only: Sequence[str] = (),
    ) -> tuple[list[Row], Continuation | None]:
        """One answer to a query, and where the next begins; None at the end.

        Args:
            row_filter: an OData filter, whose words are separated by one space each; `@name`
                stands for a parameter.
            only: the values to read; all if empty. Rows that are read so have no etag, since
                nobody may write what they have not read whole.
        """
        wanted = quote(filled(row_filter, parameters), safe="")
        target = f"{self._path}()?$top={most}&$filter={wanted}"
        if only:
            target += f"&$select={','.join((*_KEYS, *only))}"
        target += _from_there(continuation)
        # A query over several partitions may take five seconds, and find nothing.
        is_quick = row_filter.startswith(_ONE_PARTITION)
        answer = await self._send("GET", target, _VERSION, tries=_TRIES if is_quick else 1)
        read = _part_of_row if only else row_of
        return answer.read(lambda page: list(map(read, page["value"]))), _continuation(answer)

    async def read_entities(
        self, most: int, continuation: Continuation | None
    ) -> tuple[list[dict[str, Any]], Continuation | None]:
        """Rows as the service has them: JSON of minimal metadata, with every type."""
        target = f"{self._path}()?$top={most}{_from_there(continuation)}"
        answer = await self._send("GET", target, _VERSION, tries=1)
        return answer.read(lambda page: [dict(one) for one in page["value"]]), _continuation(answer)

    async def put_entity(self, entity: Mapping[str, Any]) -> None:
        """Store such a row in place of any other."""
        path = self._row_path(entity["PartitionKey"], entity["RowKey"])
        await self._send("PUT", path, _WRITE, json_of(entity).encode())

    async def transact(self, partition_key: str, operations: Sequence[Operation]) -> list[str]:
        """Do all the operations on rows of one partition, or none.

        Args:
            operations: at most 100, in all of 4 MiB, each on another row (documented: "Performing
                entity group transactions").

        Returns:
            The new etag for each operation; empty for a deletion.

        Raises:
            ErrorAnswer: the first failure of one of them, as if it were done alone.
        """
        if not operations:
            return []
        requests = [self._request(partition_key, operation) for operation in operations]
        path = f"{self.address.path}/$batch"
        seconds = self._settings.timeout / _TRIES
        answers = await send_together(self._wire, path, _VERSION, requests, seconds=seconds)
        return [
            "" if isinstance(operation, Delete) else _etag(answer)
            for operation, answer in zip(operations, answers, strict=True)
        ]

    def _request(self, partition_key: str, operation: Operation) -> Request:
        match operation:
            case Insert(row_key, values):
                body = entity_json(partition_key, row_key, values)
                return Request("POST", self._path, _WRITE, body)
            case Replace(row, values):
                body = entity_json(partition_key, row.row_key, values)
                path = self._row_path(partition_key, row.row_key)
                return Request("PUT", path, {**_WRITE, "If-Match": row.etag}, body)
            case Delete(row):
                path = self._row_path(partition_key, row.row_key)
                return Request("DELETE", path, {**_VERSION, "If-Match": row.etag}, b"")

    @cached_property
    def sdk(self) -> "TableClient":
        """Microsoft's client for the same table."""
        from azure.data.tables.aio import TableClient

        options = self._upstream.client_options()
        if self._settings.tables_connection_string:
            return TableClient.from_connection_string(
                self._settings.tables_connection_string, table_name=self.table_name, **options
            )
        return TableClient(
            self._settings.tables_endpoint,
            table_name=self.table_name,
            credential=self._upstream.managed_identity,
            **options,
        )

    async def _send(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes = b"",
        *,
        tries: int = _TRIES,
    ) -> Answer:
        """Send a request once.

        Args:
            tries: how many requests like this one our own time limit has to allow.
        """
        seconds = self._settings.timeout / tries
        return await self._wire.send(method, target, headers, body, seconds=seconds)

    @cached_property
    def _wire(self) -> Wire:
        origin, signer = self.address.origin, self._signer()
        return Wire(self._upstream.session, origin, signer, is_storage=True)

    def _signer(self) -> Signer:
        address = self.address
        if address.key:
            return SharedKeyLite(address.account, address.key)
        if address.signature:
            return SharedSignature(address.signature)
        return self._upstream.token_for(_SCOPE)

    @cached_property
    def address(self) -> TablesAddress:
        return self._settings.tables

    @cached_property
    def _path(self) -> str:
        return f"{self.address.path}/{self.table_name}"

    def _row_path(self, partition_key: str, row_key: str) -> str:
        return f"{self._path}(PartitionKey={_literal(partition_key)},RowKey={_literal(row_key)})"


def _from_there(continuation: Continuation | None) -> str:
    if continuation is None:
        return ""
    partition_key, row_key = continuation
    there = f"&NextPartitionKey={quote(partition_key, safe='')}"
    return f"{there}&NextRowKey={quote(row_key, safe='')}" if row_key else there


def _continuation(answer: Answer) -> Continuation | None:
    partition_key = answer.headers.get("x-ms-continuation-NextPartitionKey")
    row_key = answer.headers.get("x-ms-continuation-NextRowKey")
    return None if partition_key is None else (partition_key, row_key)


def filled(row_filter: str, parameters: Mapping[str, Parameter]) -> str:
    """An OData filter with the parameters' values in it, so that no value can change the filter."""
    return " ".join(
        _filter_literal(parameters[word[1:]]) if word.startswith("@") else word
        for word in row_filter.split(" ")
    )


def _filter_literal(value: Parameter) -> str:
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, datetime):
        return f"datetime'{datetime_text(value)}'"
    return f"{value}L" if is_long(value) else str(value)


def _part_of_row(entity: Mapping[str, Any]) -> Row:
    """The row of an entity of which only some values were asked for: those that it lacks are null
    (documented: "Query Entities", on `$select`)."""
    there = {name: value for name, value in entity.items() if value is not None}
    return row_of({**there, "odata.etag": ""})


def _literal(key: str) -> str:
    """A key in a path: percent-encoded, and in quotes."""
    if key.isalnum() and key.isascii():  # as most are: `quote` takes four times as long
        return f"'{key}'"
    return "'" + quote(key.replace("'", "''"), safe="") + "'"


def _etag(answer: Answer) -> str:
    try:
        return answer.headers["ETag"]
    except KeyError:
        raise Unreadable(answer.status) from None
