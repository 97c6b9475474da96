"""Readiness: the answer names the services that are down; one of several issuers is enough."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from shared.intents import RunNote
from shared.operate.health import KEPT_SECONDS, Health
from shared.operate.overdue import TidyWatch
from shared.unavailable import KeysUnavailable


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def fails() -> None:
    raise KeysUnavailable


async def works() -> None:
    pass


@pytest.mark.parametrize(
    ("first", "second", "down"),
    [
        (works, works, []),
        (fails, works, []),
        (works, fails, []),
        (fails, fails, ["issuer 1", "issuer 2"]),
    ],
)
async def test_an_issuer_that_fails_leaves_the_app_ready_while_another_works(
    first: object, second: object, down: list[str]
) -> None:
    checks = {"issuer 1": first, "issuer 2": second, "storage": works}

    health = Health(checks, 1, alternatives=["issuer 1", "issuer 2"])  # type: ignore[arg-type]

    assert await health.down() == down


async def test_what_has_no_alternative_is_down_alone() -> None:
    checks = {"issuer 1": works, "storage": fails}

    assert await Health(checks, 1, alternatives=["issuer 1"]).down() == ["storage"]


async def test_an_answer_is_kept_for_a_moment() -> None:
    clock, checks = Clock(), {"storage": fails}
    health = Health(checks, 1, clock)
    assert await health.down() == ["storage"]

    checks["storage"] = works
    assert await health.down() == ["storage"]
    clock.now += KEPT_SECONDS + 1
    assert await health.down() == []


async def test_a_watch_changes_nothing_about_the_answer_however_long_it_takes() -> None:
    async def hang() -> None:
        await asyncio.Event().wait()

    health = Health({"storage": works}, 0.05, watch=hang)

    assert await health.down() == []


class Runs:
    """What Tidy's last run has noted."""

    def __init__(self, at: datetime) -> None:
        self.note = RunNote(at, at)
        self.reads = 0

    async def last_run(self) -> RunNote:
        self.reads += 1
        return self.note


async def test_while_tidy_is_overdue_the_log_says_so_every_five_minutes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    runs, minutes = Runs(noon), 0.0
    watch = TidyWatch(runs, lambda: noon + timedelta(minutes=minutes))  # type: ignore[arg-type]
    for minutes in (1, 29, 30, 34, 39, 40, 44):  # noqa: B007
        await watch.look()

    assert runs.reads == 5
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 3
    assert "tidy has not run for 34 minutes" in caplog.text
