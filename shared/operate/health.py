"""Is everything that this service depends on there?"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Protocol

from shared.problems import Problem
from shared.upstream.concurrency import SingleFlight, for_each

logger = logging.getLogger(__name__)

# Seconds; a readiness probe's own patience is seldom longer.
_MOST_SECONDS = 3.0
# Seconds. Anybody may ask, so the answer is kept: strangers cause no more than this much load.
KEPT_SECONDS = 5.0

type Check = Callable[[], Awaitable[None]]


class Checkable(Protocol):
    """Something that this service depends on."""

    async def check(self) -> None:
        """Return where it is there and lets us in; raise a Problem else."""


def readiness_checks(
    tables: Sequence[Checkable], acs: Checkable, issuers: Iterable[Checkable]
) -> dict[str, Check]:
    """The checks of everything without which no request is served, by the name strangers see."""

    async def check_storage() -> None:
        await for_each(tables, lambda table: table.check())

    return {
        "storage": check_storage,
        "communication": acs.check,
        **{f"issuer {n}": issuer.check for n, issuer in enumerate(issuers, 1)},
    }


class Health:
    """Checks by the name that strangers see: one that raises a Problem is down."""

    def __init__(
        self,
        checks: Mapping[str, Check],
        timeout: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Args:
            timeout: seconds for all checks together, 3 at most; one that takes longer is down.
        """
        self.checks = checks
        self._seconds = seconds = min(timeout, _MOST_SECONDS)
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
