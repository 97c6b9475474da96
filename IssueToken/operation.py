"""GET|POST /api/token: give the caller a calling token.

The first token makes the caller's ACS identity, which stays theirs. The scopes and the lifetime
may be less than the service's policy allows; where query and body differ, the body wins. At most
20 fresh tokens a minute for one person, on each instance of the service.
"""

from shared.auth.roles import TOKENS_ISSUE
from shared.bounds import HEALS, NEW_TOKENS
from shared.http import Operation, Request
from shared.identity.contract import TokenAnswer, TokenBody, TokenQuery, requested_token
from shared.problems import Conflict, Throttled
from shared.unavailable import CommunicationUnavailable


async def issue_token(request: Request[TokenQuery, TokenBody]) -> TokenAnswer:
    scopes, minutes = requested_token(request.query, request.body)
    identity, grant = await request.app.tokens.issue(request.caller, scopes, minutes)
    return TokenAnswer.of(request.caller.principal.id, identity, grant)


OPERATION = Operation(
    handler=issue_token,
    query=TokenQuery,
    body=TokenBody,
    service_role=TOKENS_ISSUE,
    problems=(CommunicationUnavailable, Conflict, Throttled),
    limits=(HEALS, NEW_TOKENS),
)
