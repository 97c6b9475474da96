"""Tidy ends what requests left, whatever fails, and costs next to nothing when all have ended."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.intents import SHARDS, Intent, Intents, Places, RunNote, backoff
from shared.keys import key
from shared.operate.tidy import Tidy
from shared.problems import GraphUnavailable, StorageUnavailable
from shared.settings import load
from shared.tables import INTENTS, Table, table_client
from shared.upstream.clients import Upstream
from tests.support.control import Control
from tests.support.stack import Stack
from tests.support.table_proxy import TableProxy

pytestmark = pytest.mark.emulators

LATER = timedelta(minutes=1, milliseconds=1)


def in_first_shard(kind: str, most: int) -> list[str]:
    """Subjects whose intents of this kind are in the first of the shards."""
    subjects = map(str, range(1000))
    return [one for one in subjects if int(key(kind, one)[:8], 16) % len(SHARDS) == 0][:most]


class Clock:
    """In the past, where no other test's intents are due."""

    def __init__(self) -> None:
        self.now = datetime(1990, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


class Finishers:
    """Of kind "share", "erase" and "never"; notes what they end, and fails where it is told to."""

    def __init__(self) -> None:
        self.ended: list[tuple[str, str]] = []
        self.failing: dict[str, Exception] = {}
        self.started = asyncio.Event()

    def __call__(self) -> dict[str, object]:
        return {"share": self.end, "erase": self.end, "never": self.hang}

    async def end(self, intent: Intent) -> None:
        if intent.subject in self.failing:
            raise self.failing[intent.subject]
        self.ended.append((intent.kind, intent.subject))

    async def hang(self, intent: Intent) -> None:
        self.started.set()
        await asyncio.Event().wait()


class Sweeper:
    def __init__(self) -> None:
        self.sweeps = 0
        self.began_at: list[str] = []
        self.is_slow = False
        self.failure: Exception | None = None

    async def sweep(self, places: Places) -> None:
        """In two parts; it hangs, or fails, in the second."""
        self.sweeps += 1
        self.began_at.append(places.get("rows", ""))
        places["rows"] = "half"
        if self.is_slow:
            await asyncio.Event().wait()
        if self.failure is not None:
            raise self.failure


type MakeTidy = Callable[..., Tidy]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def finishers() -> Finishers:
    return Finishers()


@pytest.fixture
async def table(stack: Stack, tables: TableProxy) -> AsyncIterator[Table]:
    upstream = Upstream()
    settings = load(stack.with_tables(tables.connection_string).settings).upstream
    yield Table(table_client(settings, upstream, INTENTS))
    await upstream.close()


@pytest.fixture
async def intents(table: Table, clock: Clock) -> AsyncIterator[Intents]:
    intents = Intents(table, clock)
    yield intents
    clock.now += timedelta(days=3)
    for shard in SHARDS:
        for left in await intents.due(shard, 1000):
            await intents.end(left)
    # The next test begins as if there had been no run.
    await table.remove(SHARDS[0], "!last run")


@pytest.fixture
def sweeper() -> Sweeper:
    return Sweeper()


@pytest.fixture
def tidy_of(sweeper: Sweeper, clock: Clock) -> MakeTidy:
    def make(intents: Intents, finishers: Any, **seconds: float) -> Tidy:
        return Tidy(intents, finishers, lambda: [sweeper], now=clock, **seconds)

    return make


async def noted(intents: Intents) -> RunNote:
    note = await intents.last_run()
    assert note is not None
    return note


async def test_a_run_with_nothing_to_do_costs_16_queries_and_the_note(
    tables: TableProxy, tidy_of: MakeTidy, intents: Intents, finishers: Finishers, clock: Clock
) -> None:
    await intents.begin("share", "not due yet")
    tables.requests.clear()

    await tidy_of(intents, finishers).run()

    assert Counter(tables.requests) == {"query": 16, "update": 1}
    assert (await noted(intents)).at == clock.now
    assert finishers.ended == []


async def test_what_is_due_is_ended_and_its_intent_goes(
    tables: TableProxy, tidy_of: MakeTidy, intents: Intents, finishers: Finishers, clock: Clock
) -> None:
    begun = {(kind, f"{n}") for n in range(12) for kind in ("share", "erase")}
    for kind, subject in begun:
        await intents.begin(kind, subject)
    clock.now += LATER

    report = await tidy_of(intents, finishers).run()

    assert set(finishers.ended) == begun
    assert len(finishers.ended) == report.ended == 24
    tables.requests.clear()
    clock.now += timedelta(days=2)
    await tidy_of(intents, finishers).run()
    assert Counter(tables.requests) == {"query": 16, "update": 1}


async def test_instances_that_run_at_once_end_each_intent_once(
    tidy_of: MakeTidy, intents: Intents, finishers: Finishers, clock: Clock
) -> None:
    for n in range(10):
        await intents.begin("share", f"{n}")
    clock.now += LATER

    runs = await asyncio.gather(*(tidy_of(intents, finishers).run() for _ in range(3)))

    assert sorted(finishers.ended) == sorted(("share", f"{n}") for n in range(10))
    assert sum(run.ended for run in runs) == 10


async def test_what_fails_keeps_nothing_else_waiting_and_comes_again_after_its_rest(
    tidy_of: MakeTidy,
    intents: Intents,
    finishers: Finishers,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for subject in ("bad", "worse", "good"):
        await intents.begin("share", subject)
    finishers.failing = {"bad": GraphUnavailable(), "worse": ValueError("a secret")}
    clock.now += LATER

    first = await tidy_of(intents, finishers).run()

    assert (first.ended, first.failed) == (1, 2)
    assert finishers.ended == [("share", "good")]
    clock.now += timedelta(minutes=4)
    assert (await tidy_of(intents, finishers).run()).failed == 0
    clock.now += LATER
    finishers.failing = {}
    assert (await tidy_of(intents, finishers).run()).ended == 2
    assert {record.levelno for record in caplog.records} == {logging.WARNING}
    assert "graph-unavailable" in caplog.text
    assert "ValueError" in caplog.text
    assert "a secret" not in caplog.text


async def test_a_failure_is_an_error_in_the_log_once_it_comes_again_daily_only(
    tidy_of: MakeTidy,
    intents: Intents,
    finishers: Finishers,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await intents.begin("share", "hopeless")
    finishers.failing = {"hopeless": GraphUnavailable()}
    clock.now += LATER
    levels = list[int]()
    for attempts in range(11):
        caplog.clear()
        assert (await tidy_of(intents, finishers).run()).failed == 1
        levels += [record.levelno for record in caplog.records if "share of " in record.message]
        clock.now += backoff(attempts) + timedelta(milliseconds=1)

    assert levels == [logging.WARNING] * 9 + [logging.ERROR] * 2


async def test_a_kind_that_is_not_known_here_is_left_alone_and_keeps_nobody_waiting(
    table: Table, tidy_of: MakeTidy, intents: Intents, finishers: Finishers, clock: Clock
) -> None:
    known = (await intents.begin("share", "known")).row
    newer = {**known.values, "kind": "newer"}
    # More than one run takes of a shard, and all of them before the known one.
    rows = {known.row_key.replace("-share-", f"-newer-{n:02}"): newer for n in range(51)}
    begun = await table.insert_with(known.partition_key, rows)
    clock.now += LATER

    report = await tidy_of(intents, finishers).run()

    assert finishers.ended == [("share", "known")]
    assert report.unknown == 51
    left = await intents.due(known.partition_key, 100)
    assert {one.row.etag for one in left} == {row.etag for row in begun.values()}


async def test_what_never_answers_keeps_nothing_else_waiting(
    tidy_of: MakeTidy, intents: Intents, finishers: Finishers, clock: Clock
) -> None:
    endless, [person] = in_first_shard("never", 9), in_first_shard("erase", 1)
    shards = {(await intents.begin("never", one)).row.partition_key for one in endless}
    clock.now += timedelta(milliseconds=1)
    shards.add((await intents.begin("erase", person)).row.partition_key)
    assert shards == {SHARDS[0]}
    clock.now += LATER

    report = await tidy_of(intents, finishers, finisher_seconds=0.05).run()

    assert finishers.ended == [("erase", person)]
    assert (report.ended, report.failed, report.is_cut_short) == (1, len(endless), False)


async def test_no_subject_is_in_the_log_since_it_may_open_a_call(
    tidy_of: MakeTidy,
    intents: Intents,
    finishers: Finishers,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    for subject in ("an id of a call", "another id"):
        await intents.begin("share", subject)
    finishers.failing = {"another id": GraphUnavailable()}
    clock.now += LATER

    await tidy_of(intents, finishers).run()

    assert caplog.text.count("share of ") == 2
    assert "id of a call" not in caplog.text
    assert "another id" not in caplog.text


async def test_a_run_ends_when_its_time_is_over_and_what_was_under_way_comes_again(
    tidy_of: MakeTidy, intents: Intents, finishers: Finishers, clock: Clock
) -> None:
    await intents.begin("never", "endless")
    clock.now += LATER

    report = await tidy_of(intents, finishers, seconds=0.5).run()

    assert finishers.started.is_set()
    assert report.is_cut_short
    assert (await noted(intents)).at == clock.now
    clock.now += timedelta(minutes=6)
    [again] = [one for shard in SHARDS for one in await intents.due(shard, 50)]
    assert (again.subject, again.attempts) == ("endless", 1)


async def test_a_run_that_storage_fails_is_not_noted(
    tidy_of: MakeTidy, intents: Intents, finishers: Finishers, clock: Clock, table_faults: Control
) -> None:
    await intents.note_run(clock.now)
    noted_at = clock.now
    clock.now += LATER
    await table_faults.fault("query", status=503, times=3 * len(SHARDS))

    with pytest.raises(StorageUnavailable):
        await tidy_of(intents, finishers).run()

    assert (await noted(intents)).at == noted_at


async def test_what_is_put_off_is_due_then_with_no_attempt_counted(
    intents: Intents, clock: Clock
) -> None:
    intent = await intents.begin("share", "not yet")
    later = clock.now + timedelta(days=1)

    await intents.postpone(intent, later)
    await intents.postpone(intent, later)  # somebody has changed it: nothing happens

    shard = intent.row.partition_key
    clock.now = later
    assert await intents.due(shard, 50) == []
    clock.now += timedelta(milliseconds=1)
    [due] = await intents.due(shard, 50)
    assert (due.subject, due.attempts, due.begun_at) == ("not yet", 0, intent.begun_at)


async def test_what_is_too_old_is_swept_once_a_day_whoever_runs(
    tidy_of: MakeTidy, intents: Intents, finishers: Finishers, clock: Clock, sweeper: Sweeper
) -> None:
    swept = []
    for hours in (0, 23, 1, 1, 22):  # the first run ever begins to count
        clock.now += timedelta(hours=hours)
        swept.append((await tidy_of(intents, finishers).run()).is_swept)

    assert swept == [False, False, True, False, False]
    assert sweeper.sweeps == 1
    assert (await noted(intents)).swept_at == clock.now - timedelta(hours=23)


async def test_a_sweep_that_fails_comes_again_in_the_next_run(
    tidy_of: MakeTidy,
    intents: Intents,
    finishers: Finishers,
    clock: Clock,
    sweeper: Sweeper,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await intents.note_run(clock.now - timedelta(days=2))
    sweeper.failure = ValueError("a secret")
    failed = await tidy_of(intents, finishers).run()
    sweeper.failure = None
    repeated = await tidy_of(intents, finishers).run()

    assert (failed.is_swept, repeated.is_swept, sweeper.sweeps) == (False, True, 2)
    assert "Sweeper is not swept: ValueError" in caplog.text
    assert "a secret" not in caplog.text


async def test_a_sweep_that_is_cut_short_is_gone_on_with_by_the_next_run(
    tidy_of: MakeTidy, intents: Intents, finishers: Finishers, clock: Clock, sweeper: Sweeper
) -> None:
    await intents.note_run(clock.now - timedelta(days=1))
    sweeper.is_slow = True
    assert (await tidy_of(intents, finishers, seconds=0.5).run()).is_cut_short
    sweeper.is_slow = False
    assert (await tidy_of(intents, finishers).run()).is_swept
    clock.now += timedelta(days=1)
    await tidy_of(intents, finishers).run()

    assert sweeper.began_at == ["", "half", ""]


async def test_a_sweep_that_is_not_done_for_days_is_warned_of(
    tidy_of: MakeTidy,
    intents: Intents,
    finishers: Finishers,
    clock: Clock,
    sweeper: Sweeper,
    caplog: pytest.LogCaptureFixture,
) -> None:
    sweeper.failure = StorageUnavailable()
    await intents.note_run(clock.now - timedelta(days=3))

    await tidy_of(intents, finishers).run()

    *_, line = caplog.records
    assert line.levelno == logging.WARNING
    assert line.message.endswith("the last sweep 3 days ago")


@pytest.mark.parametrize(("minutes", "level"), [(30, logging.INFO), (31, logging.WARNING)])
async def test_a_run_that_is_late_says_so(
    tidy_of: MakeTidy,
    intents: Intents,
    finishers: Finishers,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
    minutes: int,
    level: int,
) -> None:
    caplog.set_level(logging.INFO, "shared.operate.tidy")
    await tidy_of(intents, finishers).run()
    clock.now += timedelta(minutes=minutes)
    await tidy_of(intents, finishers).run()

    first, second = caplog.records
    assert "the last run was never" in first.message
    assert f"the last run was {60 * minutes} s ago" in second.message
    assert (first.levelno, second.levelno) == (logging.INFO, level)


async def test_the_intents_of_what_is_gone_go_and_no_others(intents: Intents, clock: Clock) -> None:
    kept = [await intents.begin("share", "gone"), await intents.begin("place", "other")]
    for _ in range(2):
        await intents.begin("place", "gone")

    await intents.end_all("place", "gone")

    clock.now += LATER
    due = [one for shard in SHARDS for one in await intents.due(shard, 50)]
    assert {one.row.etag for one in due} == {one.row.etag for one in kept}
