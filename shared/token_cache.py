"""Young tokens, handed out again; and how many fresh ones somebody may have."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.acs_identity import Grant
from shared.identity_rows import Identity
from shared.problems import Throttled

# A token is handed out again while it is at most this old and half its life is left: apps ask on
# every page load, and each question would otherwise count against ACS's limits.
_YOUNG = timedelta(minutes=15)
_MOST_CACHED = 10_000  # about 1.5 KiB each
# Fresh tokens for one identity on one host in a minute. ACS allows the whole resource 1,000 in 30
# seconds, and somebody who asks for another lifetime each time must not use that up for all.
_MOST_FRESH, _MINUTE = 100, timedelta(minutes=1)


@dataclass(frozen=True)
class TokenKey:
    """One kind of token of one identity. The generation was read when the request started, so a
    token made before a revocation is never found by a request that started after it."""

    communication_user_id: str
    generation: int
    scopes: frozenset[str]
    minutes: int

    @classmethod
    def of(cls, identity: Identity, scopes: frozenset[str], minutes: int) -> "TokenKey":
        return cls(identity.communication_user_id, identity.generation, scopes, minutes)


class TokenCache:
    """In the memory of one process; the least recently used go first."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._grants: OrderedDict[TokenKey, Grant] = OrderedDict()
        self._fresh: OrderedDict[str, tuple[datetime, int]] = OrderedDict()

    def find(self, key: TokenKey) -> Grant | None:
        """A token that is still young, or None."""
        grant = self._grants.get(key)
        if grant is None:
            return None
        now = self._now()
        half_life = (grant.expires_on - grant.asked_at) / 2
        if now - grant.asked_at <= _YOUNG and grant.expires_on - now >= half_life:
            self._grants.move_to_end(key)
            return grant
        del self._grants[key]
        return None

    def keep(self, key: TokenKey, grant: Grant) -> None:
        self._grants[key] = grant
        self._grants.move_to_end(key)
        if len(self._grants) > _MOST_CACHED:
            self._grants.popitem(last=False)

    def count_fresh(self, communication_user_id: str) -> None:
        """Say that ACS is about to be asked.

        Raises:
            Throttled: too often for this identity; with the time until it may be asked again.
        """
        now = self._now()
        began, count = self._fresh.get(communication_user_id, (now, 0))
        if now - began >= _MINUTE:
            began, count = now, 0
        if count >= _MOST_FRESH:
            wait = (began + _MINUTE - now).total_seconds()
            raise Throttled("Too many different tokens of one person.", retry_after=wait)
        self._fresh[communication_user_id] = (began, count + 1)
        if len(self._fresh) > _MOST_CACHED:
            self._fresh.popitem(last=False)
