"""Tables in memory answer the requests of `shared.tables` as Azurite does."""

import random
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from shared.settings import load
from shared.table_api import TableApi
from shared.tables import INTENTS, Row, RowChanged, RowExists, Table, Value
from shared.upstream.clients import Upstream
from tests.support.memory_tables import memory_clients
from tests.support.stack import Stack

STEPS = 300
KINDS = (
    "find",
    "insert",
    "merge",
    "replace",
    "put",
    "remove",
    "remove read",
    "page",
    "either",
    "some values",
    "batch",
)


class Follower:
    """A table, and the rows that were last read from it, which may be old.

    What it answers names no version, since each table names its own.
    """

    def __init__(self, table: Table, partition: str) -> None:
        self._table, self._partition = table, partition
        self._read: dict[str, Row] = {}

    async def do(self, kind: str, name: str, values: Mapping[str, Value], size: int) -> Any:
        table, partition = self._table, self._partition
        read = self._read.get(name) or Row(partition, name, {}, 'W/"never"')
        which = {"removed" if size % 2 else "replaced": read}
        inserted = {f"new {name} {size}": values}
        wanted: Any = ("kind ne @kind and n ge @n", {"kind": "b", "n": 3})
        # A row that lacks a property does not compare with it.
        half = datetime(2026, 1, 1, 0, 0, 30, tzinfo=UTC)
        either: Any = ("( at gt @half or later gt @half ) and n ge @n", {"half": half, "n": 3})
        later: Any = (
            "n ne @n and ( kind ne @kind or seq gt @seq )",
            {"n": 1, "kind": "b", "seq": 2**40},
        )
        asked: dict[str, Callable[[], Awaitable[Any]]] = {
            "find": lambda: table.find(partition, name),
            "insert": lambda: table.insert_if_absent(partition, name, values),
            "merge": lambda: table.merge(read, values),
            "replace": lambda: table.replace(read, values),
            "put": lambda: table.put(partition, name, values),
            "remove": lambda: table.remove(partition, name),
            "remove read": lambda: table.remove_unchanged(read),
            "page": lambda: table.page(partition, *wanted, most=size),
            "either": lambda: table.page(partition, *either, most=size),
            "some values": lambda: table.page(partition, *later, most=size, only=("kind", "large")),
            "batch": lambda: table.insert_with(partition, inserted, values=values, **which),
        }
        try:
            answer = await asked[kind]()
        except (RowChanged, RowExists) as error:
            return type(error)
        if kind == "find" and answer is not None:
            self._read[name] = answer
        return without_version(answer)


def without_version(answer: Any) -> Any:
    match answer:
        case Row():
            return answer.row_key, answer.values
        case [list() as rows, more]:
            return [without_version(row) for row in rows], more
        case dict():
            return {name: without_version(row) for name, row in answer.items()}
    return answer


async def test_tables_in_memory_and_azurite_answer_the_same(stack: Stack) -> None:
    chance = random.Random(16)
    upstream, settings = Upstream(), load(stack.settings)
    real = Follower(Table(TableApi(INTENTS, settings.upstream, upstream)), "memory tables")
    memory: Any = memory_clients()[INTENTS]
    copy = Follower(Table(memory), "memory tables")
    seen = set()
    try:
        for step in range(STEPS):
            kind, name = chance.choice(KINDS), f"row {chance.randrange(4)}"
            values: dict[str, Value] = {
                "kind": chance.choice("abc"),
                "n": chance.choice([1, 3, 5]),
                "seq": chance.choice([2**40, 2**41]),
                chance.choice(["large", "other"]): chance.choice([2**40, 0.5, True]),
                chance.choice(["at", "later"]): datetime(2026, 1, 1, 0, 0, step % 60, tzinfo=UTC),
            }
            size = chance.randrange(1, 6)
            answer = await real.do(kind, name, values, size)
            assert await copy.do(kind, name, values, size) == answer, (step, kind, name)
            seen.add((kind, answer if isinstance(answer, type) else bool(answer)))
    finally:
        await upstream.close()
    refused: set[Any] = {
        ("merge", RowChanged),
        ("replace", RowChanged),
        ("remove read", RowChanged),
    }
    refused |= {("batch", RowChanged), ("batch", RowExists)}
    done = {
        (kind, True)
        for kind in ("find", "insert", "merge", "replace", "page", "either", "some values", "batch")
    }
    assert seen >= refused | done | {("find", False), ("put", False), ("remove", False)}
