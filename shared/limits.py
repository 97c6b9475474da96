"""Limits how often something is done for a person."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from datetime import datetime, timedelta

from shared.problems import Throttled

# How many keys are counted; then the one that was used least recently is forgotten.
_MOST_COUNTED = 10_000
_MINUTE = timedelta(minutes=1)


class Budget:
    """Allows something so many times a minute for each key (a person, say), on this host."""

    def __init__(self, most: int, now: Callable[[], datetime]) -> None:
        self._most = most
        self._now = now
        self._spent: OrderedDict[Hashable, tuple[datetime, int]] = OrderedDict()

    def spend(self, key: Hashable) -> None:
        """Count one more for a key, before it is done.

        Raises:
            Throttled: it was done too often; `retry_after` says when the key's minute is over.
        """
        now = self._now()
        began, count = self._spent.get(key, (now, 0))
        if now - began >= _MINUTE:
            began, count = now, 0
        if count >= self._most:
            wait = (began + _MINUTE - now).total_seconds()
            raise Throttled("Too many requests of one kind for one person.", retry_after=wait)
        self._spent[key] = (began, count + 1)
        self._spent.move_to_end(key)
        if len(self._spent) > _MOST_COUNTED:
            self._spent.popitem(last=False)
