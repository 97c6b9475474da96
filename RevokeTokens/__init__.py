"""DELETE /api/token: revoke every calling token of the caller."""

import azure.functions as func

from shared.auth.roles import TOKENS_ISSUE
from shared.bodies import Body, Query
from shared.http import Request, serve


async def main(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return await serve(req, context, revoke_tokens, service_role=TOKENS_ISSUE)


async def revoke_tokens(request: Request[Query, Body]) -> None:
    await request.app.tokens.revoke(request.caller, request.caller.principal)
