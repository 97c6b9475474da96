"""A row as this service reads and writes it, and as the Table service sends and takes it."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

type Value = str | int | float | bool | datetime

# Table Storage keeps texts as UTF-16, and a property of at most 64 KiB (documented: "Understanding
# the Table service data model").
MOST_BYTES = 64 * 1024

_TYPE = "@odata.type"
_INT64, _DATETIME, _DOUBLE = "Edm.Int64", "Edm.DateTime", "Edm.Double"
# What an answer with minimal metadata has beside keys, version and values. No value needs the time
# of the last write: the etag names the version.
_NOT_VALUES = ("odata.metadata", "Timestamp", f"Timestamp{_TYPE}")
_READERS: dict[Any, Callable[[Any], Value]] = {
    _DATETIME: datetime.fromisoformat,
    _INT64: int,
    _DOUBLE: float,
}


@dataclass(frozen=True, slots=True)
class Row:
    """A stored row. `etag` names the version that was read."""

    partition_key: str
    row_key: str
    values: Mapping[str, Value]
    etag: str


def entity_of(partition_key: str, row_key: str, values: Mapping[str, Value]) -> dict[str, Any]:
    """The JSON of an entity ("Inserting and updating entities" of the Table service). A type is
    named where JSON has none, or too few digits.
    """
    entity: dict[str, Any] = {"PartitionKey": partition_key, "RowKey": row_key}
    for name, value in values.items():
        if isinstance(value, str | bool):
            entity[name] = value
        elif isinstance(value, datetime):
            entity[name + _TYPE], entity[name] = _DATETIME, datetime_text(value)
        elif isinstance(value, float):
            entity[name + _TYPE], entity[name] = _DOUBLE, _double(value)
        elif is_long(value):
            entity[name + _TYPE], entity[name] = _INT64, str(value)
        else:
            entity[name] = value
    return entity


def row_of(entity: Mapping[str, Any]) -> Row:
    """The row of an entity's JSON, which was asked for with minimal metadata.

    Raises:
        LookupError, TypeError, ValueError: it is not an entity's JSON.
    """
    # A list has thousands of rows, and each step costs it a millisecond, so this does little.
    values = dict(entity)
    partition_key, row_key = values.pop("PartitionKey"), values.pop("RowKey")
    etag = values.pop("odata.etag")
    for name in _NOT_VALUES:
        values.pop(name, None)
    for typed in [name for name in values if "@" in name and name.endswith(_TYPE)]:
        read = _READERS.get(values.pop(typed))
        if read is not None:
            name = typed.removesuffix(_TYPE)
            values[name] = read(values[name])
    return Row(partition_key, row_key, values, etag)


def datetime_text(value: datetime) -> str:
    """A time as the Table service takes it, in microseconds; one without a zone is of this host."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def is_long(value: Value) -> bool:
    """Whether an integer is too long for JSON's type in the Table service, which has 32 bits."""
    return isinstance(value, int) and not -(2**31) <= value < 2**31


def _double(value: float) -> float | str:
    if math.isnan(value):
        return "NaN"
    return value if math.isfinite(value) else "Infinity" if value > 0 else "-Infinity"
