"""Tables in memory, for searches that take thousands of storage requests.

A request to Azurite takes five milliseconds of CPU, half of it in the SDK.
tests/project/test_memory_tables.py holds that both do the same.
"""

import itertools
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from azure.core.exceptions import (
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.data.tables import TableEntity, TableTransactionError, UpdateMode

from shared.tables import ALL

_PAGE_ROWS = 1000
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}

type Key = tuple[str, str]


def memory_clients() -> "dict[str, MemoryTable]":
    """A client of each table of the service; all tables are empty."""
    return {name: MemoryTable(name) for name in ALL}


class MemoryTable:
    """What of the SDK's TableClient `shared.tables` uses."""

    def __init__(self, name: str) -> None:
        self.table_name = name
        self._rows: dict[Key, TableEntity] = {}
        self._versions = itertools.count(1)

    async def get_entity(self, partition_key: str, row_key: str) -> TableEntity:
        return _copy(self._find(partition_key, row_key))

    async def create_entity(self, entity: Mapping[str, Any]) -> dict[str, str]:
        if _key(entity) in self._rows:
            raise _failed(ResourceExistsError, 409, "EntityAlreadyExists")
        return self._store(entity)

    async def update_entity(
        self, entity: Mapping[str, Any], mode: UpdateMode, etag: str = "", **_condition: object
    ) -> dict[str, str]:
        self._check(*_key(entity), etag)
        return self._store(entity, mode)

    async def upsert_entity(self, entity: Mapping[str, Any], mode: UpdateMode) -> dict[str, str]:
        return self._store(entity, mode)

    async def delete_entity(
        self, partition_key: str, row_key: str, etag: str = "", **_condition: object
    ) -> None:
        if (partition_key, row_key) in self._rows:  # the SDK hides that there is none
            self._check(partition_key, row_key, etag)
            del self._rows[partition_key, row_key]

    async def submit_transaction(self, operations: Sequence[Any]) -> list[dict[str, str]]:
        before, done = dict(self._rows), []
        try:
            for kind, entity, *options in operations:
                done.append(await self._do(kind, entity, *options))
        except HttpResponseError as error:
            self._rows = before
            raise _failed(TableTransactionError, error.status_code, error.error_code) from None  # type: ignore[attr-defined]
        return done

    def query_entities(
        self, query: str, *, parameters: Mapping[str, Any], results_per_page: int = _PAGE_ROWS
    ) -> "_Pages":
        conditions = [condition.split(" ") for condition in query.split(" and ")]

        def is_wanted(row: TableEntity) -> bool:
            return all(
                name in row and _OPERATORS[how](row[name], parameters[value.removeprefix("@")])
                for name, how, value in conditions
            )

        def rows() -> list[TableEntity]:
            return [_copy(row) for _, row in sorted(self._rows.items()) if is_wanted(row)]

        return _Pages(rows, results_per_page)

    async def _do(
        self, kind: str, entity: Mapping[str, Any], options: Mapping[str, Any] | None = None
    ) -> dict[str, str]:
        match kind:
            case "create":
                return await self.create_entity(entity)
            case "update":
                return await self.update_entity(entity, **(options or {}))
            case "delete":
                self._find(*_key(entity))  # which a transaction does not hide
                await self.delete_entity(*_key(entity), **(options or {}))
                return {}
        raise ValueError(kind)

    def _find(self, partition_key: str, row_key: str) -> TableEntity:
        try:
            return self._rows[partition_key, row_key]
        except KeyError:
            raise _failed(ResourceNotFoundError, 404, "ResourceNotFound") from None

    def _check(self, partition_key: str, row_key: str, etag: str) -> None:
        """Refuse to write a row that is not of the version that was read; "" is any."""
        if etag and etag != self._find(partition_key, row_key).metadata["etag"]:
            raise _failed(ResourceModifiedError, 412, "UpdateConditionNotSatisfied")

    def _store(
        self, entity: Mapping[str, Any], mode: UpdateMode = UpdateMode.REPLACE
    ) -> dict[str, str]:
        merged = mode == UpdateMode.MERGE
        row = TableEntity({**(self._rows.get(_key(entity), {}) if merged else {}), **entity})
        etag = f'W/"{next(self._versions)}"'
        metadata: Any = {"etag": etag}
        row._metadata = metadata
        self._rows[_key(entity)] = row
        return {"etag": etag}


class _Pages:
    """The pages of a query; each is read when it is asked for."""

    def __init__(
        self, rows: Callable[[], list[TableEntity]], size: int, after: Key | None = None
    ) -> None:
        self._rows, self._size = rows, size
        self.continuation_token = after

    def by_page(self, token: Key | None = None) -> "_Pages":
        return _Pages(self._rows, self._size, token)

    async def __anext__(self) -> "_Page":
        after = self.continuation_token
        rows = [row for row in self._rows() if after is None or _key(row) > after]
        page, rest = rows[: self._size], rows[self._size :]
        self.continuation_token = _key(page[-1]) if rest else None
        return _Page(page)


class _Page:
    def __init__(self, rows: list[TableEntity]) -> None:
        self._rows = iter(rows)

    def __aiter__(self) -> "_Page":
        return self

    async def __anext__(self) -> TableEntity:
        for row in self._rows:
            return row
        raise StopAsyncIteration


def _key(entity: Mapping[str, Any]) -> Key:
    return entity["PartitionKey"], entity["RowKey"]


def _copy(row: TableEntity) -> TableEntity:
    copied = TableEntity(row)
    copied._metadata = row.metadata
    return copied


def _failed[E: HttpResponseError](kind: type[E], status: int | None, code: str) -> E:
    error = kind(message=code)
    error.status_code, error.error_code = status, code  # type: ignore[attr-defined]
    return error
