"""How many calls of somebody go on at the same time."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime

from shared.calls.acs import CallAutomationApi
from shared.calls.records import CallRecords
from shared.calls.rows import Call, CallState
from shared.problems import CallRefused

# ACS gives up a call that nobody answers after at most 180 s (reference: invitation timeout), and
# one to us after 30.
_STALE_SECONDS, _STALE_RINGING_SECONDS = 300.0, 35.0


class CallLimit:
    """Counts the calls that go on; of those that seem to be forgotten ACS is asked."""

    def __init__(
        self,
        records: CallRecords,
        acs: CallAutomationApi,
        most: int,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._records = records
        self._acs = acs
        self.most = most
        self._now = now

    async def others(self, call: Call, live: Iterable[Call], *, later_too: bool = False) -> int:
        """How many of the live ones go on besides this one.

        Args:
            later_too: count all of them; else of two that begin at once only the later counts the
                other, unless ACS was asked for that already.
        """
        number = 0
        for other in live:
            is_later = (other.created_at, other.call_id) >= (call.created_at, call.call_id)
            is_passed_over = is_later and not (later_too or other.was_asked_for)
            if other.call_id == call.call_id or is_passed_over:
                continue
            if await self._goes_on(other):
                number += 1
        return number

    async def _goes_on(self, call: Call) -> bool:
        age = (self._now() - call.created_at).total_seconds()
        is_stale = age > (_STALE_SECONDS if call.bot_state is None else _STALE_RINGING_SECONDS)
        if call.connection_id is None:
            # Perhaps it never was; its first event, or its key, still binds it.
            return not (call.is_refused or is_stale)
        if not is_stale or await self._lives(call.connection_id):
            return True
        await self._records.change(call.call_id, _as_ended)
        return False

    async def _lives(self, connection_id: str) -> bool:
        try:
            return await self._acs.lives(connection_id)
        except CallRefused:  # ACS does not say
            return True


def _as_ended(found: Call) -> Call:
    return replace(found, state=CallState.DISCONNECTED, ended_at=found.ended_at or found.created_at)
