"""The types of every request and answer: the HTTP contract, in one place.

Requests forbid what they do not know, and pydantic reports all their faults at once.
"""

from datetime import datetime
from typing import Annotated, Literal
from urllib.parse import urlencode

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
)
from pydantic.alias_generators import to_camel

from shared.friends.friends import Friend
from shared.friends.rows import State
from shared.identity.acs import Grant
from shared.identity.rows import Identity
from shared.principals import MAX_ID_LENGTH, Caller, visible
from shared.settings import MAX_TOKEN_MINUTES, MIN_TOKEN_MINUTES

type Scope = Literal["chat", "chat.join", "chat.join.limited", "voip", "voip.join"]


def timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC, ending in Z, to the millisecond: what every JSON client parses."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


type Timestamp = Annotated[datetime, PlainSerializer(timestamp)]


type PersonId = Annotated[str, Field(min_length=1, max_length=MAX_ID_LENGTH)]


def is_absent(value: object) -> bool:
    return value is None


def _split(text: object) -> object:
    return [part.strip() for part in text.split(",")] if isinstance(text, str) else text


class Answer(BaseModel):
    """Base of all answers."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class Query(BaseModel):
    """Base of all query strings, so by itself one that takes no parameters. Values arrive as text;
    a repeated parameter's values arrive joined by commas."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel)


class Body(BaseModel):
    """Base of all bodies. Strict: the text "60" is no number."""

    model_config = ConfigDict(extra="forbid", strict=True, alias_generator=to_camel)


# ACS takes no others; the policy may allow less, and is judged afterwards.
type Minutes = Annotated[int, Field(ge=MIN_TOKEN_MINUTES, le=MAX_TOKEN_MINUTES)]


class TokenQuery(Query):
    scope: Annotated[frozenset[Scope], BeforeValidator(_split), Field(min_length=1)] | None = None
    expires_in_minutes: Minutes | None = None


class TokenBody(Body):
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=20)] | None = None
    expires_in_minutes: Minutes | None = None


def asked_for(query: TokenQuery, body: TokenBody) -> tuple[frozenset[str] | None, int | None]:
    """The scopes and minutes asked for, None where unsaid; the body wins over the query."""
    scopes = query.scope if body.scopes is None else body.scopes
    minutes = query.expires_in_minutes
    if body.expires_in_minutes is not None:
        minutes = body.expires_in_minutes
    return (None if scopes is None else frozenset(scopes)), minutes


class TokenUser(Answer):
    communication_user_id: str
    id: str


class TokenAnswer(Answer):
    """What `AzureCommunicationTokenCredential` and Microsoft's samples read."""

    token: str
    expires_on: Timestamp
    user: TokenUser
    scopes: list[str]

    @classmethod
    def of(cls, owner_id: str, identity: Identity, grant: Grant) -> "TokenAnswer":
        return cls(
            token=grant.token,
            expires_on=grant.expires_on,
            user=TokenUser(communication_user_id=identity.communication_user_id, id=owner_id),
            scopes=sorted(grant.scopes),
        )


class UserAnswer(Answer):
    """The caller. `communicationUserId` and `createdAt` are null before the first token."""

    id: str
    display_name: str | None
    communication_user_id: str | None
    created_at: Timestamp | None
    roles: list[str]

    @classmethod
    def of(cls, caller: Caller, identity: Identity | None) -> "UserAnswer":
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


class ExportAnswer(Answer):
    """Everything stored about the caller, by the module that holds it."""

    id: str
    realm: str
    exported_at: Timestamp
    held: dict[str, list[dict[str, str | int | float | bool | Timestamp]]]


def shown(name: str) -> str:
    """A name that others are shown."""
    name = name.strip()
    if not name or visible(name) != name:
        raise ValueError("has to be a visible text without control characters")
    return name


class BotBody(Body):
    display_name: Annotated[str, Field(max_length=256), AfterValidator(shown)]


class BotAnswer(Answer):
    id: str
    display_name: str | None
    communication_user_id: str

    @classmethod
    def of(cls, bot_id: str, identity: Identity) -> "BotAnswer":
        return cls(
            id=bot_id,
            display_name=identity.display_name,
            communication_user_id=identity.communication_user_id,
        )


type FriendState = Literal["accepted", "requested", "incoming"]


class FriendsQuery(Query):
    """Of the list: by itself all of it. `page` is what a `nextLink` holds."""

    state: FriendState | None = None
    page: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None

    @property
    def wanted(self) -> State | None:
        return None if self.state is None else State(self.state)


class RemovalQuery(Query):
    block: bool | None = None


class FriendAnswer(Answer):
    """`communicationUserId` is there once both have said yes; a name, once the friend has."""

    id: str
    display_name: str | None
    state: FriendState
    communication_user_id: str | None = Field(exclude_if=is_absent)

    @classmethod
    def of(cls, friend: Friend) -> "FriendAnswer":
        return cls.model_validate(friend, from_attributes=True)


class FriendsAnswer(Answer):
    """A page of the buddy list; `nextLink` is there while there may be more."""

    friends: list[FriendAnswer]
    next_link: str | None = Field(exclude_if=is_absent)

    @classmethod
    def of(cls, friends: list[Friend], after: str | None, state: State | None) -> "FriendsAnswer":
        asked = {} if state is None else {"state": state}
        link = f"/api/friends?{urlencode({**asked, 'page': after})}" if after else None
        return cls(friends=[FriendAnswer.of(friend) for friend in friends], next_link=link)


class HealthAnswer(Answer):
    status: Literal["ok"] = "ok"
