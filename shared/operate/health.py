"""Is everything that this service depends on there?"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping

from shared.problems import Problem
from shared.upstream.clients import SingleFlight

logger = logging.getLogger(__name__)

# Seconds. Anybody may ask, so the answer is kept: strangers cause no more than this much load.
KEPT_SECONDS = 5.0

type Check = Callable[[], Awaitable[None]]


class Health:
    """Checks by the name that strangers see: one that raises a Problem is down."""

    def __init__(
        self,
        checks: Mapping[str, Check],
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Args:
            seconds: for all checks together; one that takes longer counts as down.
        """
        self.checks = checks
        self._seconds = seconds
        self._clock = clock
        self._flight = SingleFlight[str, list[str]](seconds + 1)
        self._down: list[str] = []
        self._checked = float("-inf")

    async def down(self) -> list[str]:
        """The names of what is down, sorted; empty when the service is ready."""
        if self._clock() - self._checked > KEPT_SECONDS:
            return await self._flight.do("ready", self._ask)
        return self._down

    async def _ask(self) -> list[str]:
        names = sorted(self.checks)
        up = await asyncio.gather(*(self._is_up(name) for name in names))
        self._down = [name for name, is_up in zip(names, up, strict=True) if not is_up]
        self._checked = self._clock()
        return self._down

    async def _is_up(self, name: str) -> bool:
        try:
            async with asyncio.timeout(self._seconds):
                await self.checks[name]()
        except Problem as problem:
            logger.warning("%s is down: %s", name, problem.code)
            return False
        except Exception as error:  # too slow, or what nobody foresaw: down, and kept like the rest
            logger.warning("%s is down: %s", name, type(error).__name__)
            return False
        return True
