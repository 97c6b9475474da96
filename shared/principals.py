"""Who is calling: a principal is (kind, realm, id), and ids are unique within a realm and kind."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

# Characters. What the issuer calls somebody: emails, GUIDs and `auth0|…` ids fit many times over.
MAX_ID_LENGTH = 256
# Unicode's bidirectional embeddings, overrides and isolates.
_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def is_deceptive(character: str) -> bool:
    """May a name that others are shown not hold this? Control characters, halves of surrogate
    pairs, and what turns the text around it."""
    return unicodedata.category(character) in ("Cc", "Cs") or character in _BIDI


class Kind(StrEnum):
    """What can hold an ACS identity."""

    USER = "user"
    SERVICE = "service"  # an app-only caller: a daemon that signed in as itself
    BOT = "bot"  # registered by an operator, in the operator's realm


@dataclass(frozen=True)
class Principal:
    """Somebody or something, as its issuer names it.

    Attributes:
        realm: the issuer; for Entra `entra:{tenant id}`, since one tenant has several issuers.
        id: any characters, 1 to `MAX_ID_LENGTH`.
    """

    kind: Kind
    realm: str
    id: str


@dataclass(frozen=True)
class Caller:
    """A principal who has proven who they are, with what the proof says about them.

    Attributes:
        display_name: None where the token names nobody.
        roles: app roles, from the roles claim alone; a scope never grants.
        issued_at: when the proof was made.
        entra_object_id: `oid`, where Entra signed them in; whatever claim names the principal.
    """

    principal: Principal
    display_name: str | None
    roles: frozenset[str]
    issued_at: datetime
    entra_object_id: str | None = None
