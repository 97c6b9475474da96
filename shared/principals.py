"""Who is calling: a principal is (kind, realm, id), and ids are unique within a realm and kind."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

# Characters. What the issuer calls somebody: emails, GUIDs and `auth0|…` ids fit many times over.
MAX_ID_LENGTH = 256
# Unicode's joiners, which emoji, Persian and Indic scripts need; and fillers, which are letters
# that show nothing.
_JOINERS = frozenset("\u200c\u200d")
_FILLERS = frozenset("\u115f\u1160\u3164\uffa0\u2800")


def visible(name: str) -> str:
    """A name as others may be shown it: without control and formatting characters, line breaks,
    halves of surrogate pairs, and blanks around it; empty where nothing of it can be seen."""
    kept = "".join(c for c in name if c in _JOINERS or not _is_hidden(c)).strip()
    return kept if any(c not in _JOINERS for c in kept) else ""


def is_unicode(text: str) -> bool:
    """JSON can spell half a surrogate pair, which UTF-8, and so no storage, can hold."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _is_hidden(character: str) -> bool:
    return (
        unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") or character in _FILLERS
    )


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

    def bot(self, bot_id: str) -> Principal:
        """The bot by that id in the caller's realm; another realm's is another bot."""
        return Principal(Kind.BOT, self.principal.realm, bot_id)
