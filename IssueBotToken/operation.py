"""POST /api/bots/{botId}/token: give the operator of a bot a calling token for the bot.

The policy for tokens limits its scopes and its lifetime.
"""

from shared.auth.roles import BOTS_OPERATE
from shared.bounds import HEALS, NEW_TOKENS
from shared.http import Operation, Request
from shared.identity.contract import TokenAnswer, TokenBody, TokenQuery, requested_token
from shared.problems import Conflict, NotFound, Throttled
from shared.unavailable import CommunicationUnavailable


async def issue_bot_token(request: Request[TokenQuery, TokenBody]) -> TokenAnswer:
    bot_id = request.find_route_id("botId")
    bot = None if bot_id is None else request.caller.bot(bot_id)
    scopes, minutes = requested_token(request.query, request.body)
    identity, grant = await request.app.tokens.issue_to_bot(request.caller, bot, scopes, minutes)
    return TokenAnswer.of(bot_id or "", identity, grant)


OPERATION = Operation(
    handler=issue_bot_token,
    query=TokenQuery,
    body=TokenBody,
    role=BOTS_OPERATE,
    problems=(CommunicationUnavailable, Conflict, NotFound, Throttled),
    limits=(HEALS, NEW_TOKENS),
)
