"""GET /api/friends/{friendId?}: list the friends, or give the ACS identity of one, to call them."""

from shared.bodies import Body, Query
from shared.friends.contract import FriendAnswer, FriendsAnswer, FriendsQuery
from shared.http import OneOrAll, Operation, Request
from shared.problems import NotFound


async def resolve_friend(request: Request[Query, Body]) -> FriendAnswer:
    """Give the ACS identity of an accepted friend, to call them.

    404 for anybody else, so that the caller cannot tell whether that person does not exist, has not
    answered or has said no.
    """
    friend_id = request.find_route_id("friendId")
    return FriendAnswer.of(await request.app.friends.resolve(request.caller, friend_id))


async def list_friends(request: Request[FriendsQuery, Body]) -> FriendsAnswer:
    """List the friends, and the requests of both sides, up to 1,000 at a time.

    `state` is `accepted` (both have asked), `requested` (the caller has) or `incoming` (the other
    has).
    """
    state = request.query.state_filter
    found = await request.app.friends.list_for(request.caller, state, request.query.page or "")
    return FriendsAnswer.of(*found, state)


OPERATION = OneOrAll(
    segment="friendId",
    one=Operation(handler=resolve_friend, problems=(NotFound,)),
    all=Operation(handler=list_friends, query=FriendsQuery),
)
