"""Settling calls that have begun: those whose request failed or died, and those whose end was lost.

Nothing here asks ACS to make a call, so that no call is placed that nobody waits for any more.
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
# record says that the call has ended. Of a call that somebody places its details are `provenAt`,
# when their token was issued; not who they are, because it may stay for hours.
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
        """Remove a call that ACS was not asked for, as one to a bot that was turned away because
        too many went on; record as missed one that ACS never confirmed.

        Until then ACS gets its time, because its first event may come when somebody answers. Should
        an event or a repetition of the request come later all the same, the call is revived.
        """
        call = await self._records.find(intent.subject)
        if call is not None and await self._is_of_the_erased(call, intent):
            return
        if call is not None and call.is_ongoing and self._reconciling is not None:
            call, next_look = await self._reconciling.look_at(call)
            if next_look is not None:
                await self._intents.postpone(intent, next_look)
                if call.recordings.listed and self._settle_recordings is not None:
                    await self._settle_recordings(call)
                if call.bot_state is not None and self._resume is not None:
                    await self._resume(call)
            return
        if call is None or call.connection_id is not None:
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

    async def _is_of_the_erased(self, call: Call, intent: Intent) -> bool:
        """Whether the call is gone now, because who placed it was erased before they had done so.
        Intents of earlier versions do not tell, nor those of calls to bots."""
        proven_at = intent.details.get("provenAt")
        if self._discard_if_erased is None or not isinstance(proven_at, datetime):
            return False
        return await self._discard_if_erased(call, proven_at)

    def _missed(self, found: Call) -> Call:
        if found.state is not CallState.PLACING:
            return found
        return found.as_missed(_NEVER_CONFIRMED, self._now())
