"""A row as this service reads and writes it, and as the SDK of Table Storage does."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from azure.data.tables import EdmType, EntityProperty

type Value = str | int | float | bool | datetime

# Table Storage keeps texts as UTF-16, and a property of at most 64 KiB (documented: "Understanding
# the Table service data model").
MOST_BYTES = 64 * 1024


@dataclass(frozen=True)
class Row:
    """A stored row. `etag` names the version that was read."""

    partition_key: str
    row_key: str
    values: Mapping[str, Value]
    etag: str


def entity_of(partition_key: str, row_key: str, values: Mapping[str, Value]) -> dict[str, Any]:
    """An entity for the SDK, which takes integers of over 32 bits only with their type."""
    typed = {
        name: EntityProperty(value, EdmType.INT64) if _is_long(value) else value
        for name, value in values.items()
    }
    return {"PartitionKey": partition_key, "RowKey": row_key, **typed}


def row_of(entity: Mapping[str, Any]) -> Row:
    """The row that the SDK has read."""
    values = {
        name: value.value if isinstance(value, EntityProperty) else value
        for name, value in entity.items()
        if name not in ("PartitionKey", "RowKey")
    }
    metadata: Mapping[str, Any] = getattr(entity, "metadata", {})
    return Row(entity["PartitionKey"], entity["RowKey"], values, str(metadata["etag"]))


def _is_long(value: Value) -> bool:
    return isinstance(value, int) and not -(2**31) <= value < 2**31
