"""Keeps the record to which a meeting returns if Teams refuses a change.

A change is in our record before Teams is asked. Until Teams accepts it, the record also holds what
Teams accepted last. So a refused change is never taken for the earlier state, and a request that
finishes the change of a killed one can take it back, too.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from shared.sharing.rows import SharedCallRecord
from shared.tables import Row

_TIMES = ("provenAt", "sharedAt", "startsAt", "endsAt")


def with_fallback(record: SharedCallRecord, previous: SharedCallRecord | None) -> SharedCallRecord:
    """A record that Teams has yet to accept, in the place of `previous`."""
    if previous is None or previous.content is None:
        return replace(record, fallback="")
    if previous.fallback is not None:
        return replace(record, fallback=previous.fallback)
    return replace(record, fallback=_text(previous))


def fallback_of(record: SharedCallRecord) -> SharedCallRecord | None:
    """The record that Teams accepted last; None if there was none."""
    if not record.fallback:
        return None
    values: dict[str, Any] = json.loads(record.fallback)
    times = {name: datetime.fromisoformat(values[name]) for name in _TIMES if name in values}
    return SharedCallRecord.of(Row(record.call_id, "", {**values, **times}, ""))


def without(record: SharedCallRecord, partitions: Iterable[str]) -> SharedCallRecord:
    """A record after the rows in some partitions were removed: it does not go back to them."""
    removed, before = frozenset(partitions), fallback_of(record)
    left = record.without(removed)
    if before is None or removed.isdisjoint(before.other_partitions):
        return left
    return replace(left, fallback=_text(before.without(removed)))


def _text(record: SharedCallRecord) -> str:
    # The audience of 350 is 22,400 characters, and a property holds 32,768.
    values: Mapping[str, Any] = {**record.values(), "leaving": ""}
    return json.dumps(
        {name: value.isoformat() if name in _TIMES else value for name, value in values.items()},
        ensure_ascii=False,
    )
