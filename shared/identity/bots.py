"""Bots: addressable objects with an ACS identity, in the realm of their operator."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

from shared.bounds import BOT_CHANGES
from shared.changes import retry_if_changed
from shared.identity.bot_places import BotPlaces
from shared.identity.enrolment import Enrolment
from shared.identity.identities import Identities
from shared.identity.rows import Identity
from shared.identity.tokens import NO_BOT, Tokens
from shared.limits import Budget
from shared.principals import Caller, Principal
from shared.problems import BeingErased, NotFound, TooManyBots
from shared.tables import RowChanged
from shared.upstream.concurrency import SingleFlight


class BotErasure(Protocol):
    """The part of `shared.privacy` that is used here."""

    async def erase_bot(self, operator: Caller, bot: Principal) -> None: ...


class Bots:
    """Registers, erases and resolves bots.

    The HTTP edge checks the app role: only an operator may do more than `resolve`.
    """

    def __init__(
        self,
        identities: Identities,
        enrolment: Enrolment,
        tokens: Tokens,
        erasure: BotErasure,
        places: BotPlaces,
        flight_seconds: float,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """
        Args:
            flight_seconds: how long an enrolment may take; requests for one bot share it.
        """
        self._identities = identities
        self._enrolment = enrolment
        self._tokens = tokens
        self._erasure = erasure
        self._places = places
        self._changes = Budget(BOT_CHANGES.number, now)
        self._enrolments = SingleFlight[Principal, Identity](flight_seconds)

    async def register(
        self, operator: Caller, bot_id: str, display_name: str
    ) -> tuple[Identity, bool]:
        """Register a bot, or rename it.

        Returns:
            The bot's identity, and whether it is new.

        Raises:
            Throttled: too many changes of the operator within a minute.
            TooManyBots: it is new, and the realm has as many as it may have.
        """
        await self._identities.admit(operator)
        self._changes.spend(operator.principal)
        bot = operator.bot(bot_id)

        async def attempt() -> tuple[Identity, bool]:
            found, is_new = await self._identities.find(bot), False
            if found is None:
                found, is_new = await self._enrolled(operator, bot, display_name), True
            await self._enrolment.discard_spare(bot, found)
            if found.display_name == display_name:
                return found, is_new
            # It existed, or another request registered it first.
            return await self._identities.rename(found, display_name), False

        return await retry_if_changed(attempt)

    async def remove(self, operator: Caller, bot_id: str | None) -> None:
        """Erase a bot. Repeatable; None is an id that is too long for any. Throttled as above."""
        if bot_id is None:
            return
        await self._identities.admit(operator)
        self._changes.spend(operator.principal)
        await self._erasure.erase_bot(operator, operator.bot(bot_id))

    async def resolve(self, caller: Caller, bot_id: str | None) -> Identity:
        """The identity to call for this bot.

        Args:
            bot_id: None for an id that is too long for any bot to have.

        Raises:
            NotFound: the caller's realm has no such bot.
        """
        if bot_id is None:
            raise NotFound(NO_BOT)
        await self._identities.admit(caller)
        try:
            found = await self._identities.find(caller.bot(bot_id))
        except BeingErased:
            found = None
        if found is None:
            raise NotFound(NO_BOT)
        return found

    async def _enrolled(self, operator: Caller, bot: Principal, display_name: str) -> Identity:
        """Raises RowChanged if the bot was removed meanwhile."""
        begun = list[Principal]()

        async def enrol() -> Identity:
            begun.append(bot)
            return await self._enrol(operator, bot, display_name)

        # If each of many requests at the same instant wrote the bot's place, some would fail.
        found: Identity | None = await self._enrolments.do(bot, enrol)
        if not begun:  # another request has; the bot may have been removed before we came
            found = await self._identities.find(bot)
        if found is None:
            raise RowChanged
        return found

    async def _enrol(self, operator: Caller, bot: Principal, display_name: str) -> Identity:
        """If the enrolment fails, it may have happened all the same: then the intent stays."""
        place = await self._places.take(bot)
        found = await self._tokens.enrol_bot(bot, display_name)
        try:
            await self._places.keep(place)
        except TooManyBots:
            await self._erasure.erase_bot(operator, bot)
            raise
        return found
