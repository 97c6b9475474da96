"""DELETE /api/token: end every calling token of the caller."""

import azure.functions as func

from shared.http.serving import Request, serve
from shared.identity.contract import Body, Query


async def main(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return await serve(req, context, revoke_tokens, service_role="Tokens.Issue")


async def revoke_tokens(request: Request[Query, Body]) -> None:
    await request.app.tokens.revoke(request.caller, request.caller.principal)
