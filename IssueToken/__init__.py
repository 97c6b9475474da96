"""GET|POST /api/token: give the caller a calling token."""

import azure.functions as func

from shared.auth.roles import TOKENS_ISSUE
from shared.http import Request, serve
from shared.identity.contract import TokenAnswer, TokenBody, TokenQuery, requested_token


async def main(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return await serve(
        req,
        context,
        issue_token,
        query=TokenQuery,
        body=TokenBody,
        service_role=TOKENS_ISSUE,
    )


async def issue_token(request: Request[TokenQuery, TokenBody]) -> TokenAnswer:
    scopes, minutes = requested_token(request.query, request.body)
    identity, grant = await request.app.tokens.issue(request.caller, scopes, minutes)
    return TokenAnswer.of(request.caller.principal.id, identity, grant)
