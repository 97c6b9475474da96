"""Settling calls that have begun: those whose request failed or died, and those whose end was lost.

Nothing here asks ACS to make a call, because nobody waits for such a call any more.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus

from shared.calls import reasons
from shared.calls.reasons import Reason
from shared.calls.reconciling import CallReconciling
from shared.calls.records import CallRecords
from shared.calls.rows import UNCONFIRMED, Call, CallState
from shared.intents import Finisher, Intent, Intents

# The kind of intent of a call that has begun; its subject is the id of the call. It stays until the
# record says that the call has ended. If somebody places the call, its details are `provenAt`, when
# their token was issued. They do not say who it is, because the intent may stay for hours.
PLACE = "place"
# The kind of intent of a recording that is to be paused or stopped; its subject is the id of the
# call too.
RECORD = "record"
_NEVER_CONFIRMED = Reason(HTTPStatus.REQUEST_TIMEOUT, 0, reasons.NEVER_CONFIRMED)


class CallSettling:
    """The finisher of intents of calls."""

    def __init__(
        self,
        records: CallRecords,
        intents: Intents,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        *,
        reconciling: CallReconciling | None = None,
        resume: Callable[[Call], Awaitable[None]] | None = None,
        settle_recordings: Callable[[Call], Awaitable[None]] | None = None,
        discard_if_erased: Callable[[Call, datetime], Awaitable[bool]] | None = None,
    ) -> None:
        """
        Args:
            reconciling: looks at calls that go on; without it they are left as they are.
            resume: takes up what a bot has left undone in a call that goes on.
            settle_recordings: the same for recordings, which it never starts.
            discard_if_erased: as `ErasedCalls.discard_if_erased`.
        """
        self._records = records
        self._intents = intents
        self._now = now
        self._reconciling = reconciling
        self._resume = resume
        self._settle_recordings = settle_recordings
        self._discard_if_erased = discard_if_erased

    @property
    def finishers(self) -> Mapping[str, Finisher]:
        return {PLACE: self._settle, RECORD: self._settle_recording}

    async def _settle_recording(self, intent: Intent) -> None:
        """Have ACS pause or stop what somebody wanted it to, or what this service has left."""
        call = await self._records.find(intent.subject)
        if call is not None and self._settle_recordings is not None:
            await self._settle_recordings(call)

    async def _settle(self, intent: Intent) -> None:
        """Remove a call that ACS was not asked for, such as one to a bot that was turned away
        because too many went on. Record a call as missed if ACS never confirmed it.

        ACS gets some minutes for that, because its first event may come only when somebody answers.
        If an event or a repetition of the request comes later, the call is revived.
        """
        call = await self._records.find(intent.subject)
        if call is not None and await self._is_of_the_erased(call, intent):
            return
        next_look = None
        if call is not None and call.is_ongoing and self._reconciling is not None:
            call, next_look = await self._reconciling.look_at(call)
            if next_look is not None:
                await self._intents.postpone(intent, next_look)
        if call is None:
            return
        if call.connection_id is not None:
            await self._go_on(call, may_resume=next_look is not None)
            return
        if not call.may_have_reached_acs:
            await self._records.abandon(call)
            return
        if call.state is not CallState.PLACING:
            return
        confirmed_until = max(call.created_at, intent.begun_at) + UNCONFIRMED
        if self._now() < confirmed_until:
            await self._intents.postpone(intent, confirmed_until)
            return
        await self._records.change(call.call_id, self._missed)

    async def _go_on(self, call: Call, *, may_resume: bool) -> None:
        """Take up what was left undone in a call that ACS has, or had: whoever found by a look that
        it has ended may have left its recordings."""
        if call.recordings.listed and self._settle_recordings is not None:
            await self._settle_recordings(call)
        if may_resume and call.bot_state is not None and self._resume is not None:
            await self._resume(call)

    async def _is_of_the_erased(self, call: Call, intent: Intent) -> bool:
        """Whether the call is gone now, because the person who placed it was erased meanwhile.
        Intents of earlier versions, and of calls to bots, do not tell."""
        proven_at = intent.details.get("provenAt")
        if self._discard_if_erased is None or not isinstance(proven_at, datetime):
            return False
        return await self._discard_if_erased(call, proven_at)

    def _missed(self, found: Call) -> Call:
        if found.state is not CallState.PLACING:
            return found
        return found.as_missed(_NEVER_CONFIRMED, self._now())
