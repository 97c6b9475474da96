"""Which bot a ringing call is for, and who calls."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.bot_calls.event_grid import IncomingCallResult, RingingCall
from shared.identity.identities import Identities
from shared.principals import Kind, Principal
from shared.problems import BeingErased

# The public cloud, and two clouds of the US government (reference: raw ids).
_CLOUDS = ("acs", "gcch-acs", "dod-acs")


@dataclass(frozen=True)
class AccountBot:
    """A Teams resource account, by its object id, and the bot that answers for it."""

    account: str
    bot: Principal


@dataclass(frozen=True)
class Route:
    """A call that rings at a bot.

    Attributes:
        caller: somebody of the bot's realm; if an account was called, of any realm, or an outsider.
        account: object id of the Teams resource account that was called; None if it was the bot.
    """

    ringing: RingingCall
    bot: Principal
    caller: Principal
    account: str | None = None


class Routing:
    """Finds the bots and callers of calls that ring. Reads storage and never asks ACS."""

    def __init__(
        self,
        identities: Identities,
        resource_id: str,
        account_bots: Mapping[str, AccountBot],
        *,
        standalone: bool,
    ) -> None:
        """
        Args:
            resource_id: the immutable id of the ACS resource; the raw ids of its bots hold it.
            account_bots: by the raw id of the account.
            standalone: whether bots answer calls to themselves, and not only to an account.
        """
        self._identities = identities
        self._account_bots = account_bots
        self._standalone = standalone
        self._raw_id_prefixes = tuple(f"8:{cloud}:{resource_id}_" for cloud in _CLOUDS)

    async def route_of(self, ringing: RingingCall) -> Route | IncomingCallResult:
        """The route of a call, or why nobody here answers it."""
        account_bot = self._account_bots.get(ringing.to.lower())
        if account_bot is not None:
            return await self._route_of_account(ringing, account_bot)
        # Raw ids hold the resource's guid; the topic of the event would only name the resource.
        if not ringing.to.startswith(self._raw_id_prefixes):
            return IncomingCallResult.NO_BOT
        # Event Grid reports every call between two users, too; they cost no more than this lookup.
        bot = await self._identities.owner_of(ringing.to)
        if bot is None or bot.kind is not Kind.BOT:
            return IncomingCallResult.NO_BOT
        if not self._standalone:
            return IncomingCallResult.STANDALONE
        caller = await self._identities.owner_of(ringing.caller)
        if caller is None or caller.realm != bot.realm:
            return IncomingCallResult.STRANGER
        return Route(ringing, bot, caller)

    async def _route_of_account(
        self, ringing: RingingCall, account_bot: AccountBot
    ) -> Route | IncomingCallResult:
        """Anybody who knows the number of an account may call it. Callers without a phone may have
        any id: ACS does not document it, so each id is another caller. A caller with an identity
        here is that person, in any realm, so that their export and erasure find the call. An
        identity of our resource that nobody has is that of somebody who is or was erased: as an
        outsider's, their call would stay."""
        bot = account_bot.bot
        if not await self._exists(bot):
            return IncomingCallResult.NO_BOT
        caller = await self._identities.owner_of(ringing.caller)
        if caller is None:
            if ringing.caller.startswith(self._raw_id_prefixes):
                return IncomingCallResult.STRANGER
            caller = Principal(Kind.OUTSIDER, bot.realm, ringing.caller)
        return Route(ringing, bot, caller, account_bot.account)

    async def refusal_of(self, route: Route) -> IncomingCallResult | None:
        """Why a call may not go on, because its bot or its caller was erased, or is being erased;
        None if neither was."""
        ringing = route.ringing
        if route.account is None:
            is_bots = await self._identities.owner_of(ringing.to) == route.bot
        else:
            is_bots = await self._exists(route.bot)
        if not is_bots:
            return IncomingCallResult.NO_BOT
        if route.caller.kind is Kind.OUTSIDER:  # nobody who could be erased
            return None
        is_callers = await self._identities.owner_of(ringing.caller) == route.caller
        return None if is_callers else IncomingCallResult.STRANGER

    async def _exists(self, bot: Principal) -> bool:
        try:
            return await self._identities.find(bot) is not None
        except BeingErased:
            return False
