"""Later versions end the changes that earlier ones have begun.

All intents share a few partitions, so these rows are not stored with the other golden rows, but
each in a partition of the test's own.
"""

import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from shared.app import App
from shared.calls.settling import PLACE
from shared.friends.withdrawn import WITHDRAWN
from shared.identity.bot_places import TAKE
from shared.identity.rows import BotPlace, bot_place, bots_key
from shared.intents import SHARDS, Intent, Intents, RunNote
from shared.keys import principal_key
from shared.settings import load
from shared.table_api import TableApi
from shared.tables import IDENTITIES, INTENTS, Row, Table
from shared.upstream.clients import Upstream
from tests.golden.conftest import Changing
from tests.golden.product import REALM, bot, user
from tests.golden.rows import StoredRow, golden_rows
from tests.support.stack import Stack
from tests.support.table_wire import table_wire

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
    with table_wire(stack.values["tablesConnectionString"]) as wire:
        wire.put(INTENTS, {**row.entity(), "PartitionKey": partition})
        [found] = await rows.list_for(partition)
        wire.delete(INTENTS, partition, row.row_key)
    return found


async def test_an_intent_to_place_a_call_is_known_again(stack: Stack, intents_table: Table) -> None:
    intent = Intent.of(await read(stack, intents_table, golden("0-place-")))

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


async def test_an_intent_to_take_the_place_of_a_bot_ends_the_one_that_was_left(
    app: App, changing: Changing, stack: Stack, intents_table: Table
) -> None:
    changing(IDENTITIES)
    intent = Intent.of(await read(stack, intents_table, golden("-take-bot-place-")))
    assert (intent.kind, intent.subject) == (TAKE, principal_key(bot("never there")))
    rows = Table(TableApi(IDENTITIES, app.settings.upstream, app.upstream))
    before = {row.row_key: BotPlace.of(row) for row in await rows.list_for(bots_key(REALM))}
    left, kept = before[bot_place(bot("never there"))], before[bot_place(bot("night desk"))]
    assert (left.attempt, left.is_kept, kept.is_kept) == (intent.details["attempt"], False, True)
    assert before[bot_place(bot("concierge"))].attempt == ""  # as earlier versions wrote it

    await app.bot_places.finishers[intent.kind](intent)

    after = {row.row_key for row in await rows.list_for(bots_key(REALM))}
    assert after == before.keys() - {bot_place(bot("never there"))}


async def test_the_last_run_is_known_again(stack: Stack, intents_table: Table) -> None:
    note = RunNote.of(await read(stack, intents_table, golden("!last run")))

    assert note.at == NOON.replace(minute=5)
    assert note.swept_at == datetime(2026, 11, 28, tzinfo=UTC)


async def test_intents_are_written_today_as_the_golden_rows_are(
    stack: Stack, intents_table: Table
) -> None:
    """The time when it is due, its kind, and a random part are the name of the row."""
    intents, kept = Intents(intents_table, lambda: NOON), golden("0-place-")
    intent = await intents.begin(PLACE, "8d1c6f0a2b3e4d5f96a7b8c9d0e1f203")
    key = intent.row.partition_key, intent.row.row_key
    with table_wire(stack.values["tablesConnectionString"]) as wire:
        found = wire.rows(INTENTS, "PartitionKey eq '{}' and RowKey eq '{}'".format(*key))
        [stored] = map(StoredRow.of, found)
    await intents.end(intent)

    assert stored.properties == kept.properties
    assert stored.row_key.rpartition("-")[0] == kept.row_key.rpartition("-")[0]
    assert stored.partition_key in SHARDS
