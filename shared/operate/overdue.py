"""Is Tidy overdue? Then no work is lost, but somebody has to look after its timer."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from shared.intents import SHARDS, Intents
from shared.problems import Problem

logger = logging.getLogger(__name__)

# After so long without a run, the log warns operators.
OVERDUE = timedelta(minutes=30)
# How often an instance looks, while others ask it whether it is ready.
_LOOKED_EVERY = timedelta(minutes=5)
TIDY_FIX = (
    "see that the app has TIDY_SCHEDULE, that the function Tidy is listed and has invocations, and"
    " that the Functions host may use AzureWebJobsStorage; restart the app if its timer has stopped"
)


async def overdue_for(intents: Intents, now: datetime) -> timedelta | None:
    """How long Tidy has not run; None if it has in the last 30 minutes, or nothing is left to it.

    One read; if Tidy never ran, also a query of each shard.
    """
    note = await intents.last_run()
    if note is not None:
        since = note.at
    else:  # a new app has nothing to tidy yet
        due = [intent for shard in SHARDS for intent in await intents.due(shard, 1)]
        since = min((intent.begun_at for intent in due), default=now)
    return now - since if now - since > OVERDUE else None


class TidyWatch:
    """Warns in the log while Tidy is overdue."""

    def __init__(
        self, intents: Intents, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._intents = intents
        self._now = now
        self._looked_at: datetime | None = None

    async def look(self) -> None:
        """Look, unless that was done in the last five minutes. It never fails."""
        now = self._now()
        if self._looked_at is not None and now - self._looked_at < _LOOKED_EVERY:
            return
        self._looked_at = now
        try:
            overdue = await overdue_for(self._intents, now)
        except Problem as problem:
            logger.info("the time of tidy's last run cannot be read: %s", problem.code)
            return
        if overdue is not None:
            minutes = overdue.total_seconds() // 60
            logger.warning("tidy has not run for %d minutes: %s", minutes, TIDY_FIX)
