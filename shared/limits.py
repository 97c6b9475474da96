"""Limits how often something is done for a person."""

from collections.abc import Callable, Hashable
from datetime import datetime

from shared.keys import milliseconds
from shared.problems import Throttled
from shared.recent import Recent

# How many keys are counted. If there are more, those that have not been used for the longest time
# are forgotten.
_MOST_COUNTED = 10_000
_MINUTE = 60_000  # milliseconds


class Budget:
    """Allows something so many times a minute for each key (a person, say), on this host."""

    def __init__(self, most: int, now: Callable[[], datetime]) -> None:
        """
        Args:
            most: less than a thousand, because a count has three digits of its number.
        """
        assert most < 1000  # noqa: PLR2004, S101
        self._most = most
        self._now = now
        # When a key's minute began, in milliseconds, times a thousand; plus how often it was spent
        # since. One number, because it is kept for thousands of people.
        self._spent: Recent[Hashable, int] = Recent(_MOST_COUNTED)

    def spend(self, key: Hashable) -> None:
        """Count one more for a key, before it is done.

        Raises:
            Throttled: it was done too often; `retry_after` says when the key's minute is over.
        """
        now = milliseconds(self._now())
        began, count = divmod(self._spent.find(key) or 0, 1000)
        if now - began >= _MINUTE:
            began, count = now, 0
        if count >= self._most:
            wait = (began + _MINUTE - now) / 1000
            raise Throttled("Too many requests of one kind for one person.", retry_after=wait)
        self._spent.keep(key, began * 1000 + count + 1)
