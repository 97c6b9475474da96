"""Tables in memory, for searches that take thousands of storage requests.

A request to Azurite takes three milliseconds of CPU. tests/project/test_memory_tables.py holds that
both do the same.
"""

import itertools
import operator
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, override

from shared.table_api import (
    ANY,
    Continuation,
    Delete,
    Insert,
    Operation,
    Parameter,
    Replace,
    TableApi,
)
from shared.tables import ALL, Row, Value
from shared.upstream.failures import ErrorAnswer

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


class MemoryTable(TableApi):
    """The operations on one table, which is a dictionary."""

    def __init__(self, name: str) -> None:
        self.table_name = name
        # By partition, of which most queries want one.
        self._rows = defaultdict[str, dict[str, Row]](dict)
        self._versions = itertools.count(1)

    def rows(self) -> list[Row]:
        """All rows, for a test to look at."""
        return [row for partition in self._rows.values() for row in partition.values()]

    @override
    async def get(self, partition_key: str, row_key: str) -> Row:
        return self._find(partition_key, row_key)

    @override
    async def insert(self, partition_key: str, row_key: str, values: Mapping[str, Value]) -> str:
        if row_key in self._rows[partition_key]:
            raise ErrorAnswer(409, "EntityAlreadyExists")
        return self._store(partition_key, row_key, values)

    @override
    async def update(self, row: Row, values: Mapping[str, Value], *, merge: bool) -> str:
        standing = self._unchanged(row.partition_key, row.row_key, row.etag)
        kept = standing.values if merge else {}
        return self._store(row.partition_key, row.row_key, {**kept, **values})

    @override
    async def upsert(self, partition_key: str, row_key: str, values: Mapping[str, Value]) -> str:
        return self._store(partition_key, row_key, values)

    @override
    async def delete(self, partition_key: str, row_key: str, etag: str = ANY) -> None:
        self._unchanged(partition_key, row_key, etag)
        del self._rows[partition_key][row_key]

    @override
    async def transact(self, partition_key: str, operations: Sequence[Operation]) -> list[str]:
        before = dict(self._rows[partition_key])
        try:
            return [await self._do(partition_key, operation) for operation in operations]
        except ErrorAnswer:
            self._rows[partition_key] = before
            raise

    @override
    async def query(
        self,
        row_filter: str,
        parameters: Mapping[str, Parameter],
        most: int,
        continuation: Continuation | None = None,
        only: Sequence[str] = (),
    ) -> tuple[list[Row], Continuation | None]:
        conditions = [
            [
                (name, _OPERATORS[how], _operand(value, parameters))
                for name, how, value in (
                    one.split(" ") for one in any_of.strip("( )").split(" or ")
                )
            ]
            for any_of in row_filter.split(" and ")
        ]
        match conditions:
            case [[("PartitionKey", operator.eq, str(wanted))], *conditions]:
                candidates = list(self._rows[wanted].values())
            case _:
                candidates = self.rows()
        found = [
            row
            for row in sorted(candidates, key=_key)
            if (continuation is None or _key(row) >= continuation)
            and all(any(_meets(row, *condition) for condition in any_of) for any_of in conditions)
        ]
        rest = found[most:]
        answered = [_projected(row, only) for row in found[:most]] if only else found[:most]
        return answered, (rest[0].partition_key, rest[0].row_key) if rest else None

    async def _do(self, partition_key: str, operation: Operation) -> str:
        match operation:
            case Insert(row_key, values):
                return await self.insert(partition_key, row_key, values)
            case Replace(row, values):
                return await self.update(row, values, merge=False)
            case Delete(row):
                await self.delete(row.partition_key, row.row_key, row.etag)
                return ""

    def _find(self, partition_key: str, row_key: str) -> Row:
        try:
            return self._rows[partition_key][row_key]
        except KeyError:
            raise ErrorAnswer(404, "ResourceNotFound") from None

    def _unchanged(self, partition_key: str, row_key: str, etag: str) -> Row:
        """Refuse to write a row that is not of the version that was read."""
        standing = self._find(partition_key, row_key)
        if etag not in (ANY, standing.etag):
            raise ErrorAnswer(412, "UpdateConditionNotSatisfied")
        return standing

    def _store(self, partition_key: str, row_key: str, values: Mapping[str, Value]) -> str:
        etag = f'W/"{next(self._versions)}"'
        self._rows[partition_key][row_key] = Row(partition_key, row_key, dict(values), etag)
        return etag


def _key(row: Row) -> Key:
    return row.partition_key, row.row_key


def _meets(row: Row, name: str, compare: Callable[[Any, Any], bool], operand: Parameter) -> bool:
    match name:
        case "PartitionKey":
            stored: Any = row.partition_key
        case "RowKey":
            stored = row.row_key
        case _:
            stored = row.values.get(name)
    return stored is not None and compare(stored, operand)


def _projected(row: Row, only: Sequence[str]) -> Row:
    values = {name: value for name, value in row.values.items() if name in only}
    return Row(row.partition_key, row.row_key, values, "")


def _operand(word: str, parameters: Mapping[str, Parameter]) -> Parameter:
    """What a condition compares with: a parameter, or whether something is true."""
    return word == "true" if word in ("true", "false") else parameters[word.removeprefix("@")]
