"""Tidy ends the changes that requests left unfinished, whatever fails, and costs next to nothing if
there are none."""

import asyncio
import logging
from datetime import timedelta

import pytest

from shared.intents import SHARDS, Intents, backoff
from shared.tables import Table
from shared.unavailable import GraphUnavailable, StorageUnavailable
from tests.operate.tidy_world import (
    LATER,
    Clock,
    Finishers,
    MakeTidy,
    cut_short,
    in_first_shard,
    noted,
)
from tests.support.control import Control
from tests.support.costs import cost_of
from tests.support.table_proxy import TableProxy

pytestmark = pytest.mark.emulators
pytest_plugins = ("tests.operate.tidy_fixtures",)


async def test_a_run_with_nothing_to_do_costs_16_queries_and_the_note(
    tables: TableProxy, tidy_of: MakeTidy, intents: Intents, finishers: Finishers, clock: Clock
) -> None:
    await intents.begin("share", "not due yet")
    tables.requests.clear()

    await tidy_of(intents, finishers).run()

    assert tables.requests == cost_of("Tidy, with nothing to do")
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
    assert tables.requests == cost_of("Tidy, with nothing to do")


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

    report = await cut_short(tidy_of, intents, finishers, finishers.started)

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


async def test_the_intents_of_what_is_gone_go_and_no_others(intents: Intents, clock: Clock) -> None:
    kept = [await intents.begin("share", "gone"), await intents.begin("place", "other")]
    for _ in range(2):
        await intents.begin("place", "gone")

    await intents.end_all("place", "gone")

    clock.now += LATER
    due = [one for shard in SHARDS for one in await intents.due(shard, 50)]
    assert {one.row.etag for one in due} == {one.row.etag for one in kept}
