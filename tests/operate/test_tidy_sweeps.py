"""Tidy sweeps once a day, over several runs where that takes long, and says when it is late."""

import logging
from datetime import timedelta

import pytest

from shared.intents import Intents
from shared.unavailable import StorageUnavailable
from tests.operate.tidy_world import Clock, Finishers, MakeTidy, Sweeper, cut_short, noted

pytestmark = pytest.mark.emulators
pytest_plugins = ("tests.operate.tidy_fixtures",)


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
    assert (await cut_short(tidy_of, intents, finishers, sweeper.hangs)).is_cut_short
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
