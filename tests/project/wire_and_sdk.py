"""One table, used by our own requests and by Microsoft's SDK; the SDK's results are the right
ones."""

from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

import pytest
from azure.data.tables.aio import TableClient

from shared.settings import load
from shared.stored_rows import Row, Value
from shared.table_api import TableApi
from shared.tables import INTENTS
from shared.upstream.clients import Upstream
from shared.upstream.failures import ErrorAnswer
from shared.upstream.sdk import by_sdk
from tests.support.stack import Stack
from tests.support.storage import sdk_row

PARTITION = "wire and SDK"
# Values that only the SDK writes.
SDKS = f"{PARTITION}, the SDK's"
# Whatever a key may hold; "/", "\", "#", "?" and control characters are refused by storage.
KEYS = (
    *("plain", "it's", "''", "a b+c", "50%", "%27", "ä ö", "漢字", "🙂", "a&b=c", "a,b", "(1)"),
    *("8:acs:res_1-2", "4:+14255550123", '~!@$^*`|{}[]<>:;"', "x" * 200),
)
AT = datetime(2026, 11, 28, 12, 30, 15, 123456, tzinfo=UTC)
VALUES: tuple[Value, ...] = (
    *(
        "",
        "text",
        'quotes " and \\',
        "ä漢🙂\u2028\n\t",
        "x" * 32_000,
        "2026-11-28T12:30:15Z",
        "null",
    ),
    *(0, 1, -1, 2**31 - 1, -(2**31), 2**31, -(2**31) - 1, 2**40, 2**63 - 1, -(2**63)),
    *(True, False, 0.0, 1.0, -2.5, 1e300, 5e-324, float("inf"), float("-inf")),
    *(AT, AT.replace(microsecond=0), AT.replace(microsecond=1), datetime(1601, 1, 1, tzinfo=UTC)),
    AT.astimezone(timezone(timedelta(hours=5, minutes=30))),
)


@dataclass
class Pair:
    """Two clients of one table."""

    wire: TableApi
    sdk: TableClient

    async def read(self, row_key: str) -> Row:
        """What both read, which is the same."""
        by_wire = await self.wire.get(PARTITION, row_key)
        by_sdk = sdk_row(await self.sdk.get_entity(PARTITION, row_key))
        assert by_wire == by_sdk
        for name, value in by_sdk.values.items():  # 1 == 1.0 == True
            assert type(by_wire.values[name]) is _python_type(value)
        return by_wire


@asynccontextmanager
async def pair_of(stack: Stack) -> AsyncIterator[Pair]:
    """Removes the rows of both partitions afterwards."""
    async with api_of(stack, INTENTS, stack.settings["TABLES_CONNECTION_STRING"]) as wire:
        yield Pair(wire, wire.sdk)
        both = {"first": PARTITION, "last": SDKS}
        rows, _ = await wire.query("PartitionKey ge @first and PartitionKey le @last", both, 1000)
        for row in rows:
            await wire.delete(row.partition_key, row.row_key)


@asynccontextmanager
async def api_of(stack: Stack, table: str, connection: str) -> AsyncIterator[TableApi]:
    upstream = Upstream()
    settings = load({**stack.settings, "TABLES_CONNECTION_STRING": connection}).upstream
    yield TableApi(table, settings, upstream)
    await upstream.close()


type Told = tuple[int, str]


async def failure(request: Awaitable[object]) -> Told:
    """How a request of either failed: status and error code."""
    with pytest.raises(ErrorAnswer) as failed:
        await by_sdk(lambda: request)
    return told(failed.value)


def told(failed: ErrorAnswer) -> Told:
    return failed.status, failed.shown_code


def _python_type(value: Value) -> type:
    return datetime if isinstance(value, datetime) else type(value)  # the SDK's is a kind of it
