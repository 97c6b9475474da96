"""Calls to bots, which the service answers: each once, however often Event Grid tells of it.

What a bot does in a call that was answered is `attendant`.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from shared import audit
from shared.bot_calls.event_grid import GridEvent, IncomingCallResult, RingingCall
from shared.bot_calls.settings import BotCallSettings
from shared.calls.acs import CallAutomationApi, CallGone
from shared.calls.acs_types import RepeatabilityHeaders
from shared.calls.bot_state import BotCallState
from shared.calls.calls import Calls
from shared.calls.limits import CallLimit
from shared.calls.records import CallRecords
from shared.calls.rows import Call, CallState, Reason
from shared.identity.identities import Identities
from shared.keys import key
from shared.principals import Kind, Principal
from shared.problems import CallRefused, NotConfigured, NotFound, Problem

logger = logging.getLogger(__name__)

# So long an incoming call rings (reference: limits).
_RINGS = timedelta(seconds=30)
_GONE = Reason(404, 0, "It rang no more when it was to be answered.")
_REFUSED = Reason(400, 0, "Azure Communication Services did not let it be answered.")
_BUSY = Reason(486, 0, "Its caller had too many calls.")


class IncomingCalls:
    """Answers for the bots; whoever tells has been proven."""

    def __init__(
        self,
        calls: Calls,
        records: CallRecords,
        acs: CallAutomationApi,
        identities: Identities,
        limit: CallLimit,
        settings: BotCallSettings,
        resource_id: str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """
        Args:
            resource_id: the immutable id of the ACS resource, which the ids of our bots begin with.
        """
        self._calls = calls
        self._records = records
        self._acs = acs
        self._identities = identities
        self._limit = limit
        self._settings = settings
        self._now = now
        # The world's, and those of two clouds of the US government (reference: raw ids).
        clouds = ("acs", "gcch-acs", "dod-acs")
        self._ours = tuple(f"8:{cloud}:{resource_id}_" for cloud in clouds)

    def check_settings(self) -> None:
        """Raises NotConfigured, naming what is missing for any call to be answered."""
        if not self._settings.greeting:
            raise NotConfigured("BOT_GREETING is not set.")
        if not self._calls.can_be_called_back:
            raise NotConfigured("CALLBACK_BASE_URL is not set.")

    async def take(self, events: Sequence[GridEvent]) -> list[IncomingCallResult]:
        """Answer what is to be answered, each for itself; then raise the first failure, if any.

        Raises:
            Unavailable, Throttled, Conflict: ACS or storage did not do their part, or others did
                the same: tell again. What has been answered by then stays so.
        """
        results = await asyncio.gather(*map(self._take, events), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return [result for result in results if isinstance(result, IncomingCallResult)]

    async def _take(self, event: GridEvent) -> IncomingCallResult:
        ringing = event.ringing
        result = IncomingCallResult.IGNORED if ringing is None else await self._judged(ringing)
        logger.info("an event of Event Grid: %s", result)
        return result

    async def _judged(self, ringing: RingingCall) -> IncomingCallResult:
        # The ids have the resource's guid in them; the event's topic has no more than its name.
        if not ringing.to.startswith(self._ours):
            return IncomingCallResult.NO_BOT
        # Every call between two users is told of too, and costs no more than this.
        bot = await self._identities.owner_of(ringing.to)
        if bot is None or bot.kind is not Kind.BOT:
            return IncomingCallResult.NO_BOT
        caller = await self._identities.owner_of(ringing.caller)
        if caller is None or caller.realm != bot.realm:
            return IncomingCallResult.STRANGER
        if self._now() - ringing.since > _RINGS:
            return IncomingCallResult.LATE
        return await self._taken_up(bot, caller, ringing)

    async def _taken_up(
        self, bot: Principal, caller: Principal, ringing: RingingCall
    ) -> IncomingCallResult:
        """A call that rings is begun by its context, with which it can be answered once, whatever
        its events are called; so one that was told of before is gone on with.

        First written, then looked: whoever erases the bot or the caller sees the call, or we see
        the erasure.
        """
        name = key("incoming call", ringing.context)
        call = await self._records.begin(bot, name, "", caller)
        try:
            result = await self._gone_on_with(bot, caller, call, ringing)
        except NotFound:
            result = IncomingCallResult.MISSED
        except Problem:
            await self._discard_of_erased(bot, caller, call, ringing)
            raise
        erased = await self._discard_of_erased(bot, caller, call, ringing)
        if erased is not None:
            return erased
        await self._records.tidy(bot)
        return result

    async def _gone_on_with(
        self, bot: Principal, caller: Principal, call: Call, ringing: RingingCall
    ) -> IncomingCallResult:
        """Raises NotFound where the call was removed meanwhile."""
        if call.state is not CallState.PLACING:
            return IncomingCallResult.MISSED if call.is_refused else IncomingCallResult.ANSWERED
        if call.bot_state is None:
            live = await self._records.live_calls_to_bots(caller)
            if await self._limit.others(call, live) >= self._limit.most:
                return await self._turn_away(call, ringing)
            call = await self._noted(call, ringing)
        return await self._answer(bot, caller, call, ringing)

    async def _noted(self, call: Call, ringing: RingingCall) -> Call:
        """Write down who calls whom, before anybody answers."""

        def note(found: Call) -> Call:
            if found.bot_state is not None:
                return found
            return replace(found, own_id=ringing.to, bot_state=BotCallState((ringing.caller,)))

        return await self._calls.change(call, note)

    async def _answer(
        self, bot: Principal, caller: Principal, call: Call, ringing: RingingCall
    ) -> IncomingCallResult:
        try:
            connection = await self._acs.answer(
                ringing.context,
                self._calls.callback_url(call.call_id),
                speech_endpoint=self._calls.speech_endpoint,
                repeatability=RepeatabilityHeaders.named(call.call_id, call.created_at),
            )
        except (CallGone, CallRefused) as refused:
            reason = _GONE if isinstance(refused, CallGone) else _REFUSED
            return await self._miss(call, reason)
        audit.record("call-answered", caller, bot, call=call.call_id)
        try:
            await self._calls.change(call, connection.bind)
        except NotFound:
            await self._hang_up(connection.id)
            raise
        return IncomingCallResult.ANSWERED

    async def _discard_of_erased(
        self, bot: Principal, caller: Principal, call: Call, ringing: RingingCall
    ) -> IncomingCallResult | None:
        """Leave nothing of a call whose bot or caller is being erased, or was."""
        is_bots = await self._identities.owner_of(ringing.to) == bot
        if is_bots and await self._identities.owner_of(ringing.caller) == caller:
            return None
        found = await self._records.find(call.call_id)
        await self._records.discard(call, caller)
        if found is not None and found.connection_id is not None:
            await self._hang_up(found.connection_id)
        return IncomingCallResult.STRANGER if is_bots else IncomingCallResult.NO_BOT

    async def _hang_up(self, connection_id: str) -> None:
        """End a call that nobody can see any more; where that fails, its next event ends it."""
        try:
            await self._acs.hang_up(connection_id)
        except Problem as failed:
            logger.warning("a call without a record is not ended yet: %s", failed.code)

    async def _turn_away(self, call: Call, ringing: RingingCall) -> IncomingCallResult:
        await self._miss(call, _BUSY)
        once = RepeatabilityHeaders.named(f"turn away {call.call_id}", call.created_at)
        try:
            await self._acs.turn_away(ringing.context, repeatability=once)
        except (CallGone, Problem) as failed:  # the caller hears it ring, and nobody answers
            logger.info("a call could not be turned away: %s", type(failed).__name__)
        return IncomingCallResult.BUSY

    async def _miss(self, call: Call, reason: Reason) -> IncomingCallResult:
        """Nobody answers it; unless another delivery has, whose answer or first event binds it."""
        at = self._now()
        standing = await self._calls.change(call, lambda found: found.missed(reason, at))
        return (
            IncomingCallResult.MISSED
            if standing.connection_id is None
            else IncomingCallResult.ANSWERED
        )
