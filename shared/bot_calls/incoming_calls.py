"""Answers calls to bots: each once, even if Event Grid delivers its event several times.

`attendant` is about what a bot does in a call that was answered.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from shared.bot_calls.event_grid import GridEvent, IncomingCallResult, RingingCall
from shared.bot_calls.places import Places, RecordedCall
from shared.bot_calls.routing import Route, Routing
from shared.bot_calls.settings import BotCallSettings
from shared.bounds import TURNED_AWAY_KEPT
from shared.calls import reasons
from shared.calls.acs import CallAutomationApi, CallGone
from shared.calls.acs_types import RepeatabilityHeaders
from shared.calls.bot_state import BotCallState
from shared.calls.call_audit import note_answered
from shared.calls.calls import Calls
from shared.calls.limits import CallLimit
from shared.calls.reasons import Reason
from shared.calls.reconciling import FIRST_LOOK
from shared.calls.recorded_files import FileEvent
from shared.calls.records import CallRecords
from shared.calls.rows import Call, CallState
from shared.calls.settling import PLACE
from shared.intents import Intent, Intents
from shared.keys import key
from shared.limits import Budget
from shared.problems import CallRefused, NotConfigured, NotFound, Problem, Throttled

logger = logging.getLogger(__name__)

# How long an incoming call rings (reference: limits).
_RINGING_TIME = timedelta(seconds=30)
_NOT_RINGING = Reason(404, 0, reasons.NOT_RINGING)
_REFUSED = Reason(400, 0, reasons.NOT_ANSWERED)


class IncomingCalls:
    """Answers incoming calls for the bots. The events must come from a verified sender."""

    def __init__(
        self,
        calls: Calls,
        records: CallRecords,
        acs: CallAutomationApi,
        routing: Routing,
        limit: CallLimit,
        settings: BotCallSettings,
        *,
        intents: Intents,
        add_file: Callable[[FileEvent], Awaitable[bool]],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """
        Args:
            add_file: records where the file of a recording is; tells whether it is one of ours.
        """
        self._calls = calls
        self._records = records
        self._acs = acs
        self._routing = routing
        self._limit = limit
        self._settings = settings
        self._intents = intents
        self._add_file = add_file
        self._now = now
        self._turned_away = Budget(TURNED_AWAY_KEPT, now)

    def check_settings(self) -> None:
        """Check the settings that every event needs. Events about files need no settings of bots.

        Raises:
            NotConfigured: one is missing; the error names it.
        """
        if not self._calls.has_callback_url:
            raise NotConfigured("CALLBACK_BASE_URL is not set.")

    async def handle(self, events: Sequence[GridEvent]) -> list[IncomingCallResult]:
        """Answer the calls that the events are about.

        Each event is handled even if another fails; then the first failure is raised.

        Raises:
            NotConfigured: a call rings, and nothing is set that a bot could say.
            Unavailable, Throttled, Conflict: ACS or storage failed, or another request handles the
                same event. Event Grid has to deliver the events again; calls that were answered
                stay answered.
        """
        # All are recorded first, so that all calls of a caller take their places with one read.
        recorded = await asyncio.gather(*map(self._record, events), return_exceptions=True)
        calls = [one for one in recorded if isinstance(one, RecordedCall)]
        places = Places(self._limit, calls)
        results = await asyncio.gather(
            *(self._handle(one, places) for one in recorded), return_exceptions=True
        )
        await asyncio.gather(*map(self._records.tidy, {one.route.bot for one in calls}))
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return [result for result in results if isinstance(result, IncomingCallResult)]

    async def _record(self, event: GridEvent) -> IncomingCallResult | RecordedCall:
        file, ringing = event.file, event.ringing
        if file is not None and await self._add_file(file):
            return IncomingCallResult.FILED
        if ringing is None:
            return IncomingCallResult.IGNORED
        if not self._settings.answers_calls:
            raise NotConfigured("BOT_GREETING is not set.")
        route = await self._routing.route_of(ringing)
        if isinstance(route, IncomingCallResult):
            return route
        if not self._settings.script_of(route.bot.id).greeting:
            return IncomingCallResult.NO_BOT  # its own client answers
        if self._now() - ringing.since > _RINGING_TIME:
            return IncomingCallResult.LATE
        return await self._begin(route)

    async def _handle(
        self, recorded: IncomingCallResult | RecordedCall | BaseException, places: Places
    ) -> IncomingCallResult:
        if isinstance(recorded, BaseException):
            raise recorded
        result = (
            await self._answer_once(recorded, places)
            if isinstance(recorded, RecordedCall)
            else recorded
        )
        logger.info("an event of Event Grid: %s", result)
        return result

    async def _begin(self, route: Route) -> RecordedCall:
        """Record the call, or find what an earlier delivery began.

        The key of the record is the context, with which a call can be answered only once: the ids
        of events may differ between deliveries. The call is recorded first, then we look for an
        erasure: either the erasure of the bot or the caller sees the call, or we see the erasure.
        """
        idempotency_key = key("incoming call", route.ringing.context)
        begun: Intent | None = None

        async def note(call_id: str) -> None:
            """Write the intent by which Tidy finds the call if its end is lost."""
            nonlocal begun
            due_at = self._now() + FIRST_LOOK
            begun = await self._intents.begin(PLACE, call_id, due_at=due_at)

        call = await self._records.begin(
            route.bot, idempotency_key, "", route.caller, before_writing=note
        )
        return RecordedCall(route, call, begun)

    async def _answer_once(self, recorded: RecordedCall, places: Places) -> IncomingCallResult:
        """Answer a recorded call, or continue what an earlier delivery began."""
        result, intent = await self._result_of(recorded, places), recorded.intent
        # This delivery wrote the intent; another may have turned the call away.
        found, has_more = recorded.call, result is IncomingCallResult.ANSWERED
        has_more = has_more or (found.is_refused and not found.may_have_reached_acs)
        if result is IncomingCallResult.BUSY:
            has_more = await self._keep_turned_away(recorded)
        if intent and not (has_more and intent.subject == recorded.call.call_id):
            await self._intents.end(intent)
        return result

    async def _keep_turned_away(self, recorded: RecordedCall) -> bool:
        """Keep the record of a call that was turned away until it cannot be delivered again; then
        Tidy removes it. If there are many such calls, it is removed at once: anybody can make many.

        Returns:
            Whether Tidy has to look at it: also if another delivery has answered it meanwhile.
        """
        try:
            self._turned_away.spend(recorded.route.bot)
        except Throttled:
            await self._records.abandon(recorded.call)
            return await self._records.find(recorded.call.call_id) is not None
        return True

    async def _result_of(self, recorded: RecordedCall, places: Places) -> IncomingCallResult:
        route, call = recorded.route, recorded.call
        try:
            result = await self._continue(recorded, places)
        except NotFound:
            result = IncomingCallResult.MISSED
        except Problem:
            await self._discard_if_erased(route, call)
            raise
        result_of_erasure = await self._discard_if_erased(route, call)
        return result if result_of_erasure is None else result_of_erasure

    async def _continue(self, recorded: RecordedCall, places: Places) -> IncomingCallResult:
        """Do what has not been done for the call yet.

        Raises:
            NotFound: the call was removed meanwhile.
        """
        call, route = recorded.call, recorded.route
        if call.state is not CallState.PLACING:
            return IncomingCallResult.MISSED if call.is_refused else IncomingCallResult.ANSWERED
        if call.bot_state is None:
            refusal = await places.refusal(route, call)
            if refusal is not None:
                return await self._reject(call, route.ringing, refusal)
            call = await self._record_route(call, route)
        return await self._answer(route, call)

    async def _record_route(self, call: Call, route: Route) -> Call:
        """Record who calls which bot, before the call is answered."""
        bot_state = BotCallState((route.ringing.caller,), bot=route.bot.id)

        def record(found: Call) -> Call:
            if found.is_abandoned:
                raise NotFound  # it is being removed
            if found.bot_state is not None:
                return found
            own_id, account = route.ringing.to, route.account
            return replace(found, own_id=own_id, account=account, bot_state=bot_state)

        return await self._calls.change(call, record)

    async def _answer(self, route: Route, call: Call) -> IncomingCallResult:
        try:
            connection = await self._acs.answer(
                route.ringing.context,
                self._calls.callback_url(call.call_id),
                speech_endpoint=self._calls.speech_endpoint,
                repeatability=RepeatabilityHeaders.for_name(call.call_id, call.created_at),
            )
        except (CallGone, CallRefused) as refused:
            reason = _NOT_RINGING if isinstance(refused, CallGone) else _REFUSED
            return await self._record_missed(call, reason)

        def note() -> None:
            note_answered(call.call_id, route.bot, route.caller)

        try:
            await self._calls.bind(call, connection, note)
        except NotFound:
            note()
            await self._hang_up(connection.id)
            raise
        return IncomingCallResult.ANSWERED

    async def _discard_if_erased(self, route: Route, call: Call) -> IncomingCallResult | None:
        """Remove and end the call if its bot or its caller was erased, or is being erased.

        Returns:
            The result for an erasure; None if neither was erased.
        """
        refusal = await self._routing.refusal_of(route)
        if refusal is None:
            return None
        found = await self._records.find(call.call_id)
        await self._records.discard(call, route.caller)
        if route.account is not None:
            await self._limit.forget_to_account(route.account, call.call_id)
        if found is not None and found.connection_id is not None:
            await self._hang_up(found.connection_id)
        return refusal

    async def _hang_up(self, connection_id: str) -> None:
        """End a call whose record is gone; if that fails, its next event ends it."""
        try:
            await self._acs.hang_up(connection_id)
        except Problem as failed:
            logger.warning("a call without a record is not ended yet: %s", failed.code)

    async def _reject(self, call: Call, ringing: RingingCall, reason: Reason) -> IncomingCallResult:
        """Reject a call because too many go on: the caller hears that the line is busy.

        ACS is asked before that is recorded: if this host dies in between, the next delivery finds
        the call as it was, and asks again.
        """
        headers = RepeatabilityHeaders.for_name(f"turn away {call.call_id}", call.created_at)
        try:
            await self._acs.reject(ringing.context, repeatability=headers)
        except (CallGone, Problem) as failed:  # it rings on, and nobody answers
            logger.info("a call could not be turned away: %s", type(failed).__name__)
        await self._record_missed(call, reason)
        return IncomingCallResult.BUSY

    async def _record_missed(self, call: Call, reason: Reason) -> IncomingCallResult:
        """Record that nobody answers the call, unless another delivery has answered it.

        If ACS's response or an event shows later that it was answered, `Call.revived` undoes this.
        """
        at = self._now()
        changed = await self._calls.change(call, lambda found: found.as_missed(reason, at))
        return (
            IncomingCallResult.MISSED
            if changed.connection_id is None
            else IncomingCallResult.ANSWERED
        )
