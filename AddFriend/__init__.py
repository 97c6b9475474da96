"""PUT /api/friends/{friendId}: send a friend request, or accept the friend's request."""

import azure.functions as func

from shared.bodies import Body, Query
from shared.friends.contract import FriendAnswer
from shared.http import Created, Request, serve


async def main(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return await serve(req, context, add_friend)


async def add_friend(request: Request[Query, Body]) -> FriendAnswer | Created:
    friend, new = await request.app.friends.add(request.caller, request.route_id("friendId"))
    answer = FriendAnswer.of(friend)
    return Created(answer) if new else answer
