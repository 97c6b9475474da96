"""PUT /api/friends/{friendId}: send a friend request, or accept the friend's request.

201 if the caller had not asked for the friend before, be it a request or an accept; else 200.
Once both have asked, each may resolve the other. The caller gets an identity if they had none. At
most 100 requests of the caller may be unanswered. A block of the caller's own ends.
"""

from shared.bodies import Body, Query
from shared.bounds import DECISIONS, FRIENDS, UNANSWERED
from shared.friends.contract import FriendAnswer
from shared.http import Created, Operation, Request
from shared.problems import Conflict, Throttled, TooManyUnanswered
from shared.unavailable import CommunicationUnavailable


async def add_friend(request: Request[Query, Body]) -> FriendAnswer | Created[FriendAnswer]:
    friend, new = await request.app.friends.add(request.caller, request.route_id("friendId"))
    answer = FriendAnswer.of(friend)
    return Created(answer) if new else answer


OPERATION = Operation(
    handler=add_friend,
    problems=(CommunicationUnavailable, Conflict, Throttled, TooManyUnanswered),
    limits=(DECISIONS, FRIENDS, UNANSWERED),
    links={"/friends/{friendId}": "$request.path.friendId"},
)
