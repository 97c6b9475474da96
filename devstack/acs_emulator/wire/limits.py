"""The rate limits of the identity operations."""

import math
import time
from collections import deque
from collections.abc import Callable, Mapping

WINDOW_SECONDS = 30
# Documented, per 30 s and resource. The documentation has a second limit of 1000 for creating a
# user with a token. On the wire that is the same operation, so here they have one limit.
DOCUMENTED = {"create": 1000, "delete": 500, "issue": 1000, "revoke": 500, "exchangeTeams": 500}


class Limits:
    """Limits how many requests of an operation are admitted within 30 s. No limits until `set`.

    A refused request does not count. [assumed] The window slides: the documentation does not say
    so, but that is the stricter of the two possibilities.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._numbers: Mapping[str, int] = {}
        self._admitted: dict[str, deque[float]] = {}

    def set(self, numbers: Mapping[str, int]) -> None:
        """Replace the limits, by operation, and forget the requests that were admitted before."""
        self._numbers = dict(numbers)
        self._admitted = {operation: deque() for operation in numbers}

    def admit(self, operation: str) -> int | None:
        """Admit a request, and return None; or return the whole seconds until one is admitted
        again.
        """
        if operation not in self._numbers:
            return None
        now = self._clock()
        admitted = self._admitted[operation]
        while admitted and admitted[0] <= now - WINDOW_SECONDS:
            admitted.popleft()
        if len(admitted) < self._numbers[operation]:
            admitted.append(now)
            return None
        if not admitted:  # a limit of 0 admits no request
            return WINDOW_SECONDS
        return max(1, math.ceil(admitted[0] + WINDOW_SECONDS - now))
