"""Tidy: finishes what requests began and did not end, because they failed or their host died.

It runs on an instance of its own, with no memory of any HTTP host, and several instances may run it
at the same time. No rule of access rests on it: timers have stopped for good after deployments, and
runs are aborted while instances are taken away.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import batched

from shared.intents import (
    LONGEST_BACKOFF,
    SHARDS,
    Finisher,
    Intent,
    Intents,
    Places,
    RunNote,
    Sweeps,
    backoff,
)
from shared.keys import key
from shared.operate.overdue import OVERDUE
from shared.problems import Problem
from shared.upstream.concurrency import for_each

logger = logging.getLogger(__name__)

# For one run; the next one, five minutes later, goes on.
_SECONDS = 60.0
# For one finisher: twice what a request has by default. It asks services that may take a request
# and never answer, and an erasure must not wait behind those.
_FINISHER_SECONDS = 20.0
# Intents of one shard that one run works on, and those at a time.
_MOST_OF_A_SHARD = 50
_AT_ONCE = 4
# A sweep looks through whole tables, so it is not for every run.
_SWEPT_EVERY = timedelta(days=1)
# Sweeps of large tables take several runs, but not days: then the log warns operators.
_SWEEP_LATE = timedelta(days=2)


@dataclass
class Report:
    """What one run did.

    Attributes:
        ended: intents whose change has ended now.
        failed: intents that are due again later.
        unknown: due intents of kinds that this version does not know.
        is_cut_short: whether the time was over before the work was.
        is_swept: whether what is too old to be kept was removed.
        note: what the run before has noted; None if there was none.
        places: how far its sweep has come; see `Sweeps`.
    """

    ended: int = 0
    failed: int = 0
    unknown: int = 0
    is_cut_short: bool = False
    is_swept: bool = False
    note: RunNote | None = None
    places: Places = field(default_factory=dict)


class Tidy:
    """Finds the intents that are due, and runs the finisher of each; sweeps once a day."""

    def __init__(
        self,
        intents: Intents,
        finishers: Callable[[], Mapping[str, Finisher]],
        sweepers: Callable[[], Iterable[Sweeps]] = tuple,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        finisher_seconds: float = _FINISHER_SECONDS,
        timer: Callable[[], asyncio.Timeout] = lambda: asyncio.timeout(_SECONDS),
    ) -> None:
        """
        Args:
            finishers: gives the finisher of each kind of intent, once something is due.
            sweepers: gives what has to be swept, once it is time for that.
            finisher_seconds: for one finisher; then its intent is due again later.
            timer: begins to count the time of one run, in all.
        """
        self._intents = intents
        self._finishers = finishers
        self._sweepers = sweepers
        self._now = now
        self._finisher_seconds = finisher_seconds
        self._timer = timer

    async def run(self) -> Report:
        """Work on what is due now. If nothing is, this costs 16 queries and one write.

        Raises:
            StorageUnavailable: intents could not be read, or the run could not be noted.
        """
        report, began = Report(), time.monotonic()
        try:
            async with self._timer():
                work = (self._work_on(shard, report) for shard in SHARDS)
                for failure in filter(None, await asyncio.gather(*work, return_exceptions=True)):
                    raise failure
                await self._sweep_if_it_is_time(report)
        except TimeoutError:
            # An intent that was being worked on is due again later; a sweep goes on in the next
            # run.
            report.is_cut_short, report.is_swept = True, False
        # The first run ever begins to count the days.
        if report.is_swept or report.note is None:
            await self._intents.note_run(self._now())
        else:
            await self._intents.note_run(report.note.swept_at, report.places)
        self._log(report, time.monotonic() - began)
        return report

    async def _sweep_if_it_is_time(self, report: Report) -> None:
        if report.note is None or self._now() - report.note.swept_at < _SWEPT_EVERY:
            return
        report.is_swept, report.places = True, dict(report.note.places)
        for sweeper in self._sweepers():
            try:
                await sweeper.sweep(report.places)
            except Exception as error:  # the next run sweeps again
                report.is_swept = False
                name, outcome = type(sweeper).__name__, _outcome(error)
                logger.warning("tidy: %s is not swept: %s", name, outcome)

    async def _work_on(self, shard: str, report: Report) -> None:
        left, after, is_last = _MOST_OF_A_SHARD, "", False
        while left > 0 and not is_last:
            page = await self._intents.due_page(shard, left, after)
            is_last, report.note = page.is_last, page.note or report.note
            finishers = self._finishers() if page.intents else {}
            known = [intent for intent in page.intents if intent.kind in finishers]
            # A newer version may have written the others. They are left alone and passed over, so
            # that all others get their turn.
            report.unknown += len(page.intents) - len(known)
            left -= len(known)
            after = page.intents[-1].row.row_key if page.intents else after
            work = partial(self._claim, finishers=finishers, report=report)
            for some in batched(known, _AT_ONCE, strict=False):
                await for_each(some, work)

    async def _claim(
        self, intent: Intent, finishers: Mapping[str, Finisher], report: Report
    ) -> None:
        claimed = await self._intents.claim(intent)
        if claimed is not None:
            await self._finish(claimed, finishers[claimed.kind], report)

    async def _finish(self, intent: Intent, finisher: Finisher, report: Report) -> None:
        try:
            async with asyncio.timeout(self._finisher_seconds):
                await finisher(intent)
            await self._intents.end(intent)
        except Exception as error:  # whatever it is, it must not keep others from their turn
            report.failed += 1
            rest = backoff(intent.attempts - 1)
            level = logging.ERROR if rest >= LONGEST_BACKOFF else logging.WARNING
            logger.log(
                level,
                "tidy: %s of %s, begun at %s, failed for the %d. time (%s); again in %s",
                intent.kind,
                _pseudonym(intent),
                intent.begun_at.isoformat(timespec="seconds"),
                intent.attempts,
                _outcome(error),
                rest,
            )
        else:
            report.ended += 1
            logger.info("tidy: ended %s of %s", intent.kind, _pseudonym(intent))

    def _log(self, report: Report, seconds: float) -> None:
        """One line for each run: an alert on its absence tells that the timer has stopped."""
        note, now = report.note, self._now()
        since = None if note is None else now - note.at
        is_late = note is not None and (
            now - note.at > OVERDUE or now - note.swept_at > _SWEEP_LATE
        )
        logger.log(
            logging.WARNING if is_late else logging.INFO,
            "tidy: ended %d, failed %d, of unknown kinds %d, %s after %d ms%s;"
            " the last run was %s%s",
            report.ended,
            report.failed,
            report.unknown,
            "cut short" if report.is_cut_short else "done",
            seconds * 1000,
            ", swept" if report.is_swept else "",
            "never" if since is None else f"{since.total_seconds():.0f} s ago",
            "" if note is None else f", the last sweep {(now - note.swept_at).days} days ago",
        )


def _pseudonym(intent: Intent) -> str:
    """The name of a subject in the log. The subject itself may be the id of a call in a space, and
    with that everybody of the realm can open the call."""
    return key("log", intent.subject)[:12]


def _outcome(error: Exception) -> str:
    """What the log says of an error: never its text, which may hold a secret."""
    return error.code if isinstance(error, Problem) else type(error).__name__
