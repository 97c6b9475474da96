"""Principals, who can hold an ACS identity, and the caller of a request."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

# Characters of an id. The ids of issuers (emails, GUIDs, `auth0|…`) are much shorter.
MAX_ID_LENGTH = 256


class Kind(StrEnum):
    """What kind of principal somebody is. All but outsiders hold an ACS identity."""

    USER = "user"
    SERVICE = "service"  # an app-only caller: a daemon that signed in as itself
    BOT = "bot"  # registered by an operator, in the operator's realm
    OUTSIDER = "outsider"  # a caller of a Teams resource account, known only by raw id


class Principal(NamedTuple):
    """A person, a service, a bot, or somebody from outside.

    Attributes:
        realm: all principals of one issuer, named by its URL; for Entra `entra:{tenant id}`, since
            one tenant has several issuers.
        id: the issuer's id of it, unique within realm and kind: 1 to `MAX_ID_LENGTH` characters.
    """

    kind: Kind
    realm: str
    id: str


class Caller(NamedTuple):
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
