"""How often somebody may have something done."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from datetime import datetime, timedelta

from shared.problems import Throttled

_MOST_COUNTED = 10_000
_MINUTE = timedelta(minutes=1)


class Budget:
    """How often something may be done for each of many in a minute, on this host."""

    def __init__(self, most: int, now: Callable[[], datetime]) -> None:
        self._most = most
        self._now = now
        self._spent: OrderedDict[Hashable, tuple[datetime, int]] = OrderedDict()

    def spend(self, whose: Hashable) -> None:
        """Count one more, before it is done.

        Raises:
            Throttled: too often; with the time until it may be done again.
        """
        now = self._now()
        began, count = self._spent.get(whose, (now, 0))
        if now - began >= _MINUTE:
            began, count = now, 0
        if count >= self._most:
            wait = (began + _MINUTE - now).total_seconds()
            raise Throttled("Too many requests of one kind for one person.", retry_after=wait)
        self._spent[whose] = (began, count + 1)
        self._spent.move_to_end(whose)
        if len(self._spent) > _MOST_COUNTED:
            self._spent.popitem(last=False)
