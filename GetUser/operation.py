"""GET /api/user: show which principal the caller is, and their ACS identity.

Before the first token or friend request the person has no ACS identity.
"""

from shared.bodies import Body, Query
from shared.http import Operation, Request
from shared.identity.contract import UserAnswer


async def get_user(request: Request[Query, Body]) -> UserAnswer:
    identity = await request.app.identities.find(request.caller.principal, request.caller.issued_at)
    return UserAnswer.of(request.caller, identity)


OPERATION = Operation(handler=get_user)
