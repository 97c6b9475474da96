"""Bodies, queries and answers of identities: users, bots and their tokens."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator, Field

from shared.bodies import VISIBLE_TEXT, WHOLE_NUMBER, Answer, Body, Header, Query, Timestamp
from shared.identity.settings import MAX_TOKEN_MINUTES, MIN_TOKEN_MINUTES
from shared.principals import Caller

if TYPE_CHECKING:  # a function loads its contract at start, and must not load the rules with it
    from shared.identity.acs import Grant
    from shared.identity.rows import Identity

# Holds the Entra token of the Teams user, as in Microsoft's samples.
TEAMS_USER_HEADER = Header("teams-user-aad-token", "The Entra token of the Teams user.")

type Scope = Literal["chat", "chat.join", "chat.join.limited", "voip", "voip.join"]


def _split(text: object) -> object:
    return [part.strip() for part in text.split(",")] if isinstance(text, str) else text


# The limits of ACS. The policy may allow less; it is checked later.
type Minutes = Annotated[int, Field(ge=MIN_TOKEN_MINUTES, le=MAX_TOKEN_MINUTES), WHOLE_NUMBER]


class TokenQuery(Query):
    scope: Annotated[frozenset[Scope], Field(min_length=1), BeforeValidator(_split)] | None = None
    expires_in_minutes: Minutes | None = None


class TokenBody(Body):
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=20)] | None = None
    expires_in_minutes: Minutes | None = None


def requested_token(query: TokenQuery, body: TokenBody) -> tuple[frozenset[str] | None, int | None]:
    """The requested scopes and minutes, None if not given. The body overrides the query."""
    scopes = query.scope if body.scopes is None else body.scopes
    minutes = query.expires_in_minutes
    if body.expires_in_minutes is not None:
        minutes = body.expires_in_minutes
    return (None if scopes is None else frozenset(scopes)), minutes


class TokenUser(Answer):
    communication_user_id: str
    id: str


class TokenAnswer(Answer):
    """In the shape that `AzureCommunicationTokenCredential` and Microsoft's samples read."""

    token: str
    expires_on: Timestamp
    user: TokenUser
    scopes: list[str]

    @classmethod
    def of(cls, owner_id: str, identity: "Identity", grant: "Grant") -> "TokenAnswer":
        return cls(
            token=grant.token,
            expires_on=grant.expires_on,
            user=TokenUser(communication_user_id=identity.communication_user_id, id=owner_id),
            scopes=sorted(grant.scopes),
        )


class UserAnswer(Answer):
    """The caller. Before the first token `communicationUserId` and `createdAt` are null."""

    id: str
    display_name: str | None
    communication_user_id: str | None
    created_at: Timestamp | None
    roles: list[str]

    @classmethod
    def of(cls, caller: Caller, identity: "Identity | None") -> "UserAnswer":
        stored_name = identity.display_name if identity else None
        return cls(
            id=caller.principal.id,
            display_name=caller.display_name or stored_name,
            communication_user_id=identity.communication_user_id if identity else None,
            created_at=identity.created_at if identity else None,
            roles=sorted(caller.roles),
        )


class TeamsTokenAnswer(Answer):
    token: str
    expires_on: Timestamp


class BotBody(Body):
    display_name: Annotated[str, Field(max_length=256), VISIBLE_TEXT]


class BotAnswer(Answer):
    id: str
    display_name: str | None
    communication_user_id: str

    @classmethod
    def of(cls, bot_id: str, identity: "Identity") -> "BotAnswer":
        return cls(
            id=bot_id,
            display_name=identity.display_name,
            communication_user_id=identity.communication_user_id,
        )
