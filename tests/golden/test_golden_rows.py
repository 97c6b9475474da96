"""No stored property is lost, renamed or unknown: in rows, and in the JSON inside them.

The other tests here say what the rows mean; these make sure that none of it is forgotten. Where
one fails for a property that is new, record a row that has it: see the package's docstring.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from typing import Any, Protocol

from shared.app import App
from shared.calls.live_calls import LIVE_ROW, LiveCalls
from shared.calls.rows import Call
from shared.friends.rows import Friendship
from shared.meetings.rows import ScheduledMeeting
from shared.sharing.rows import Invitation, SharedCallRecord
from shared.table_api import TableApi
from shared.tables import Row, Table, Value
from shared.teams_phone.rows import Agent
from tests.golden.conftest import Changing
from tests.golden.kinds import PROPERTIES, golden_by_kind, kind_of
from tests.golden.rows import GoldenTables, StoredRow


class RowClass(Protocol):
    """The classes as which the product reads a row, and from which it writes one."""

    def values(self) -> dict[str, Value]: ...


def call_or_live_calls(row: Row) -> RowClass:
    return LiveCalls.of(row) if row.row_key == LIVE_ROW else Call.of(row)


# The class of the rows of each table. Rows of other kinds have no class.
CLASSES: dict[str, Callable[[Any], RowClass]] = {
    "friends": Friendship.of,
    "invitations": Invitation.of,
    "sharedcalls": SharedCallRecord.of,
    "meetings": ScheduledMeeting.of,
    "calls": call_or_live_calls,
    "agents": Agent.of,
}

WITH_CLASSES = {
    "friendship",
    "invitation",
    "record of a shared call",
    "meeting",
    "record of a call",
    "live",
    "agent",
}


def test_the_golden_rows_are_of_every_kind_and_have_every_property_in_every_type() -> None:
    found = {
        kind: {
            name: " ".join(sorted({row.types[name] for row in rows if name in row.types}))
            for name in sorted({name for row in rows for name in row.types})
        }
        for kind, rows in golden_by_kind().items()
    }

    assert found == {kind: dict(sorted(told.items())) for kind, told in PROPERTIES.items()}


def test_the_golden_rows_are_stored_as_they_are_in_the_files(golden: GoldenTables) -> None:
    for table, rows in golden.rows.items():
        assert {row.key: row for row in golden.now(table)} == {row.key: row for row in rows}


async def test_the_product_writes_back_all_that_it_reads_and_has_read_every_field(
    app: App, changing: Changing
) -> None:
    """The JSON inside too: a field that the product did not read, or has renamed, would differ.

    If a field has had only one value, it may be new, or be read by another name.
    """
    golden = changing(*CLASSES)
    values = defaultdict[str, set[str]](set)

    async def write_back(table: Table, read: Callable[[Any], RowClass], row: StoredRow) -> None:
        found = await table.find(*row.key)
        assert found is not None
        told = read(found)
        for name, value in _field_values(told):
            values[name].add(value)
        await table.replace(found, told.values())

    for name, read in CLASSES.items():
        table = Table(TableApi(name, app.settings.upstream, app.upstream))
        rows = [row for row in golden.rows[name] if kind_of(name, row) in WITH_CLASSES]
        await asyncio.gather(*(write_back(table, read, row) for row in rows))
        now = {row.key: row for row in golden.now(name)}
        assert [now[row.key].properties for row in rows] == [row.properties for row in rows]

    assert values
    assert {name for name, seen in values.items() if len(seen) == 1} == set()


def _field_values(thing: Any) -> Iterator[tuple[str, str]]:
    """The fields of a record, and of those inside it, however deep."""
    names = [one.name for one in fields(thing)] if is_dataclass(thing) else []
    names = [name for name in getattr(thing, "_fields", names) if name != "row"]
    if names:
        for name in names:
            value = getattr(thing, name)
            yield f"{type(thing).__name__}.{name}", repr(value)
            yield from _field_values(value)
    elif isinstance(thing, dict):
        for value in thing.values():
            yield from _field_values(value)
    elif isinstance(thing, (list, tuple, frozenset)):
        for value in thing:
            yield from _field_values(value)
