"""Rows as files: what Table Storage holds, with its types, in an order that diffs well."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import batched
from pathlib import Path
from typing import Any

from azure.data.tables import EdmType, EntityProperty, TableServiceClient, UpdateMode

FOLDER = Path(__file__).parent / "rows"
TABLES = ("agents", "calls", "friends", "identities", "invitations", "meetings", "sharedcalls")

# Requests to storage at a time.
_AT_ONCE = 8
# Partitions whose rows one query asks for.
_IN_ONE_QUERY = 20

type Key = tuple[str, str]
# What a transaction does with a row; a row and its table.
type Operation = tuple[str, dict[str, Any], dict[str, Any]]
type Write = tuple[str, Operation]


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
        """As the SDK takes it, to store just this."""
        values = {
            name: EntityProperty(value, EdmType(kind))
            for name, (kind, value) in self.properties.items()
        }
        return {"PartitionKey": self.partition_key, "RowKey": self.row_key, **values}

    @classmethod
    def of(cls, entity: Mapping[str, Any], scene: str = "") -> "StoredRow":
        """What the SDK has read."""
        properties = {
            name: _transferred(value)
            for name, value in sorted(entity.items())
            if name not in ("PartitionKey", "RowKey")
        }
        return cls(entity["PartitionKey"], entity["RowKey"], properties, scene)


def _transferred(value: Any) -> tuple[str, Any]:
    match value:
        case bool():
            return EdmType.BOOLEAN.value, value
        case int():
            return EdmType.INT32.value, value
        case str():
            return EdmType.STRING.value, value
        case datetime():
            read: Any = value  # of the SDK's own kind, which keeps the text that was stored
            return EdmType.DATETIME.value, read.tables_service_value
        case EntityProperty(value=int(), edm_type=EdmType.INT64):
            return EdmType.INT64.value, str(value.value)
    raise TypeError(f"no property of ours is a {type(value).__name__}")


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
    with TableServiceClient.from_connection_string(connection_string) as service:
        return [StoredRow.of(one) for one in service.get_table_client(table).list_entities()]


class GoldenTables:
    """The golden rows, in the tables of a running stack.

    Attributes:
        rows: by table.
    """

    def __init__(self, service: TableServiceClient) -> None:
        self.rows = {table: golden_rows(table) for table in TABLES}
        self._clients = {table: service.get_table_client(table) for table in TABLES}

    def store(self) -> None:
        """Store all of them, each just as it is in the files."""
        self._write([(table, _put(row)) for table, rows in self.rows.items() for row in rows])

    def restore(self, *tables: str) -> None:
        """Restore the state after `store`, whatever a test has changed, added or removed in their
        partitions."""
        writes = list[Write]()
        for table in tables:
            rows = self.rows[table]
            golden = {row.key: row for row in rows}
            found = {row.key: row for row in self.now(table)}
            writes += [(table, _delete(row)) for row in found.values() if row.key not in golden]
            writes += [(table, _put(row)) for row in rows if found.get(row.key) != row]
        self._write(writes)

    def remove(self) -> None:
        """Remove all rows in their partitions."""
        self._write([(table, _delete(row)) for table in TABLES for row in self.now(table)])

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
        return [StoredRow.of(one) for one in self._clients[table].query_entities(wanted)]

    def remove_partitions(self, table: str, *partitions: str) -> None:
        """Remove partitions that a test has made."""
        self._write([(table, _delete(row)) for row in self.of(table, *partitions)])

    def _write(self, writes: Iterable[Write]) -> None:
        """Make all changes, those of one partition together."""
        batches: defaultdict[Key, list[Any]] = defaultdict(list)
        for table, operation in writes:
            batches[table, operation[1]["PartitionKey"]].append(operation)

        def submit(batch: tuple[Key, list[Any]]) -> None:
            (table, _), operations = batch
            client = self._clients[table]
            match operations:
                case [("upsert", row, how)]:
                    client.upsert_entity(row, **how)
                case [("delete", row, _)]:
                    client.delete_entity(row)
                case _:
                    client.submit_transaction(operations)

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(submit, batches.items()))  # which raises what failed


def _put(row: StoredRow) -> Operation:
    return "upsert", row.entity(), {"mode": UpdateMode.REPLACE}


def _delete(row: StoredRow) -> Operation:
    return "delete", row.entity(), {}


@contextmanager
def golden_tables(connection_string: str) -> Iterator[GoldenTables]:
    """The golden rows, stored for as long as this lasts."""
    with TableServiceClient.from_connection_string(connection_string) as service:
        tables = GoldenTables(service)
        tables.store()
        try:
            yield tables
        finally:
            tables.remove()
