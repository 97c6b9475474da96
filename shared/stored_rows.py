"""A row as this service reads and writes it, and as the Table service sends and takes it."""

import json
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

type Value = str | int | float | bool | datetime

# Table Storage keeps texts as UTF-16, and a property of at most 64 KiB (documented: "Understanding
# the Table service data model").
MOST_BYTES = 64 * 1024

_AS_JSON = json.JSONEncoder(separators=(",", ":"))  # `json.dumps` would make one for each row
_TYPE = "@odata.type"
_INT64, _DATETIME, _DOUBLE = "Edm.Int64", "Edm.DateTime", "Edm.Double"
# What an answer with minimal metadata has beside values, keys and etag. Nothing needs the time of
# the last write: the etag names the version.
_NOT_VALUES = frozenset({"odata.metadata", "Timestamp", f"Timestamp{_TYPE}"})
_READERS: dict[Any, Callable[[Any], Value]] = {
    _DATETIME: datetime.fromisoformat,
    _INT64: int,
    _DOUBLE: float,
}


class Row(NamedTuple):
    """A stored row. `etag` names the version that was read."""

    partition_key: str
    row_key: str
    values: Mapping[str, Value]
    etag: str


class CommonValues(dict[str, Value]):
    """The values of many rows that are alike but for their keys. Their JSON is made once, so they
    must not be changed."""

    @cached_property
    def json(self) -> str:
        return json_of(_typed(self))


def entity_json(partition_key: str, row_key: str, values: Mapping[str, Value]) -> bytes:
    """An entity as it is sent."""
    if isinstance(values, CommonValues) and values:
        keys = json_of({"PartitionKey": partition_key, "RowKey": row_key})
        return f"{keys[:-1]},{values.json[1:]}".encode()
    return json_of(entity_of(partition_key, row_key, values)).encode()


def json_of(content: Mapping[str, Any]) -> str:
    """Without spaces."""
    return _AS_JSON.encode(content)


def entity_of(partition_key: str, row_key: str, values: Mapping[str, Value]) -> dict[str, Any]:
    """The JSON of an entity ("Inserting and updating entities" of the Table service). A type is
    named where JSON has none, or too few digits.
    """
    return {"PartitionKey": partition_key, "RowKey": row_key, **_typed(values)}


def _typed(values: Mapping[str, Value]) -> dict[str, Any]:
    entity: dict[str, Any] = {}
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
    # A list has a thousand rows, and each microsecond costs it a millisecond: this does little.
    values = dict(entity)
    left_out, typed = _told_apart(tuple(values))
    for name, type_name in typed:
        read = _READERS.get(values.pop(type_name))
        if read is not None:
            values[name] = read(values[name])
    for name in left_out:
        del values[name]
    keys = values.pop("PartitionKey"), values.pop("RowKey")
    return Row(*keys, values, values.pop("odata.etag"))


@lru_cache
def _told_apart(names: tuple[str, ...]) -> tuple[list[str], list[tuple[str, str]]]:
    """Of the names in an entity's JSON, those that a row leaves out; and the values whose type is
    told, with the name under which it is. Most rows of a list have the same names.
    """
    types = [name for name in names if name.endswith(_TYPE) and name not in _NOT_VALUES]
    return (
        [name for name in names if name in _NOT_VALUES],
        [(name.removesuffix(_TYPE), name) for name in types],
    )


def datetime_text(value: datetime) -> str:
    """A time as the Table service takes it, to the microsecond; local time if it has no zone."""
    return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def is_long(value: Value) -> bool:
    """Whether an integer is too long for JSON's type in the Table service, which has 32 bits."""
    return isinstance(value, int) and not -(2**31) <= value < 2**31


def _double(value: float) -> float | str:
    if math.isnan(value):
        return "NaN"
    return value if math.isfinite(value) else "Infinity" if value > 0 else "-Infinity"
