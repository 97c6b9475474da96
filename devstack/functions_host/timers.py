"""Runs the functions with a timer trigger: by their schedules, or only when somebody asks.

As at Azure, a timer whose schedule names a setting that is not there is not indexed: it never runs,
and nobody can ask for it; everything else works.
"""

import asyncio
import logging
import os
import re
from collections.abc import Callable, Coroutine, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from . import functions
from .schedule import Schedule, ScheduleError, parse

logger = logging.getLogger("host")

_SETTING = re.compile(r"%([^%]+)%")


class Timers:
    """The indexed timers of an app. Make it inside the event loop; `stop` ends what runs."""

    def __init__(
        self,
        timers: Iterable[functions.TimerFunction],
        environment: Mapping[str, str] = os.environ,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._now = now
        self._tasks = set[asyncio.Task[None]]()
        self._indexed = dict[str, tuple[functions.TimerFunction, Schedule]]()
        for timer in timers:
            try:
                schedule = parse(_resolved(timer.schedule, environment))
            except ScheduleError as error:
                logger.error("%s is not indexed, and never runs: %s", timer.name, error)
            else:
                self._indexed[timer.name.lower()] = timer, schedule

    def run_by_schedule(self) -> None:
        """From now on run each timer whenever its schedule says so, one run at a time."""
        for timer, schedule in self._indexed.values():
            self._begin(self._repeat(timer, schedule))

    def run_once(self, name: str) -> bool:
        """Begin a run now, and do not wait for it.

        Returns:
            Whether a timer of that name is indexed.
        """
        found = self._indexed.get(name.lower())
        if found is None:
            return False
        self._begin(self._run(*found))
        return True

    async def stop(self) -> None:
        """End all runs, wherever they are, as an instance of Azure does that is taken away."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _repeat(self, timer: functions.TimerFunction, schedule: Schedule) -> None:
        due = self._now()
        while True:
            # A sleep may end a little too early, and the same time must not come twice.
            due = schedule.next_after(max(due, self._now()))
            await asyncio.sleep((due - self._now()).total_seconds())
            await self._run(timer, schedule)

    async def _run(self, timer: functions.TimerFunction, schedule: Schedule) -> None:
        now = self._now()
        # In local time, which is UTC at Azure.
        times = {"Last": now, "Next": schedule.next_after(now), "LastUpdated": now}
        invocation_id, ok = await functions.invoke_timer(
            timer,
            {
                "Schedule": {"AdjustForDST": True},
                "ScheduleStatus": {name: time.isoformat() for name, time in times.items()},
                "IsPastDue": False,
            },
        )
        logger.info("%s %s %s", invocation_id, timer.name, "succeeded" if ok else "failed")

    def _begin(self, run: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(run)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _resolved(schedule: str, environment: Mapping[str, str]) -> str:
    """The schedule with the values of the settings that it names as `%SETTING%`.

    Raises:
        ScheduleError: a setting is not there.
    """

    def value(found: re.Match[str]) -> str:
        if not (text := environment.get(found[1], "")):
            raise ScheduleError(f"'{found[0]}' does not resolve to a value")
        return text

    return _SETTING.sub(value, schedule)
