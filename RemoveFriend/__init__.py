"""DELETE /api/friends/{friendId}: withdraw or decline a request, end a friendship, or block."""

import azure.functions as func

from shared.bodies import Body
from shared.friends.contract import RemovalQuery
from shared.http import Request, serve


async def main(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return await serve(req, context, remove_friend, query=RemovalQuery)


async def remove_friend(request: Request[RemovalQuery, Body]) -> None:
    await request.app.friends.remove(
        request.caller, request.find_route_id("friendId"), block=request.query.block
    )
