"""What earlier versions have begun is ended by later ones.

The partitions of intents are everybody's, so that these rows are not stored with the other golden
rows, but each in a partition of the test's own.
"""

import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from shared.calls.settling import PLACE
from shared.friends.withdrawn import WITHDRAWN
from shared.intents import SHARDS, Intent, Intents, RunNote
from shared.keys import principal_key
from shared.settings import load
from shared.table_api import TableApi
from shared.tables import INTENTS, Row, Table
from shared.upstream.clients import Upstream
from tests.golden.product import user
from tests.golden.rows import StoredRow, golden_rows
from tests.support.stack import Stack
from tests.support.storage import table

NOON = datetime(2026, 11, 28, 12, 0, 0, 250_000, UTC)


@pytest.fixture
async def intents_table(stack: Stack) -> AsyncIterator[Table]:
    upstream = Upstream()
    yield Table(TableApi(INTENTS, load(stack.settings).upstream, upstream))
    await upstream.close()


def golden(row_key: str) -> StoredRow:
    [found] = [row for row in golden_rows(INTENTS) if row_key in row.row_key]
    return found


async def read(stack: Stack, rows: Table, row: StoredRow) -> Row:
    """The row as the product reads it."""
    partition = uuid.uuid4().hex
    async with table(stack, INTENTS) as client:
        await client.create_entity({**row.entity(), "PartitionKey": partition})
        [found] = await rows.list_for(partition)
        await client.delete_entity(partition, row.row_key)
    return found


async def test_an_intent_to_place_a_call_is_known_again(stack: Stack, intents_table: Table) -> None:
    intent = Intent.of(await read(stack, intents_table, golden("-place-")))

    assert (intent.kind, intent.attempts, intent.begun_at) == (PLACE, 0, NOON)
    assert intent.subject == "8d1c6f0a2b3e4d5f96a7b8c9d0e1f203"
    assert intent.details == {}


async def test_an_intent_to_remove_what_was_withdrawn_is_known_again(
    stack: Stack, intents_table: Table
) -> None:
    intent = Intent.of(await read(stack, intents_table, golden("-withdrawn-")))

    assert (intent.kind, intent.attempts, intent.begun_at) == (WITHDRAWN, 0, NOON)
    assert intent.subject == principal_key(user("amy"))
    assert intent.row.row_key.startswith("01795871400000")  # after the ten minutes of 13:00
    assert intent.details == {}


async def test_the_last_run_is_known_again(stack: Stack, intents_table: Table) -> None:
    note = RunNote.of(await read(stack, intents_table, golden("!last run")))

    assert note.at == NOON.replace(minute=5)
    assert note.swept_at == datetime(2026, 11, 28, tzinfo=UTC)


async def test_intents_are_written_today_as_the_golden_rows_are(
    stack: Stack, intents_table: Table
) -> None:
    """The time when it is due, its kind, and a random part are the name of the row."""
    intents, kept = Intents(intents_table, lambda: NOON), golden("-place-")
    intent = await intents.begin(PLACE, "8d1c6f0a2b3e4d5f96a7b8c9d0e1f203")
    async with table(stack, INTENTS) as client:
        stored = StoredRow.of(await client.get_entity(intent.row.partition_key, intent.row.row_key))
    await intents.end(intent)

    assert stored.properties == kept.properties
    assert stored.row_key.rpartition("-")[0] == kept.row_key.rpartition("-")[0]
    assert stored.partition_key in SHARDS
