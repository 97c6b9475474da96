"""Bots: addressable objects with an ACS identity, in the realm of who registered them."""

from typing import Protocol

from shared.identity.identities import Identities
from shared.identity.rows import Identity
from shared.identity.tokens import Tokens
from shared.principals import Caller, Principal
from shared.problems import BeingErased, Conflict, NotFound
from shared.tables import RowChanged

# How often a write is tried anew because another request wrote the same row meanwhile.
_TRIES = 10


class BotErasure(Protocol):
    """What of `shared.privacy` is needed here."""

    async def erase_bot(self, operator: Caller, bot: Principal) -> None: ...


class Bots:
    """Whether the caller may is the edge's business: all but `resolve` need an operator."""

    def __init__(self, identities: Identities, tokens: Tokens, erasure: BotErasure) -> None:
        self._identities = identities
        self._tokens = tokens
        self._erasure = erasure

    async def register(
        self, operator: Caller, bot_id: str, display_name: str
    ) -> tuple[Identity, bool]:
        """Register a bot, or rename it.

        Returns:
            The bot's identity, and whether it is new.
        """
        await self._identities.admit(operator)
        bot = operator.bot(bot_id)
        new = False
        for _ in range(_TRIES):
            found = await self._identities.find(bot)
            if found is None:
                found, new = await self._tokens.enrol_bot(bot, display_name), True
            await self._identities.discard_spare(bot, found)
            if found.display_name == display_name:
                return found, new
            new = False  # another request registered it first, or it was there
            try:
                return await self._identities.rename(found, display_name), new
            except RowChanged:
                continue
        raise Conflict

    async def remove(self, operator: Caller, bot_id: str) -> None:
        """Erase a bot; repeatable."""
        await self._identities.admit(operator)
        await self._erasure.erase_bot(operator, operator.bot(bot_id))

    async def resolve(self, caller: Caller, bot_id: str) -> Identity:
        """The identity to call.

        Raises:
            NotFound: no such bot in the caller's realm.
        """
        await self._identities.admit(caller)
        try:
            found = await self._identities.find(caller.bot(bot_id))
        except BeingErased:
            found = None
        if found is None:
            raise NotFound("There is no bot by that name.")
        return found
