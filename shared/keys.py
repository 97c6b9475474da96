"""Keys of stored rows: safe for any characters, and never shared by different things."""

import hashlib
from datetime import UTC, datetime, timedelta

from shared.principals import Principal

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def key(*parts: str) -> str:
    """A key of 64 hex digits for any parts: SHA-256 over them, each prefixed by its length.

    Whatever characters a part holds, two different lists of parts never share a key, and no
    forbidden character or length limit of Table Storage is met.
    """
    digest = hashlib.sha256()
    for part in parts:
        encoded = part.encode()
        digest.update(len(encoded).to_bytes(8))
        digest.update(encoded)
    return digest.hexdigest()


def principal_key(principal: Principal) -> str:
    """The PartitionKey of a principal's mapping: names them in logs without saying who they are."""
    return key("identity of", principal.kind.value, principal.realm, principal.id)


def milliseconds(moment: datetime) -> int:
    """Milliseconds since 1970. Sequences and versions count in them, so that they grow from one
    erasure to the next identity, and from one host to another."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)
