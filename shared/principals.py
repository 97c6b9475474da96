"""Principals, who can hold an ACS identity, and the caller of a request."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

# Characters of an id. The ids of issuers (emails, GUIDs, `auth0|…`) are much shorter.
MAX_ID_LENGTH = 256
# Unicode's joiners have no width, but emoji, Persian and Indic scripts need them. Its fillers count
# as letters, but show nothing.
_JOINERS = frozenset("\u200c\u200d")
_FILLERS = frozenset("\u115f\u1160\u3164\uffa0\u2800")


def visible(name: str) -> str:
    """The part of a name that people can see; "" if there is none.

    Drops control and formatting characters, line breaks, halves of surrogate pairs, and blanks at
    both ends.
    """
    shown = "".join(c for c in name if c in _JOINERS or not _is_hidden(c)).strip()
    return shown if any(c not in _JOINERS for c in shown) else ""


def is_unicode(text: str) -> bool:
    """Whether UTF-8, and so storage, can hold a text: JSON may contain half a surrogate pair."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _is_hidden(character: str) -> bool:
    return (
        unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") or character in _FILLERS
    )


class Kind(StrEnum):
    """What kind of principal holds an ACS identity."""

    USER = "user"
    SERVICE = "service"  # an app-only caller: a daemon that signed in as itself
    BOT = "bot"  # registered by an operator, in the operator's realm


@dataclass(frozen=True)
class Principal:
    """A person, a service or a bot.

    Attributes:
        realm: the issuer; for Entra `entra:{tenant id}`, since one tenant has several issuers.
        id: the issuer's id of it, unique within realm and kind: 1 to `MAX_ID_LENGTH` characters.
    """

    kind: Kind
    realm: str
    id: str


@dataclass(frozen=True)
class Caller:
    """An authenticated principal, with the claims that the service uses.

    Attributes:
        display_name: None if no claim has a name.
        roles: app roles, from the roles claim alone: a scope never grants one.
        issued_at: when the token was issued.
        entra_object_id: the claim `oid`, if Entra signed them in. The principal's id may be
            another claim.
    """

    principal: Principal
    display_name: str | None
    roles: frozenset[str]
    issued_at: datetime
    entra_object_id: str | None = None

    def bot(self, bot_id: str) -> Principal:
        """The bot by that id in the caller's realm; another realm's is another bot."""
        return Principal(Kind.BOT, self.principal.realm, bot_id)
