"""Two hosts under load for minutes on a bad day, while they are killed and Tidy runs.

    python3 dev.py test tests/bad_day --soak --soak-seconds 60 --bad-day-seed 7

How long it takes, besides the end: `--soak-seconds`. The hosts' requests race each other, so the
same seed is the same load and the same chances, and not the same day to the millisecond.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress

import aiohttp
import pytest

from tests.bad_day import trouble
from tests.bad_day.aftermath import settled_and_sound
from tests.bad_day.cast import Cast
from tests.bad_day.journeys import JOURNEYS
from tests.support.control import Control

pytest_plugins = ("tests.bad_day.fixtures",)

# Journeys under way at any time; more of them fill the cores of a small machine.
CUSTOMERS = 8
# Seconds between two kills, between two runs of Tidy, and between two lines of progress.
KILLS = (8.0, 30.0)
TIDY_EVERY, REPORT_EVERY = 10.0, 10.0
# Share of the kills that hit both hosts at once.
BOTH = 0.2
# Something hangs if nothing was answered for so long, or if it takes so long to end what is left
# after the last answer.
STUCK_SECONDS = 900.0


@pytest.mark.soak
@pytest.mark.timeout(0)  # it takes as long as it is told, and counts itself
async def test_nothing_is_lost_in_minutes_of_load_with_failures_and_kills(
    cast: Cast,
    upstreams: dict[str, Control],
    request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
) -> None:
    seconds = float(request.config.getoption("--soak-seconds"))
    day = Day(cast, upstreams, seconds)
    with capsys.disabled():
        await trouble.begin(upstreams, cast.chance)
        await day.go_by()
        print(f"\nthe day is over: {await day.report()}", flush=True)
        await trouble.end(upstreams)
        async with asyncio.timeout(STUCK_SECONDS):
            print(await settled_and_sound(cast), flush=True)
    assert day.journeys.total() > 0
    assert day.kills > 0


class Day:
    """Customers, who begin one journey after the other, and what happens to the hosts meanwhile."""

    def __init__(self, cast: Cast, upstreams: dict[str, Control], seconds: float) -> None:
        self._cast, self._upstreams, self._seconds = cast, upstreams, seconds
        self._began = time.monotonic()
        self.journeys: Counter[str] = Counter()
        self.kills = 0

    async def go_by(self) -> None:
        """Raises what a journey has found to be wrong, in a group."""
        others = [
            asyncio.ensure_future(each) for each in (self._kill(), self._tidy(), self._tell())
        ]
        async with asyncio.TaskGroup() as group:
            customers = [group.create_task(self._travel()) for _ in range(CUSTOMERS)]
            # A kill is not cut off, because its host has to be started again.
            group.create_task(self._until_over(others))
            group.create_task(self._until_stuck(customers))
        await asyncio.gather(*others, return_exceptions=True)

    async def report(self) -> str:
        answers = self._cast.hosts.answers
        return (
            f"{time.monotonic() - self._began:.0f} s of {self._seconds:.0f},"
            f" journeys {dict(self.journeys)}, kills {self.kills}, answers {dict(answers)},"
            f" failures {await trouble.hits(self._upstreams)}"
        )

    def _is_over(self) -> bool:
        return time.monotonic() - self._began > self._seconds

    async def _travel(self) -> None:
        while not self._is_over():
            name = self._cast.chance.choice(list(JOURNEYS))
            await JOURNEYS[name](self._cast)
            self.journeys[name] += 1

    async def _kill(self) -> None:
        chance, hosts = self._cast.chance, self._cast.hosts.all
        while not self._is_over():
            await asyncio.sleep(chance.uniform(*KILLS))
            victims = hosts if chance.random() < BOTH else [chance.choice(hosts)]
            for victim in victims:
                await asyncio.to_thread(victim.kill)
                self.kills += 1
            for victim in victims:
                await victim.start()

    async def _tidy(self) -> None:
        while not self._is_over():
            await asyncio.sleep(TIDY_EVERY)
            url = f"{self._cast.hosts.any().api.removesuffix('/api')}/admin/functions/Tidy"
            with suppress(aiohttp.ClientError):
                async with self._cast.client.post(url, json={}):
                    pass

    async def _tell(self) -> None:
        while not self._is_over():
            await asyncio.sleep(REPORT_EVERY)
            print(f"\n{await self.report()}", end="", flush=True)

    async def _until_stuck(self, customers: Sequence[asyncio.Task[None]]) -> None:
        """Return when all have ended. Raises TimeoutError if nothing is answered any more."""
        pending = set(customers)
        while pending:
            answered = self._cast.hosts.answers.total()
            _, pending = await asyncio.wait(pending, timeout=STUCK_SECONDS)
            if pending and self._cast.hosts.answers.total() == answered:
                raise TimeoutError

    async def _until_over(self, others: Sequence[asyncio.Future[None]]) -> None:
        await asyncio.wait(others)
