"""Our transactions against those of Microsoft's SDK: both store and raise the same."""

import asyncio
import random
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from azure.core import MatchConditions

from shared.stored_rows import Row, Value
from shared.table_api import Delete, Insert, Operation, Replace
from shared.tables import INTENTS, RowChanged, RowExists, Table
from shared.unavailable import StorageUnavailable
from shared.upstream.failures import ErrorAnswer
from shared.upstream.sdk import by_sdk
from tests.project.wire_and_sdk import (
    KEYS,
    PARTITION,
    SDKS,
    VALUES,
    Pair,
    api_of,
    failure,
    pair_of,
    told,
)
from tests.support.control import Control
from tests.support.stack import Stack
from tests.support.storage import sdk_entity
from tests.support.table_proxy import TableProxy

pytestmark = pytest.mark.emulators

type Step = tuple[str, str, Mapping[str, Value]]

# The operations on a row; `old`: with the version that the row had before.
KINDS = ("insert", "replace", "delete", "replace old", "delete old")
TRANSACTIONS = 30
# The share of operations that do not depend on the stored row.
FAILING = 0.3
TAKEN = (409, "EntityAlreadyExists")
CHANGED = (412, "UpdateConditionNotSatisfied")
MISSING = (404, "ResourceNotFound")


@pytest.fixture
async def sides(stack: Stack) -> AsyncIterator["tuple[Side, Side]"]:
    async with pair_of(stack) as pair:
        yield Side(pair, PARTITION), Side(pair, SDKS)


@dataclass
class Side:
    """One client with a partition of its own.

    Attributes:
        read: each row that is stored, as it was last read.
        old: rows as they were before they were changed or removed.
    """

    pair: Pair
    partition: str
    read: dict[str, Row] = field(default_factory=dict)
    old: dict[str, Row] = field(default_factory=dict)

    async def do(self, *steps: Step) -> object:
        """Which steps have a new version, or how all failed; then reads what is stored."""
        operations = [self._operation(*step) for step in steps]
        try:
            if self.partition == PARTITION:
                etags = await self.pair.wire.transact(PARTITION, operations)
            else:
                etags = await _by_sdk(self.pair, operations)
        except ErrorAnswer as error:
            return told(error)
        query = ("PartitionKey eq @p", {"p": self.partition}, 1000)
        rows, _ = await self.pair.wire.query(*query)
        before, self.read = self.read, {row.row_key: row for row in rows}
        self.old |= {name: row for name, row in before.items() if self.read.get(name) != row}
        for (_, name, _), etag in zip(steps, etags, strict=True):
            assert self.read[name].etag == etag if etag else name not in self.read
        return list(map(bool, etags))

    @property
    def stored(self) -> dict[str, Mapping[str, Value]]:
        return {name: row.values for name, row in self.read.items()}

    def _operation(self, kind: str, name: str, values: Mapping[str, Value]) -> Operation:
        if kind == "insert":
            return Insert(name, values)
        rows = self.old if kind.endswith("old") else self.read
        row = rows.get(name, Row(self.partition, name, {}, 'W/"never"'))
        return Delete(row) if kind.startswith("delete") else Replace(row, values)


async def _by_sdk(pair: Pair, operations: Sequence[Operation]) -> list[str]:
    """What the SDK is answered."""
    written = await by_sdk(lambda: pair.sdk.submit_transaction(map(_sdk_operation, operations)))
    return [str(metadata.get("etag", "")) for metadata in written]


def _sdk_operation(operation: Operation) -> tuple[Any, ...]:
    match operation:
        case Insert(row_key, values):
            return "create", sdk_entity(SDKS, row_key, values)
        case Replace(row, values):
            how = {"mode": "replace", **_if_as(row)}
            return "update", sdk_entity(SDKS, row.row_key, values), how
        case Delete(row):
            return "delete", sdk_entity(SDKS, row.row_key, {}), _if_as(row)


def _if_as(row: Row) -> dict[str, Any]:
    return {"etag": row.etag, "match_condition": MatchConditions.IfNotModified}


async def test_transactions_store_and_raise_the_same(sides: tuple[Side, Side]) -> None:
    chance = random.Random(18)
    ours, of_sdk = sides
    seen = set()
    for _ in range(TRANSACTIONS):
        names = chance.choices("abcd", k=chance.randrange(1, 4))  # the same twice, at times
        steps: list[Step] = []
        for name in names:
            fitting = ("replace", "replace", "delete") if name in ours.read else ("insert",)
            kind = chance.choice(KINDS if chance.random() < FAILING else fitting)
            steps.append((kind, name, {"n": chance.choice(VALUES)}))

        done = await ours.do(*steps)

        assert done == await of_sdk.do(*steps), steps
        assert ours.stored == of_sdk.stored
        seen.add(done if isinstance(done, tuple) else len(steps))
    assert seen >= {1, 2, 3, TAKEN, CHANGED, MISSING}


