"""Rows as files: what Table Storage holds, with its types, in an order that diffs well."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import batched
from pathlib import Path
from typing import Any

from tests.support.table_wire import TableWire, table_wire

FOLDER = Path(__file__).parent / "rows"
TABLES = ("agents", "calls", "friends", "identities", "invitations", "meetings", "sharedcalls")

# Partitions whose rows one query asks for.
_IN_ONE_QUERY = 20

# The types that a value has if no other is named; what names another one.
_TYPES_OF_JSON = {str: "Edm.String", bool: "Edm.Boolean", int: "Edm.Int32"}
_TYPE = "@odata.type"
_NO_PROPERTIES = {"PartitionKey", "RowKey", "Timestamp", "odata.etag"}

type Key = tuple[str, str]


@dataclass(frozen=True)
class StoredRow:
    """A row as it is stored; neither its etag nor its Timestamp.

    Attributes:
        properties: by name: the type, such as `Edm.Int64`, and the value as it is transferred.
        scene: what made it.
    """

    partition_key: str
    row_key: str
    properties: Mapping[str, tuple[str, Any]]
    scene: str = field(default="", compare=False)

    @property
    def key(self) -> Key:
        return self.partition_key, self.row_key

    @property
    def types(self) -> dict[str, str]:
        """The properties' names, and their types."""
        return {name: kind for name, (kind, _) in self.properties.items()}

    def entity(self) -> dict[str, Any]:
        """As it is transferred, to store just this."""
        entity = {"PartitionKey": self.partition_key, "RowKey": self.row_key}
        for name, (kind, value) in self.properties.items():
            entity[name] = value
            if kind not in _TYPES_OF_JSON.values():
                entity[name + _TYPE] = kind
        return entity

    @classmethod
    def of(cls, entity: Mapping[str, Any], scene: str = "") -> "StoredRow":
        """What was transferred."""
        properties = {
            name: (entity.get(name + _TYPE) or _TYPES_OF_JSON[type(value)], value)
            for name, value in sorted(entity.items())
            if name not in _NO_PROPERTIES and not name.endswith(_TYPE)
        }
        return cls(entity["PartitionKey"], entity["RowKey"], properties, scene)


def golden_rows(table: str) -> list[StoredRow]:
    """The rows of a table's file."""
    path = FOLDER / f"{table}.json"
    if not path.exists():
        return []
    return [
        StoredRow(
            one["PartitionKey"],
            one["RowKey"],
            {name: (told["type"], told["value"]) for name, told in one["properties"].items()},
            one["scene"],
        )
        for one in json.loads(path.read_text())
    ]


def write_golden_rows(table: str, rows: Iterable[StoredRow]) -> None:
    """Write a table's file: a line for each property, and always in the same order."""
    ordered = sorted(rows, key=lambda row: (row.scene, row.key))
    FOLDER.mkdir(exist_ok=True)
    text = "[\n" + ",\n".join(map(_text, ordered)) + "\n]\n"
    (FOLDER / f"{table}.json").write_text(text)


def _text(row: StoredRow) -> str:
    properties = ",\n".join(
        f"      {_json(name)}: {_json({'type': kind, 'value': value})}"
        for name, (kind, value) in row.properties.items()
    )
    lines = [
        f'    "scene": {_json(row.scene)}',
        f'    "PartitionKey": {_json(row.partition_key)}',
        f'    "RowKey": {_json(row.row_key)}',
        f'    "properties": {{\n{properties}\n    }}',
    ]
    return "  {\n" + ",\n".join(lines) + "\n  }"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def stored_rows(connection_string: str, table: str) -> list[StoredRow]:
    """Every row that a table holds."""
    with table_wire(connection_string) as wire:
        return [StoredRow.of(one) for one in wire.rows(table)]


class GoldenTables:
    """The golden rows, in the tables of a running stack.

    Attributes:
        rows: by table.
    """

    def __init__(self, wire: TableWire) -> None:
        self.rows = {table: golden_rows(table) for table in TABLES}
        self._wire = wire

    def store(self) -> None:
        """Store all of them, each just as it is in the files."""
        for table, rows in self.rows.items():
            for row in rows:
                self._wire.put(table, row.entity())

    def restore(self, *tables: str) -> None:
        """Restore the state after `store`, whatever a test has changed, added or removed in their
        partitions."""
        for table in tables:
            rows = self.rows[table]
            golden = {row.key for row in rows}
            found = {row.key: row for row in self.now(table)}
            self._delete(table, found.keys() - golden)
            for row in rows:
                if found.get(row.key) != row:
                    self._wire.put(table, row.entity())

    def remove(self) -> None:
        """Remove all rows in their partitions."""
        for table in TABLES:
            self._delete(table, [row.key for row in self.now(table)])

    def now(self, table: str) -> list[StoredRow]:
        """What is in the partitions of a table's golden rows, and in those that they name."""
        some = batched(sorted(self._partitions(table)), _IN_ONE_QUERY, strict=False)
        return [row for each in some for row in self.of(table, *each)]

    def _partitions(self, table: str) -> set[str]:
        """Where a table's rows are; also where the product puts one that a golden row names: the
        friend's half of a friendship, the record of a call or of a meeting."""
        partitions = {row.partition_key for row in self.rows[table]}
        match table:
            case "friends":
                partitions |= {row.row_key for row in self.rows["friends"]}
            case "calls":
                named = [row.properties.get("callId") for row in self.rows["calls"]]
                partitions |= {call_id for _, call_id in filter(None, named)}
            case "invitations":
                partitions |= {row.partition_key for row in self.rows["meetings"]}
            case "sharedcalls":
                partitions |= {row.row_key for row in self.rows["meetings"]}
                partitions |= {row.row_key for row in self.rows["invitations"]}
        return partitions

    def of(self, table: str, *partitions: str) -> list[StoredRow]:
        """What is in some partitions."""
        wanted = " or ".join(f"PartitionKey eq '{one}'" for one in partitions)
        return [StoredRow.of(one) for one in self._wire.rows(table, wanted)]

    def remove_partitions(self, table: str, *partitions: str) -> None:
        """Remove partitions that a test has made."""
        self._delete(table, [row.key for row in self.of(table, *partitions)])

    def _delete(self, table: str, keys: Iterable[Key]) -> None:
        for key in keys:
            self._wire.delete(table, *key)


@contextmanager
def golden_tables(connection_string: str) -> Iterator[GoldenTables]:
    """The golden rows, stored for as long as this lasts."""
    with table_wire(connection_string) as wire:
        tables = GoldenTables(wire)
        tables.store()
        try:
            yield tables
        finally:
            tables.remove()
