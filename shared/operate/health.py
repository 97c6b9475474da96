"""The readiness probe: does everything work that this service depends on?"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from typing import Protocol

from shared.problems import Problem
from shared.upstream.concurrency import SingleFlight, for_each

logger = logging.getLogger(__name__)

# Platforms seldom wait longer for the answer of a readiness probe.
_MOST_SECONDS = 3.0
# How long an answer is kept. Anybody may ask, so this limits the load that they cause.
KEPT_SECONDS = 5.0

type Check = Callable[[], Awaitable[None]]


class Checkable(Protocol):
    """Something that this service depends on."""

    async def check(self) -> None:
        """Return if it can be reached and accepts our credential.

        Raises:
            Problem: it cannot be reached, or refuses us.
        """


class Health:
    """Runs the checks, and remembers the result for a moment."""

    def __init__(
        self,
        checks: Mapping[str, Check],
        timeout: float,
        clock: Callable[[], float] = time.monotonic,
        alternatives: Collection[str] = (),
        watch: Check | None = None,
    ) -> None:
        """
        Args:
            checks: by the name that answers show. What raises or takes too long is down.
            alternatives: names of checks of which one that succeeds is enough.
            watch: looks at something that changes nothing about the result, and never fails.
            timeout: seconds for all checks together; more than 3 count as 3.
        """
        self.checks = checks
        self._alternatives = frozenset(alternatives)
        self._seconds = seconds = min(timeout, _MOST_SECONDS)
        self._clock = clock
        self._watch = watch
        self._flight = SingleFlight[str, list[str]](seconds + 1)
        self._down: list[str] = []
        self._checked_at = float("-inf")

    async def down(self) -> list[str]:
        """The names of what is down, sorted; empty if the service is ready."""
        if self._clock() - self._checked_at > KEPT_SECONDS:
            return await self._flight.do("ready", self._check_all)
        return self._down

    async def _check_all(self) -> list[str]:
        names = sorted(self.checks)
        *up, _ = await asyncio.gather(*(self._is_up(name) for name in names), self._watched())
        down = {name for name, is_up in zip(names, up, strict=True) if not is_up}
        if self._alternatives - down:  # people of the others can be served
            down -= self._alternatives
        self._down = sorted(down)
        self._checked_at = self._clock()
        return self._down

    async def _watched(self) -> None:
        if self._watch is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._seconds):
                    await self._watch()

    async def _is_up(self, name: str) -> bool:
        try:
            async with asyncio.timeout(self._seconds):
                await self.checks[name]()
        except Problem as problem:
            logger.warning("%s is down: %s", name, problem.code)
            return False
        except Exception as error:  # too slow, or unexpected: down, and kept like any other result
            logger.warning("%s is down: %s", name, type(error).__name__)
            return False
        return True


def readiness(
    tables: Sequence[Checkable],
    acs: Checkable,
    issuers: Iterable[Checkable],
    timeout: float,
    watch: Check | None = None,
) -> Health:
    """The probe of everything without which no request is served.

    Anybody sees the names of the checks, so that they are neutral: no host and no issuer.

    Args:
        issuers: one of them is enough, because its people can be served.
        watch: as for `Health`.
    """

    async def check_storage() -> None:
        await for_each(tables, lambda table: table.check())

    signing_in = {f"issuer {n}": issuer.check for n, issuer in enumerate(issuers, 1)}
    checks = {"storage": check_storage, "communication": acs.check, **signing_in}
    return Health(checks, timeout, alternatives=signing_in.keys(), watch=watch)
