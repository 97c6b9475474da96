"""Queries and answers of the buddy list."""

from typing import Annotated, Literal
from urllib.parse import urlencode

from pydantic import Field

from shared.bodies import Answer, Query, is_absent, page_pattern
from shared.friends.rows import Friend, State

type FriendState = Literal["accepted", "requested", "incoming"]


class FriendsQuery(Query):
    """Without `state` the list has friends in all states. `page` comes from a `nextLink`."""

    state: FriendState | None = None
    page: Annotated[str, page_pattern("[0-9a-f]{64}")] | None = None

    @property
    def state_filter(self) -> State | None:
        return None if self.state is None else State(self.state)


class RemovalQuery(Query):
    block: bool | None = None


class FriendAnswer(Answer):
    """`communicationUserId` is there once both have said yes, a name once the friend has."""

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
        filters = {} if state is None else {"state": state}
        link = f"/api/friends?{urlencode({**filters, 'page': after})}" if after else None
        # All at once, and as dictionaries: one by one takes three times as long.
        return cls.model_validate({"friends": list(map(vars, friends)), "next_link": link})
