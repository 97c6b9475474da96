"""Having Tidy run, and not waiting until something is due for it."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables import TableClient as SyncTableClient
from azure.data.tables import UpdateMode
from azure.data.tables.aio import TableClient

from shared.tables import INTENTS
from tests.support.stack import Host, Stack
from tests.support.storage import table

NOTE = {"partition_key": "0", "row_key": "!last run"}
# Times at which nothing begins, in milliseconds since 1970.
LONG_DUE = [f"{at:014}" for at in range(1, 100)]
SECONDS = 60.0


def note_that_tidy_has_run(stack: Stack) -> None:
    """Have the doctor find that Tidy has just run. Other tests leave intents, or notes of runs, of
    the times on their clocks."""
    now = datetime.now(UTC)
    row = {"PartitionKey": NOTE["partition_key"], "RowKey": NOTE["row_key"]}
    strings = stack.values["tablesConnectionString"]
    with SyncTableClient.from_connection_string(strings, INTENTS) as rows:
        rows.upsert_entity({**row, "at": now, "sweptAt": now}, UpdateMode.REPLACE)


async def intents_of(stack: Stack, *kinds: str) -> list[dict[str, Any]]:
    """The rows of intents of these kinds, as they are stored."""
    async with table(stack, INTENTS) as rows:
        return [dict(row) async for row in rows.list_entities() if row.get("kind") in kinds]


async def make_due(stack: Stack, *kinds: str, subject: str | None = None) -> None:
    """Have intents of these kinds be due, as if they had begun an hour earlier.

    Args:
        subject: of which; None for all, also those that other tests have left.
    """
    found = await intents_of(stack, *kinds)
    taken = {(row["PartitionKey"], row["RowKey"]) for row in found}
    async with table(stack, INTENTS) as rows:
        for row in found:
            shard, (due, name) = row["PartitionKey"], row["RowKey"].split("-", 1)
            if subject not in (None, row["subject"]) or due in LONG_DUE:
                continue
            # Those that all requests for a subject share are of one name at every time.
            key = next(f"{at}-{name}" for at in LONG_DUE if (shard, f"{at}-{name}") not in taken)
            taken.add((shard, key))
            earlier = {**row, "RowKey": key, "begunAt": row["begunAt"] - timedelta(hours=1)}
            await rows.submit_transaction([("create", earlier), ("delete", row)])


async def tidy(client: aiohttp.ClientSession, stack: Stack, host: Host) -> None:
    """Have the host run Tidy, as an operator does, and return once it has."""
    async with table(stack, INTENTS) as rows:
        before = await _note(rows)
        url = f"{host.api.removesuffix('/api')}/admin/functions/Tidy"
        async with client.post(url, json={}) as answer:
            assert answer.status == 202
        async with asyncio.timeout(SECONDS):
            while await _note(rows) == before:
                await asyncio.sleep(0.05)


async def _note(rows: TableClient) -> str | None:
    """Which run has noted itself last."""
    try:
        return str((await rows.get_entity(**NOTE)).metadata["etag"])
    except ResourceNotFoundError:
        return None
