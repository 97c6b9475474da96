"""Rate limits of the identity operations."""

import math
import time
from collections import deque
from collections.abc import Callable, Mapping

WINDOW_SECONDS = 30
# Documented, per 30 s and resource. The documentation has another 1000 for creating a user with a
# token; it is the same operation on the wire, so here one number bounds both.
DOCUMENTED = {"create": 1000, "delete": 500, "issue": 1000, "revoke": 500, "exchangeTeams": 500}


class Limits:
    """At most so many admitted requests of an operation in any 30 s. None until `set`.

    A refused request takes no room. [assumed] Whether Azure's window slides is not documented; a
    sliding one is the stricter.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._numbers: Mapping[str, int] = {}
        self._admitted: dict[str, deque[float]] = {}

    def set(self, numbers: Mapping[str, int]) -> None:
        """Replace the limits: operation to number. What was admitted before is forgotten."""
        self._numbers = dict(numbers)
        self._admitted = {operation: deque() for operation in numbers}

    def admit(self, operation: str) -> int | None:
        """Take a place in the window; None, or the whole seconds until it has room again."""
        if operation not in self._numbers:
            return None
        now = self._clock()
        admitted = self._admitted[operation]
        while admitted and admitted[0] <= now - WINDOW_SECONDS:
            admitted.popleft()
        if len(admitted) < self._numbers[operation]:
            admitted.append(now)
            return None
        if not admitted:  # a limit of 0: there is never room
            return WINDOW_SECONDS
        return max(1, math.ceil(admitted[0] + WINDOW_SECONDS - now))
