"""DELETE /api/user: erase the caller's identity, and everything that is stored about the caller."""

import azure.functions as func

from shared.auth.roles import MEETINGS_SCHEDULE
from shared.bodies import Body, Query
from shared.http import Request, serve


async def main(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return await serve(req, context, forget_user, service_role=MEETINGS_SCHEDULE)


async def forget_user(request: Request[Query, Body]) -> None:
    await request.app.personal_data.erase(request.caller)