async def test_one_failure_leaves_all_as_it_was(sides: tuple[Side, Side]) -> None:
    twice = (400, "InvalidDuplicateRow")
    cases = [
        (TAKEN, ("insert", "there"), ("insert", "a")),
        (TAKEN, ("insert", "a"), ("insert", "there")),
        (CHANGED, ("replace old", "changed"), ("insert", "a")),
        (CHANGED, ("insert", "a"), ("replace old", "changed")),
        (CHANGED, ("insert", "a"), ("delete old", "changed")),
        (MISSING, ("replace old", "gone"), ("insert", "a")),
        (MISSING, ("insert", "a"), ("replace", "never")),
        (MISSING, ("insert", "a"), ("delete old", "gone")),
        (twice, ("insert", "a"), ("insert", "a")),
        (twice, ("insert", "a"), ("replace", "a")),
    ]
    for side in sides:
        before: list[Step] = [("insert", name, {"n": 1}) for name in ("there", "changed", "gone")]
        await side.do(*before)
        await side.do(("replace", "changed", {"n": 2}), ("delete", "gone", {}))
        for failed, *steps in cases:
            assert await side.do(*((*step, {"n": 3}) for step in steps)) == failed, steps

        assert await side.do(("insert", "last", {})) == [True]
        assert side.stored == {"there": {"n": 1}, "changed": {"n": 2}, "last": {}}


async def test_as_many_as_storage_takes_together_are_stored_under_whatever_key(
    sides: tuple[Side, Side],
) -> None:
    ours, of_sdk = sides
    names = [*KEYS, *(f"row {n}" for n in range(100 - len(KEYS)))]
    inserts: list[Step] = [("insert", name, {"name": name}) for name in names]
    assert await ours.do(*inserts) == await of_sdk.do(*inserts) == [True] * 100
    assert ours.stored == of_sdk.stored == {name: {"name": name} for name in names}

    assert await ours.do(*(("replace", name, {"n": name}) for name in names)) == [True] * 100
    assert ours.stored == {name: {"n": name} for name in names}
    assert await ours.do(*(("delete", name, {}) for name in names)) == [False] * 100
    assert ours.stored == {}


async def test_nothing_to_be_done_is_done_without_storage(
    proxied: Table, tables: TableProxy
) -> None:
    tables.requests.clear()

    assert await proxied.insert_with(PARTITION, {}) == {}
    assert not tables.requests


@pytest.mark.parametrize(
    ("table", "key"), [(INTENTS, "AccountKey=QUJD"), ("nowhere", "AccountKey=")]
)
async def test_a_wrong_key_and_a_missing_table_are_told_the_same(
    stack: Stack, table: str, key: str
) -> None:
    connection = stack.settings["TABLES_CONNECTION_STRING"].replace("AccountKey=", key)
    async with api_of(stack, table, connection) as api:
        ours = await failure(api.transact(SDKS, [Insert("a", {})]))
        of_sdk = await failure(_by_sdk(Pair(api, api.sdk), [Insert("a", {})]))
        alone = await failure(api.insert(SDKS, "a", {}))

    assert ours == of_sdk == alone


@pytest.fixture
async def proxied(stack: Stack, tables: TableProxy) -> AsyncIterator[Table]:
    """A table behind the proxy, with one row, whose partition is removed afterwards."""
    async with pair_of(stack), api_of(stack, INTENTS, tables.connection_string) as api:
        table = Table(api)
        await table.put(PARTITION, "first", {"n": 1})
        yield table


@pytest.mark.parametrize("fault", [{"status": 503}, {"status": 429}, {"drop": "before"}])
async def test_what_was_not_done_is_done_by_a_retry(
    proxied: Table, tables: TableProxy, table_faults: Control, no_pauses: None, fault: Any
) -> None:
    first = await proxied.find(PARTITION, "first")
    await table_faults.fault("batch", times=2, **fault)

    stored = await proxied.insert_with(PARTITION, {"new": {"n": 1}}, first, {"n": 2})

    assert stored == {name: await proxied.find(PARTITION, name) for name in ("new", "first")}
    assert tables.requests["batch"] == 3


@pytest.mark.parametrize("fault", [{"drop": "after"}, {"hold": "after", "status": 500}])
async def test_a_transaction_whose_answer_is_lost_is_found_done_by_its_retry(
    proxied: Table, tables: TableProxy, table_faults: Control, no_pauses: None, fault: Any
) -> None:
    async def lose[T](request: Coroutine[Any, Any, T]) -> T:
        lost = await table_faults.fault("batch", times=1, **fault)
        asking = asyncio.create_task(request)
        if "hold" in fault:
            await table_faults.held(lost)
            await table_faults.release(lost)
        return await asking

    row = await proxied.find(PARTITION, "first")
    assert row is not None

    with pytest.raises(RowExists):
        await lose(proxied.insert_with(PARTITION, {"new": {"n": 1}}, row, {"n": 2}))
    changed, new = await proxied.find(PARTITION, "first"), await proxied.find(PARTITION, "new")
    assert changed is not None
    assert new is not None
    assert changed.values == {"n": 2}
    with pytest.raises(RowChanged):
        await lose(proxied.insert_with(PARTITION, {}, changed, {"n": 3}))
    with pytest.raises(RowChanged):
        await lose(proxied.remove_together([new]))
    assert await proxied.find(PARTITION, "new") is None


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 503},
        {"status": 503, "retryAfter": 9},
        {"status": 403},
        {"status": 413},
        {"drop": "before"},
        {"status": 200},
        {"status": 202, "body": {}},
    ],
)
async def test_a_transaction_that_fails_is_an_outage(
    proxied: Table, table_faults: Control, no_pauses: None, fault: Any
) -> None:
    await table_faults.fault("batch", **fault)

    with pytest.raises(StorageUnavailable):
        await proxied.insert_with(PARTITION, {"new": {"n": 1}})

    assert await proxied.find(PARTITION, "new") is None
