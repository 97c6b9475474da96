"""GET /api/friends/{friendId?}: list the friends, or give the ACS identity of one, to call them."""

import azure.functions as func

from shared.bodies import Body, Query
from shared.friends.contract import FriendAnswer, FriendsAnswer, FriendsQuery
from shared.http import Request, serve


async def main(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    if req.route_params.get("friendId"):
        return await serve(req, context, resolve_friend)
    return await serve(req, context, list_friends, query=FriendsQuery)


async def resolve_friend(request: Request[Query, Body]) -> FriendAnswer:
    friend_id = request.find_route_id("friendId")
    return FriendAnswer.of(await request.app.friends.resolve(request.caller, friend_id))


async def list_friends(request: Request[FriendsQuery, Body]) -> FriendsAnswer:
    state = request.query.state_filter
    found = await request.app.friends.list_for(request.caller, state, request.query.page or "")
    return FriendsAnswer.of(*found, state)
