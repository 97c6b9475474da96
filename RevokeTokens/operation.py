"""DELETE /api/token: revoke every calling token of the caller.

Not those of `/token/teams`. ACS may need up to 15 minutes to do so everywhere.
"""

from shared.auth.roles import TOKENS_ISSUE
from shared.bodies import Body, Query
from shared.bounds import REVOCATIONS
from shared.http import Operation, Request
from shared.problems import Conflict, Throttled
from shared.unavailable import CommunicationUnavailable


async def revoke_tokens(request: Request[Query, Body]) -> None:
    await request.app.tokens.revoke(request.caller, request.caller.principal)


OPERATION = Operation(
    handler=revoke_tokens,
    service_role=TOKENS_ISSUE,
    problems=(CommunicationUnavailable, Conflict, Throttled),
    limits=(REVOCATIONS,),
)
