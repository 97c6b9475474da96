"""Intents: rows that say what a request has begun, so that the timer `Tidy` can finish it.

A request writes its intent before the first step of a change and removes it after the last. If it
is killed in between, the intent stays; when it is due, `shared.operate.tidy` hands it to the
finisher of its kind. A finisher takes back, or completes what is recorded, and never grants
anything, so that it does no harm beside the request itself, another finisher, or a repetition.

No rule of access rests on this: a timer may stop for good.
"""

import contextlib
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

from shared.keys import key, milliseconds
from shared.tables import Row, RowChanged, RowExists, Table, Value
from shared.unavailable import StorageUnavailable

# All partitions: one query of each finds what is due, and each takes 2,000 writes a second.
SHARDS = tuple(f"{shard:x}" for shard in range(16))
# After this time a request has ended or has died: it has UPSTREAM_TIMEOUT_SECONDS (10) for each of
# its few parts.
_FIRST_DUE = timedelta(minutes=1)
# An intent that could not be finished is due again after 5 minutes, 10, 20 ..., then once a day.
_FIRST_BACKOFF = timedelta(minutes=5)
LONGEST_BACKOFF = timedelta(days=1)
# The row that notes the last run of Tidy. It comes before every time, so that the query for what is
# due in this shard reads it too.
_NOTED_IN, _LAST_RUN = SHARDS[0], "!last run"
_OWN_VALUES = frozenset({"kind", "subject", "attempts", "begunAt"})


@dataclass(frozen=True)
class Intent:
    """A change that has begun.

    Attributes:
        kind: which finisher ends it.
        subject: what is changed: the key of a row, never a readable id of a person.
        details: what else the finisher needs.
        attempts: how often Tidy has claimed it.
    """

    kind: str
    subject: str
    details: Mapping[str, Value]
    attempts: int
    begun_at: datetime
    row: Row

    @classmethod
    def of(cls, row: Row) -> "Intent":
        values, begun_at = row.values, row.values["begunAt"]
        if not isinstance(begun_at, datetime):
            raise TypeError("an intent whose begunAt is no time")
        return cls(
            kind=str(values["kind"]),
            subject=str(values["subject"]),
            details={name: value for name, value in values.items() if name not in _OWN_VALUES},
            attempts=int(str(values["attempts"])),
            begun_at=begun_at.astimezone(UTC),
            row=row,
        )


type Places = dict[str, str]
"""The PartitionKey that each scan of a sweep has come to, by the scan's name."""


@dataclass(frozen=True)
class RunNote:
    """What Tidy notes at the end of a run.

    Attributes:
        at: when that was.
        swept_at: when a run last removed what is too old to be kept.
        places: how far a sweep has come that was cut short; see `Sweeps`. Empty if none was.
    """

    at: datetime
    swept_at: datetime
    places: Places = field(default_factory=dict)

    @classmethod
    def of(cls, row: Row) -> "RunNote":
        at, swept_at = row.values["at"], row.values["sweptAt"]
        if not isinstance(at, datetime) or not isinstance(swept_at, datetime):
            raise TypeError("a note of a run without its times")
        places = json.loads(str(row.values.get("places", "{}")))
        return cls(at.astimezone(UTC), swept_at.astimezone(UTC), places)


@dataclass(frozen=True)
class DuePage:
    """The answer of one query for intents that are due.

    Attributes:
        intents: the oldest first.
        is_last: whether the shard has no more that are due.
        note: of the last run, which one of the shards has; None in the others, or if none ran.
    """

    intents: list[Intent]
    is_last: bool
    note: RunNote | None


type Finisher = Callable[[Intent], Awaitable[None]]
"""Ends what an intent stands for; raises a Problem if it cannot now. Repeatable."""


class EndsIntents(Protocol):
    """Something that writes intents, and knows how to end them."""

    @property
    def finishers(self) -> Mapping[str, Finisher]:
        """The finisher of each kind of intent that it writes."""


class Sweeps(Protocol):
    """Something that stores rows that are kept only for a time."""

    async def sweep(self, places: Places) -> None:
        """Remove what is too old to be kept; may be ended at any time, and is repeated daily.

        Args:
            places: where to go on. The sweep notes here how far it comes, so that the next run can
                go on if this one is cut short.
        """


