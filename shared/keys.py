"""Keys of stored rows: safe for any characters, and different for different things."""

import hashlib
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from shared.principals import Principal

# Of people who make requests just now: each needs their key three times or more.
_MOST_KEPT = 1000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def key(*parts: str) -> str:
    """A key of 64 hex digits: SHA-256 over the parts, each with its length before it.

    Two different lists of parts never have the same key, whatever characters a part holds. The
    key has no character that Table Storage forbids, and is shorter than its limit.
    """
    digest = hashlib.sha256()
    for part in parts:
        encoded = part.encode()
        digest.update(len(encoded).to_bytes(8))
        digest.update(encoded)
    return digest.hexdigest()


@lru_cache(maxsize=_MOST_KEPT)
def principal_key(principal: Principal) -> str:
    """The PartitionKey of a principal's mapping; logs can show it, since it hides the id."""
    return key("identity of", principal.kind.value, principal.realm, principal.id)


def milliseconds(moment: datetime) -> int:
    """Milliseconds since 1970.

    Sequences and versions start from them, so that a new value is larger than an old one even if
    an erasure removed the old one, or another host wrote it.
    """
    return (moment - _EPOCH) // timedelta(milliseconds=1)
