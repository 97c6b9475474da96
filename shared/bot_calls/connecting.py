"""The person whom a menu connects to a caller: a user of the bot's realm, or an agent in Teams."""

import logging
from collections.abc import Awaitable, Callable

from shared.bot_calls.choices import Choice, Connect, ConnectAgent
from shared.calls import reasons
from shared.calls.bot_state import BotCallState
from shared.calls.rows import Call
from shared.identity.identities import Identities
from shared.principals import Kind, Principal
from shared.problems import BeingErased, CallRefused

logger = logging.getLogger(__name__)

type FindAgent = Callable[[str, str, str], Awaitable[str | None]]
"""Raw id of an agent, by realm, object id, and the account of the call (`Dialling.agent`)."""


class Connecting:
    """Finds the person whom a menu connects. Reads storage and never asks ACS."""

    def __init__(self, identities: Identities, find_agent: FindAgent) -> None:
        self._identities = identities
        self._find_agent = find_agent

    async def raw_id_of(self, call: Call, bot_state: BotCallState, choice: Choice | None) -> str:
        """Raw id of the person whom a choice of the menu connects. No log tells which key it was.

        Raises:
            CallRefused: nobody can be connected; it says why.
        """
        if call.account is not None and isinstance(choice, Connect):
            # Phones and agents can be added to it. For users of ACS nothing is documented.
            logger.warning("a menu connects to a user, and a Teams account was called")
            raise CallRefused(reasons.AGENTS_ONLY)
        if call.account is None and isinstance(choice, ConnectAgent):
            logger.warning("a menu connects to an agent, and no Teams account was called")
            raise CallRefused(reasons.NO_AGENTS)
        raw_id = await self._find(call, choice)
        if raw_id is None:
            logger.warning("a menu connects to nobody of the bot's realm")
            raise CallRefused(reasons.NOBODY_TO_CONNECT)
        if raw_id == bot_state.caller:
            raise CallRefused(reasons.CONNECTS_CALLER)
        return raw_id

    async def _find(self, call: Call, choice: Choice | None) -> str | None:
        match choice:
            case Connect(user):
                return await self._find_user(Principal(Kind.USER, call.realm, user))
            case ConnectAgent(agent):
                return await self._find_agent(call.realm, agent, call.account or "")
        return None

    async def _find_user(self, user: Principal) -> str | None:
        try:
            identity = await self._identities.find(user)
        except BeingErased:
            return None
        return None if identity is None else identity.communication_user_id
