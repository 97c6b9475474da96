"""GET /api/user: show which principal the caller is, and their ACS identity.

Before the first token or friend request the person has no ACS identity.
"""

import azure.functions as func

from shared.bodies import Body, Query
from shared.http import Operation, Request, serve
from shared.identity.contract import UserAnswer


async def main(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return await serve(req, context, OPERATION)


async def get_user(request: Request[Query, Body]) -> UserAnswer:
    identity = await request.app.identities.find(request.caller.principal, request.caller.issued_at)
    return UserAnswer.of(request.caller, identity)


OPERATION = Operation(handler=get_user)