class Intents:
    """Stores intents: PartitionKey one of 16 shards, RowKey the time when Tidy may take it."""

    def __init__(
        self, table: Table, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._table = table
        self._now = now

    @asynccontextmanager
    async def around(
        self, kind: str, subject: str, details: Mapping[str, Value] | None = None
    ) -> AsyncIterator[Intent]:
        """Keep an intent while the body of the `with` runs; if that fails, the intent stays."""
        intent = await self.begin(kind, subject, details)
        yield intent
        await self.end(intent)

    async def begin(
        self,
        kind: str,
        subject: str,
        details: Mapping[str, Value] | None = None,
        due_at: datetime | None = None,
    ) -> Intent:
        """Write an intent. One write.

        Args:
            details: none of them named as a property of the intent itself.
            due_at: when Tidy may take it; None for in a minute.

        Raises:
            StorageUnavailable: it may be written or not; the change must not begin.
        """
        now = self._now()
        values: dict[str, Value] = {
            **(details or {}),
            "kind": kind,
            "subject": subject,
            "attempts": 0,
            "begunAt": now,
        }
        # Two requests with one subject have one each, or one would remove the other's.
        row_key = _row_key(due_at or now + _FIRST_DUE, kind, uuid.uuid4().hex)
        return Intent.of(await self._table.insert_if_absent(_shard(kind, subject), row_key, values))

    async def expect(self, kind: str, subject: str, due_at: datetime) -> None:
        """Write an intent that is due then. All requests for the same kind and subject share it.

        Only its finisher ends it. One write.
        """
        values: dict[str, Value] = {
            "kind": kind, "subject": subject, "attempts": 0, "begunAt": self._now(),
        }  # fmt: skip
        row_key = _row_key(due_at, kind, key(kind, subject)[:32])
        await self._table.insert_if_absent(_shard(kind, subject), row_key, values)

    async def end(self, intent: Intent) -> None:
        """Remove an intent whose change has ended. If that fails, Tidy finds nothing to do."""
        with contextlib.suppress(StorageUnavailable):
            await self._table.remove(intent.row.partition_key, intent.row.row_key)

    async def end_all(self, kind: str, subject: str, begun_by: datetime | None = None) -> None:
        """Remove every intent of one kind for one subject, also those of requests that were killed.

        One query, and as `end` for each.

        Args:
            begun_by: leave those that began later: they may be about what came after; None for all.
        """
        shard = _shard(kind, subject)
        with contextlib.suppress(StorageUnavailable):
            which = {"kind": kind, "subject": subject}
            for row in await self._table.list_for(
                shard, "kind eq @kind and subject eq @subject", which
            ):
                intent = Intent.of(row)
                if begun_by is None or intent.begun_at <= begun_by:
                    await self.end(intent)

    async def due(self, shard: str, most: int) -> list[Intent]:
        """Intents of one shard that nobody ended in time, the oldest first. One query."""
        return (await self.due_page(shard, most)).intents

    async def due_page(self, shard: str, most: int, after: str = "") -> "DuePage":
        """The same, and what else the same query finds.

        Args:
            after: the RowKey of an intent; those that were due until then are left out.
        """
        before = {"before": _row_key(self._now(), "", "")}
        rows, has_more = await self._table.page(
            shard, "RowKey lt @before", before, after=after, most=most + 1
        )
        notes = [RunNote.of(row) for row in rows if row.row_key == _LAST_RUN]
        due = [Intent.of(row) for row in rows if row.row_key != _LAST_RUN]
        is_last = not has_more and len(due) <= most
        return DuePage(due[:most], is_last, notes[0] if notes else None)

    async def claim(self, intent: Intent) -> Intent | None:
        """Take an intent, so that no other instance does; it is due again later, in case we fail.

        Returns:
            The intent as it stands now; None if another instance has it, or it has ended.
        """
        due_at = self._now() + backoff(intent.attempts)
        kind, unique = intent.kind, intent.row.row_key.rpartition("-")[2]
        row_key = _row_key(due_at, kind, unique)
        values = {**intent.row.values, "attempts": intent.attempts + 1}
        shard = intent.row.partition_key
        try:
            stored = await self._table.insert_with(shard, {row_key: values}, removed=intent.row)
        except (RowChanged, RowExists):
            return None
        return Intent.of(stored[row_key])

    async def postpone(self, intent: Intent, due_at: datetime) -> None:
        """Let an intent rest until then, with no attempt counted: it is not time for it yet.

        Does nothing if somebody else has changed it.
        """
        unique = intent.row.row_key.rpartition("-")[2]
        values = {**intent.row.values, "attempts": 0}
        inserted = {_row_key(due_at, intent.kind, unique): values}
        with contextlib.suppress(RowChanged, RowExists):
            await self._table.insert_with(intent.row.partition_key, inserted, removed=intent.row)

    async def note_run(self, swept_at: datetime, places: Places | None = None) -> None:
        """Note that Tidy has run now, when it swept last, and how far it has come since."""
        note: dict[str, Value] = {"at": self._now(), "sweptAt": swept_at}
        if places:
            note["places"] = json.dumps(places)
        await self._table.put(_NOTED_IN, _LAST_RUN, note)

    async def last_run(self) -> "RunNote | None":
        """What Tidy's last run has noted; None if it never ran. One point read."""
        row = await self._table.find(_NOTED_IN, _LAST_RUN)
        return None if row is None else RunNote.of(row)


def backoff(attempts: int) -> timedelta:
    """How long an intent rests after it was claimed so many times before."""
    return min(_FIRST_BACKOFF * (1 << min(attempts, 20)), LONGEST_BACKOFF)


def _shard(kind: str, subject: str) -> str:
    return SHARDS[int(key(kind, subject)[:8], 16) % len(SHARDS)]


def _row_key(due_at: datetime, kind: str, unique: str) -> str:
    return f"{milliseconds(due_at):014d}-{kind}-{unique}"
