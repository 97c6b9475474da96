"""Keys of stored rows: safe for any characters, and different for different things."""

import hashlib
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from shared.principals import Principal

# Of people who make requests just now: each needs their key three times or more.
_MOST_KEPT = 1000
_EPOCH, _MILLISECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(milliseconds=1)


def key(*parts: str) -> str:
    """A key of 64 hex digits: SHA-256 over the parts, each with its length before it.

    Two different lists of parts never have the same key, whatever characters a part holds. The
    key has no character that Table Storage forbids, and is shorter than its limit.
    """
    encoded = [part.encode() for part in parts]
    whole = b"".join([len(part).to_bytes(8) + part for part in encoded])
    return hashlib.sha256(whole).hexdigest()


@lru_cache(maxsize=_MOST_KEPT)
def principal_key(principal: Principal) -> str:
    """The PartitionKey of a principal's mapping; logs can show it, since it hides the id."""
    return key("identity of", principal.kind.value, principal.realm, principal.id)


def milliseconds(moment: datetime) -> int:
    """Milliseconds since 1970.

    Sequences and versions start from them, so that a new value is larger than an old one even if
    an erasure removed the old one, or another host wrote it.
    """
    return (moment - _EPOCH) // _MILLISECOND
