"""DELETE /api/friends/{friendId}: withdraw or decline a request, end a friendship, or block.

The other person stops resolving the caller at once, and still sees `requested`. A block hides
their later requests until it is lifted.
"""

from shared.bodies import Body
from shared.bounds import DECISIONS, FRIENDS
from shared.friends.contract import RemovalQuery
from shared.http import Operation, Request
from shared.problems import Conflict, Throttled


async def remove_friend(request: Request[RemovalQuery, Body]) -> None:
    await request.app.friends.remove(
        request.caller, request.find_route_id("friendId"), block=request.query.block
    )


OPERATION = Operation(
    handler=remove_friend,
    query=RemovalQuery,
    problems=(Conflict, Throttled),
    limits=(DECISIONS, FRIENDS),
)
