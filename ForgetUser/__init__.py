"""DELETE /api/user: erase the caller."""

import azure.functions as func

from shared.http.serving import Request, serve
from shared.identity.contract import Body, Query


async def main(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return await serve(req, context, forget_user)


async def forget_user(request: Request[Query, Body]) -> None:
    await request.app.people.forget(request.caller)
