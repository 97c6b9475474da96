"""The rows of the stub, as the Table service keeps them: by table, PartitionKey and RowKey."""

import re
from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from benchmarks.stub.messages import compact_json

type Entity = dict[str, Any]
type Keys = tuple[str, str]

_TYPE = "@odata.type"
# The types that the Table service repeats in an answer with minimal metadata.
_TOLD = frozenset({"Edm.DateTime", "Edm.Double", "Edm.Guid", "Edm.Int64", "Edm.Binary"})
_TIMESTAMP = {"Timestamp" + _TYPE: "Edm.DateTime", "Timestamp": "2026-11-28T12:00:00.0000000Z"}
_COMPARISON = re.compile(
    r"(\w+) (eq|ne|gt|ge|lt|le) (?:datetime)?('(?:[^']|'')*'|-?\d+\b|true|false)"
)
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": lambda a, b: bool(a == b),
    "ne": lambda a, b: bool(a != b),
    "gt": lambda a, b: bool(a > b),
    "ge": lambda a, b: bool(a >= b),
    "lt": lambda a, b: bool(a < b),
    "le": lambda a, b: bool(a <= b),
}


class Refused(Exception):
    """A request that the Table service refuses, with its status and error code."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code


@dataclass(slots=True)
class StoredEntity:
    """An entity and its version."""

    entity: Entity
    etag: str
    _json: bytes = b""

    @property
    def json(self) -> bytes:
        """The entity in answers; made when it is first needed, because most entities are never
        read."""
        if not self._json:
            self._json = compact_json({"odata.etag": self.etag, **self.entity, **_TIMESTAMP})
        return self._json


@dataclass(slots=True)
class _Partition:
    entities: dict[str, StoredEntity] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)  # sorted


class Store:
    """All tables. The time of a point read does not depend on the number of rows. A query reads the
    rows of its partition, or, as in Azure, the whole table if it names no PartitionKey."""

    def __init__(self) -> None:
        self._tables: dict[str, dict[str, _Partition]] = {}
        self._versions = count(1)

    def get(self, table: str, partition_key: str, row_key: str) -> StoredEntity:
        found = self._find(table, partition_key, row_key)
        if found is None:
            raise Refused(404, "ResourceNotFound")
        return found

    def insert(self, table: str, entity: Entity) -> str:
        """Returns the etag."""
        keys = entity["PartitionKey"], entity["RowKey"]
        if self._find(table, *keys) is not None:
            raise Refused(409, "EntityAlreadyExists")
        return self._store(table, entity)

    def update(self, table: str, entity: Entity, if_match: str | None, *, merge: bool) -> str:
        """Returns the new etag.

        Args:
            if_match: the version that it must have; `*` for any, None also for no entity.
        """
        keys = entity["PartitionKey"], entity["RowKey"]
        found = self._find(table, *keys)
        if if_match is not None:
            self._refuse_if_changed(found, if_match)
        if merge and found is not None:
            entity = found.entity | entity
        return self._store(table, entity)

    def delete(self, table: str, partition_key: str, row_key: str, if_match: str) -> None:
        self._refuse_if_changed(self._find(table, partition_key, row_key), if_match)
        partition = self._tables[table][partition_key]
        del partition.entities[row_key]
        del partition.keys[bisect_left(partition.keys, row_key)]

    def query(
        self, table: str, row_filter: str, most: int, since: Keys = ("", "")
    ) -> tuple[list[StoredEntity], StoredEntity | None]:
        """Up to `most` entities by ascending keys, and the one where the next page begins.

        Args:
            row_filter: conditions that all hold; each may have alternatives, joined by `or`. Of
                types it has texts, times, truth values and integers of 32 bits.
            since: where this page begins.

        Raises:
            Refused: 501, the filter has something else.
        """
        conditions = row_filter.split(" and ") if row_filter else []
        wanted = [
            [
                (name, _COMPARE[operator], _literal(value))
                for name, operator, value in _comparisons(alternatives)
            ]
            for alternatives in conditions
        ]
        equal = re.search(r"PartitionKey eq '([^']*)'", row_filter)
        found: list[StoredEntity] = []
        for stored in self._entities(table, equal and equal[1], since):
            entity = stored.entity
            if all(
                any(name in entity and holds(entity[name], value) for name, holds, value in any_of)
                for any_of in wanted
            ):
                if len(found) == most:
                    return found, stored
                found.append(stored)
        return found, None

    @contextmanager
    def transaction(self, table: str, partition_key: str) -> Iterator[None]:
        """Changes of one partition that are all done, or none if one is refused."""
        partitions = self._tables.setdefault(table, {})
        before = partitions.get(partition_key, _Partition())
        kept = _Partition(dict(before.entities), list(before.keys))
        try:
            yield
        except Refused:
            partitions[partition_key] = kept
            raise

    def _entities(
        self, table: str, partition_key: str | None, since: Keys
    ) -> Iterator[StoredEntity]:
        partitions = self._tables.get(table, {})
        keys = sorted(partitions) if partition_key is None else [partition_key]
        for key in keys[bisect_left(keys, since[0]) :]:
            partition = partitions.get(key)
            if partition is not None:
                first = bisect_left(partition.keys, since[1]) if key == since[0] else 0
                for row_key in partition.keys[first:]:
                    yield partition.entities[row_key]

    def _find(self, table: str, partition_key: str, row_key: str) -> StoredEntity | None:
        partition = self._tables.get(table, {}).get(partition_key)
        return None if partition is None else partition.entities.get(row_key)

    def _store(self, table: str, entity: Entity) -> str:
        etag = f"W/\"datetime'{next(self._versions)}'\""
        kept = {
            name: value
            for name, value in entity.items()
            if not name.endswith(_TYPE) or value in _TOLD
        }
        partition = self._tables.setdefault(table, {}).setdefault(
            kept["PartitionKey"], _Partition()
        )
        row_key = kept["RowKey"]
        if row_key not in partition.entities:
            insort(partition.keys, row_key)
        partition.entities[row_key] = StoredEntity(kept, etag)
        return etag

    @staticmethod
    def _refuse_if_changed(found: StoredEntity | None, if_match: str) -> None:
        if found is None:
            raise Refused(404, "ResourceNotFound")
        if if_match not in ("*", found.etag):
            raise Refused(412, "UpdateConditionNotSatisfied")


def parts_of(rows: Iterable[StoredEntity], names: Sequence[str]) -> bytes:
    """An answer to a query that selects some values. Those that a row lacks are null (documented:
    "Query Entities", on `$select`)."""
    types = [name + _TYPE for name in names]
    parts = []
    for entity in (row.entity for row in rows):
        part = {name: entity.get(name) for name in names}
        part |= {name: entity[name] for name in types if name in entity}
        parts.append(part)
    return compact_json({"value": parts})


def _comparisons(alternatives: str) -> list[tuple[str, str, str]]:
    """Names, operators and values of comparisons that are joined by `or`."""
    beside = _COMPARISON.sub("", alternatives)
    if not set(beside.split()) <= {"(", ")", "()", "or"}:
        raise Refused(501, "NotImplemented")
    return _COMPARISON.findall(alternatives)


def _literal(text: str) -> str | int:
    if text in ("true", "false"):
        return text == "true"
    return text[1:-1].replace("''", "'") if text.startswith("'") else int(text)
