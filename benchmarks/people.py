"""The people who send requests, of an issuer whose key is kept beside their bearer tokens."""

import base64
import hashlib
import json
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from devstack.files import write_secret
from devstack.issuer.tokens import issuer_key, mint
from devstack.well_known import ACS_RESOURCE_ID
from shared.keys import principal_key
from shared.principals import Kind, Principal

# Nobody looks up this name: the settings tell the app where the documents are.
ISSUER = "https://issuer.bench.example"
AUDIENCE = "api://bench"
RESOURCE_ID = ACS_RESOURCE_ID

_LIFETIME = timedelta(days=1)
_USABLE_SECONDS = 12 * 3600
_SHOWN_EVERY = 500

# Tells the person at the terminal what is going on.
type Show = Callable[[str], None]


def name(number: int) -> str:
    return f"user-{number}"


def principal(user: str) -> Principal:
    return Principal(Kind.USER, ISSUER, user)


def mapping_key(user: str) -> str:
    """The PartitionKey of a user's rows."""
    return principal_key(principal(user))


def acs_id(user: str) -> str:
    return f"8:acs:{RESOURCE_ID}_{uuid.UUID(bytes=hashlib.md5(user.encode()).digest())}"  # noqa: S324


class People:
    """Bearer tokens of user-0, user-1 and so on, and of ACS.

    They are kept in a folder for half a day, because a thousand signatures take a second.

    Args:
        folder: made if absent.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.key_set = folder / "key-set.json"
        self._file = folder / "bearers.txt"
        self._key = issuer_key(folder / "issuer-key.json")
        public = self._key.as_dict(private=False)
        self.key_set.write_text(json.dumps({"keys": [public]}))
        self._bearers = self._kept()

    def bearer(self, number: int) -> str:
        return self._bearers[number]

    def mint(self, number: int, show: Show) -> None:
        """Make tokens until there are those of so many users."""
        missing = range(len(self._bearers), number)
        for n in missing:
            if n % _SHOWN_EVERY == 0:
                show(f"signing bearer tokens, {n:,} of {number:,}")
            self._bearers.append(
                mint(
                    self._key,
                    issuer=ISSUER,
                    subject=name(n),
                    audience=AUDIENCE,
                    lifetime=_LIFETIME,
                    scope="access",
                )
            )
        if missing:
            write_secret(self._file, "\n".join(self._bearers))

    def callback_token(self) -> str:
        """The token of ACS's callbacks, which name the resource as audience."""
        return mint(
            self._key, issuer=ISSUER, subject="acs", audience=RESOURCE_ID, lifetime=_LIFETIME
        )

    def _kept(self) -> list[str]:
        if not self._file.exists() or time.time() - self._file.stat().st_mtime > _USABLE_SECONDS:
            return []
        kept = self._file.read_text().split()
        is_ours = bool(kept) and _key_id(kept[0]) == self._key.kid
        return kept if is_ours else []


def _key_id(token: str) -> str:
    head = token.partition(".")[0]
    return str(json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))["kid"])
