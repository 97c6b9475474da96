"""The types of every request and answer: the HTTP contract, in one place.

Requests forbid what they do not know, and pydantic reports all their faults at once.
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal
from urllib.parse import urlencode
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.alias_generators import to_camel

from shared.acs_identity import Grant
from shared.audiences import MOST_INVITEES, Audience
from shared.friend_rows import State
from shared.friends import Friend
from shared.identity_rows import Identity
from shared.invitations import Shared
from shared.principals import MAX_ID_LENGTH, Caller, visible
from shared.settings import MAX_TOKEN_MINUTES, MIN_TOKEN_MINUTES
from shared.sharing_rows import CallKind

type Scope = Literal["chat", "chat.join", "chat.join.limited", "voip", "voip.join"]


def timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC, ending in Z, to the millisecond: what every JSON client parses."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


type Timestamp = Annotated[datetime, PlainSerializer(timestamp)]


def _soon(moment: datetime) -> datetime:
    """In UTC; nobody plans for longer, and no sum of times overflows."""
    if moment > datetime.now(UTC) + timedelta(days=5 * 366):
        raise ValueError("is over five years away")
    if moment < datetime.now(UTC) - timedelta(days=366):
        raise ValueError("is long over")
    return moment.astimezone(UTC)


type EventTime = Annotated[AwareDatetime, AfterValidator(_soon)]
type PersonId = Annotated[str, Field(min_length=1, max_length=MAX_ID_LENGTH)]


def _is_absent(value: object) -> bool:
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


def _shown(name: str) -> str:
    """A name that others are shown."""
    name = name.strip()
    if not name or visible(name) != name:
        raise ValueError("has to be a visible text without control characters")
    return name


class BotBody(Body):
    display_name: Annotated[str, Field(max_length=256), AfterValidator(_shown)]


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
    communication_user_id: str | None = Field(exclude_if=_is_absent)

    @classmethod
    def of(cls, friend: Friend) -> "FriendAnswer":
        return cls.model_validate(friend, from_attributes=True)


class FriendsAnswer(Answer):
    """A page of the buddy list; `nextLink` is there while there may be more."""

    friends: list[FriendAnswer]
    next_link: str | None = Field(exclude_if=_is_absent)

    @classmethod
    def of(cls, friends: list[Friend], after: str | None, state: State | None) -> "FriendsAnswer":
        asked = {} if state is None else {"state": state}
        link = f"/api/friends?{urlencode({**asked, 'page': after})}" if after else None
        return cls(friends=[FriendAnswer.of(friend) for friend in friends], next_link=link)


def _is_true(value: bool) -> bool:
    if not value:
        raise ValueError("has to be true")
    return value


class AudienceBody(Body):
    """Exactly one of the three."""

    # Not Literal[True], which 1 is equal to.
    friends: Annotated[bool, AfterValidator(_is_true)] | None = None
    users: Annotated[list[PersonId], Field(max_length=MOST_INVITEES)] | None = None
    space: Annotated[str, Field(max_length=256), AfterValidator(_shown)] | None = None

    @model_validator(mode="after")
    def _is_one(self) -> "AudienceBody":
        if len([part for part in (self.friends, self.users, self.space) if part is not None]) != 1:
            raise ValueError("has to be one of friends, users and space")
        return self

    def read(self) -> Audience:
        users = None if self.users is None else tuple(self.users)
        return Audience(bool(self.friends), users, self.space)


class GroupCallBody(Body):
    group_id: UUID
    title: Annotated[str, Field(max_length=256), AfterValidator(_shown)] | None = None
    starts_at: EventTime | None = None
    ends_at: EventTime | None = None
    audience: AudienceBody

    @field_validator("starts_at")
    @classmethod
    def _is_not_long_ago(cls, starts_at: datetime | None) -> datetime | None:
        if starts_at is not None and starts_at < datetime.now(UTC) - timedelta(days=1):
            raise ValueError("is over a day ago")
        return starts_at

    @field_validator("ends_at")
    @classmethod
    def _is_to_come(cls, ends_at: datetime | None, info: ValidationInfo) -> datetime | None:
        starts_at = info.data.get("starts_at")
        if ends_at is not None and starts_at is not None and ends_at <= starts_at:
            raise ValueError("is not after startsAt")
        if ends_at is not None and ends_at <= datetime.now(UTC):
            raise ValueError("is over")
        return ends_at


class InvitationsQuery(Query):
    """Of the caller's own invitations, or of a space's."""

    space: Annotated[str, Field(max_length=256), AfterValidator(_shown)] | None = None


class HostAnswer(Answer):
    id: str
    display_name: str | None


class InvitationAnswer(Answer):
    """A call that the caller may join: `locator` is what the Calling SDK's `join` takes."""

    id: str
    kind: CallKind
    title: str | None
    locator: dict[str, str]
    alternatives: list[dict[str, str]]
    starts_at: Timestamp | None = Field(exclude_if=_is_absent)
    ends_at: Timestamp | None = Field(exclude_if=_is_absent)
    host: HostAnswer
    mine: bool

    @classmethod
    def of(cls, shared: Shared) -> "InvitationAnswer":
        return cls(**_invitation(shared))


class SharedAnswer(InvitationAnswer):
    """What the owner is told: `invited` counts people, none for a space."""

    invited: int

    @classmethod
    def sharing(cls, shared: Shared, invited: int) -> "SharedAnswer":
        return cls(**_invitation(shared), invited=invited)

    @property
    def path(self) -> str:
        return f"/api/invitations/{self.id}"


class InvitationsAnswer(Answer):
    invitations: list[InvitationAnswer]


def _invitation(shared: Shared) -> dict[str, Any]:
    content = shared.content
    return {
        "id": shared.call_id,
        "kind": content.kind,
        "title": content.title,
        "locator": dict(content.locator),
        "alternatives": [],
        "starts_at": content.starts_at,
        "ends_at": content.ends_at,
        "host": HostAnswer(id=content.host.id, display_name=content.host.display_name),
        "mine": shared.mine,
    }


class HealthAnswer(Answer):
    status: Literal["ok"] = "ok"
