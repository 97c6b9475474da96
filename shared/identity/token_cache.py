"""A cache of young calling tokens, in the memory of one process."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from shared.identity.acs import Grant
from shared.identity.packed_grants import packed, unpacked
from shared.identity.rows import Identity
from shared.recent import Recent

# A token is handed out again while it is at most this old and has half of its lifetime left: an app
# requests one on every page load, and each new token counts against ACS's limits.
_MAX_AGE = timedelta(minutes=15)
_MOST_CACHED = 10_000  # about 1 KiB each


class TokenKey(NamedTuple):
    """The tokens of one identity that are alike. The generation was read when the request started,
    so a request that started after a revocation never finds a token from before it."""

    communication_user_id: str
    generation: int
    scopes: frozenset[str]
    minutes: int

    @classmethod
    def of(cls, identity: Identity, scopes: frozenset[str], minutes: int) -> "TokenKey":
        return cls(identity.communication_user_id, identity.generation, scopes, minutes)


class TokenCache:
    """Keeps the grants of the people who have asked last."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._grants: Recent[TokenKey, bytes | Grant] = Recent(_MOST_CACHED)

    def find(self, key: TokenKey) -> Grant | None:
        """A token that is young enough, or None."""
        kept = self._grants.find(key)
        if kept is None:
            return None
        grant = unpacked(kept, key.scopes, key.minutes) if isinstance(kept, bytes) else kept
        now = self._now()
        half_life = (grant.expires_on - grant.asked_at) / 2
        if now - grant.asked_at <= _MAX_AGE and grant.expires_on - now >= half_life:
            return grant
        self._grants.forget(key)
        return None

    def keep(self, key: TokenKey, grant: Grant) -> None:
        self._grants.keep(key, packed(grant) or grant)
