"""Tidy: ends what requests have begun and did not end, because they failed or their host died.

It runs on an instance of its own, with no memory of any HTTP host, and several instances may run it
at the same time. No rule of access rests on it: timers have stopped for good after deployments, and
runs are aborted while instances are taken away.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from shared.intents import LONGEST_BACKOFF, SHARDS, Finisher, Intent, Intents, backoff
from shared.problems import Problem

logger = logging.getLogger(__name__)

# For one run; the next one, five minutes later, goes on.
_SECONDS = 60.0
# Intents of one shard that one run works on.
_MOST_OF_A_SHARD = 50


@dataclass
class Report:
    """What one run did.

    Attributes:
        ended: intents whose change has ended now.
        failed: intents that are due again later.
        unknown: due intents of kinds that this version does not know.
        is_cut_short: whether the time was over before the work was.
    """

    ended: int = 0
    failed: int = 0
    unknown: int = 0
    is_cut_short: bool = False


class Tidy:
    """Finds the intents that are due, and runs the finisher of each."""

    def __init__(
        self,
        intents: Intents,
        finishers: Callable[[], Mapping[str, Finisher]],
        *,
        seconds: float = _SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Args:
            finishers: gives the finisher of each kind of intent, once something is due.
            seconds: for one run, in all.
        """
        self._intents = intents
        self._finishers = finishers
        self._seconds = seconds
        self._clock = clock

    async def run(self) -> Report:
        """Work on what is due now. If nothing is, this costs 16 queries and one write.

        Raises:
            StorageUnavailable: intents could not be read, or the run could not be noted.
        """
        report, began = Report(), self._clock()
        try:
            async with asyncio.timeout(self._seconds):
                work = (self._work_on(shard, report) for shard in SHARDS)
                outcomes = await asyncio.gather(*work, return_exceptions=True)
        except TimeoutError:
            # What was under way is due again after its backoff.
            report.is_cut_short, outcomes = True, []
        for failure in filter(None, outcomes):
            raise failure
        await self._intents.note_run()
        logger.info(
            "tidy: ended %d, failed %d, of unknown kinds %d, %s after %d ms",
            report.ended,
            report.failed,
            report.unknown,
            "cut short" if report.is_cut_short else "done",
            (self._clock() - began) * 1000,
        )
        return report

    async def _work_on(self, shard: str, report: Report) -> None:
        left, after, is_last = _MOST_OF_A_SHARD, "", False
        while left > 0 and not is_last:
            due = await self._intents.due(shard, left, after)
            is_last = len(due) < left
            finishers = self._finishers() if due else {}
            for intent in due:
                after = intent.row.row_key
                finisher = finishers.get(intent.kind)
                if finisher is None:
                    # A newer version may have written it: it is left alone, and passed over, so
                    # that it keeps nothing else from its turn.
                    report.unknown += 1
                    continue
                left -= 1
                claimed = await self._intents.claim(intent)
                if claimed is not None:
                    await self._finish(claimed, finisher, report)

    async def _finish(self, intent: Intent, finisher: Finisher, report: Report) -> None:
        try:
            await finisher(intent)
            await self._intents.end(intent)
        except Exception as error:  # whatever it is, it must not keep others from their turn
            report.failed += 1
            outcome = error.code if isinstance(error, Problem) else type(error).__name__
            rest = backoff(intent.attempts - 1)
            level = logging.ERROR if rest >= LONGEST_BACKOFF else logging.WARNING
            logger.log(
                level,
                "tidy: %s of %s, begun at %s, failed for the %d. time (%s); again in %s",
                intent.kind,
                intent.subject,
                intent.begun_at.isoformat(timespec="seconds"),
                intent.attempts,
                outcome,
                rest,
            )
        else:
            report.ended += 1
            logger.info("tidy: ended %s of %s", intent.kind, intent.subject)
