"""Changes of a row that other requests may change too: read, change, replace, and again.

A write on condition that nobody else has written may be refused because of itself: if its answer is
lost and it is sent again, it finds the row changed. So a request that reads the row after that has
to recognize its own write, or it takes that for what was there before.
"""

import asyncio
import inspect
import random
from collections.abc import Awaitable, Callable, Mapping
from enum import Enum
from typing import Final, Literal, NamedTuple

from shared.problems import Conflict
from shared.tables import Row, RowChanged, Table, Value

# How often a change is tried while other requests change the same row; then it is a Conflict.
TRIES = 10
# The same for a row that many change at the same time, with `growing_rest`: the time limit of the
# request ends before the tries do.
MANY_TRIES = 30
# Seconds: the longest pause after the first try, and after any.
_PAUSE, _LONGEST_PAUSE = 0.05, 1.0


class _Unread(Enum):
    UNREAD = 0


UNREAD: Final = _Unread.UNREAD

type Values = Mapping[str, Value]
type Change = Callable[[Row | None], Values | Awaitable[Values | None] | None]
"""What to write in place of the row that was read (None: there is none); None to leave it."""

type Rest = Callable[[int], Awaitable[None]]
"""Waits before the next try; takes the number of tries that have failed, less one."""


class ChangedRow(NamedTuple):
    """
    Attributes:
        before: the row that was read and replaced, or left as it is; None if there was none.
        now: the row that is stored now; None if there is none.
        written: whether this request wrote it.
    """

    before: Row | None
    now: Row | None
    written: bool


async def change_row(
    table: Table,
    partition_key: str,
    row_key: str,
    change: Change,
    *,
    found: Row | Literal[_Unread.UNREAD] | None = UNREAD,
    tries: int = TRIES,
    rest: Rest | None = None,
) -> ChangedRow:
    """Read a row, and write what `change` makes of it, unless others write it in between.

    A read and a write, and both again whenever others were faster. A row that holds exactly what
    this request tried to write counts as its own. If another's equal write must not count, let
    `change` write something random.

    Args:
        change: may be async, may be called several times, and may raise: RowChanged to have the
            row read again.
        found: the row as the caller has read it, which saves the first read.

    Raises:
        Conflict: others were faster each time.
    """
    tried: tuple[Row | None, Values] | None = None
    row = found
    for attempt in range(tries):
        if row is UNREAD:
            row = await table.find(partition_key, row_key)
        if tried is not None and row is not None and row.values == tried[1]:
            return ChangedRow(tried[0], row, written=True)
        try:
            changed = change(row)
            values = await changed if inspect.isawaitable(changed) else changed
            if values is None:
                return ChangedRow(row, row, written=False)
            tried = row, values
            if row is not None:
                return ChangedRow(row, await table.replace(row, values), written=True)
            stored = await table.insert_if_absent(partition_key, row_key, values)
            if stored.values == values:
                return ChangedRow(None, stored, written=True)
            row = stored
        except RowChanged:
            row = UNREAD
        if rest is not None:
            await rest(attempt)
    raise Conflict


def growing_rest(sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> Rest:
    """A rest of random length, and of more after each try, so that writers that collided do not
    collide again."""

    async def rest(attempt: int) -> None:
        longest = min(_PAUSE * 1.3**attempt, _LONGEST_PAUSE)
        await sleep(random.uniform(0, longest))  # noqa: S311

    return rest


async def retry_if_changed[T](attempt: Callable[[], Awaitable[T]], tries: int = TRIES) -> T:
    """The result of a change of several rows, which is made anew if it raises RowChanged.

    Raises:
        Conflict: others changed one of its rows each time.
    """
    for _ in range(tries):
        try:
            return await attempt()
        except RowChanged:
            continue
    raise Conflict
