"""The limit on how many calls of one caller go on at the same time."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from shared.calls.reconciling import Reconcile
from shared.calls.rows import UNCONFIRMED, Call
from shared.upstream.concurrency import for_each

# ACS gives up a call to one of our bots after 30 s.
_STALE_RINGING = timedelta(seconds=35)

# A request has ended after this time, or it never will (`shared.intents`).
_ABOUT_TO_ASK = timedelta(minutes=1)


class CallLimit:
    """Counts the calls that go on. If a call's last event seems to be lost, ACS is asked."""

    def __init__(
        self,
        reconcile: Reconcile,
        max_calls: int,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._reconcile = reconcile
        self.max_calls = max_calls
        self._now = now

    async def count_others(
        self, call: Call, live_calls: Iterable[Call], *, include_later: bool = False
    ) -> int:
        """Count the live calls besides this one, as `count` does."""
        return self.count(call, await self.going_on(live_calls), include_later=include_later)

    async def going_on(self, live_calls: Iterable[Call]) -> list[Call]:
        """Those of the calls whose end is not recorded that go on, also as ACS says."""
        going_on = list[Call]()

        async def look(call: Call) -> None:
            if await self._is_live(call):
                going_on.append(call)

        await for_each(live_calls, look)
        return going_on

    def count(self, call: Call, going_on: Iterable[Call], *, include_later: bool = False) -> int:
        """Count the calls that go on besides this one.

        Of two calls that begin at the same time only the later counts the other, so that not both
        are refused; but a call that ACS may know of already always counts.

        Args:
            include_later: count every other call.
        """
        count = 0
        for other in going_on:
            is_later = (other.created_at, other.call_id) >= (call.created_at, call.call_id)
            is_ignored = is_later and not (include_later or other.may_have_reached_acs)
            if other.call_id != call.call_id and not is_ignored:
                count += 1
        return count

    async def _is_live(self, call: Call) -> bool:
        age = self._now() - call.created_at
        is_stale = age > (UNCONFIRMED if call.bot_state is None else _STALE_RINGING)
        if not call.may_have_reached_acs:
            # Its request is about to ask ACS, or has died; perhaps while it removed a refused call.
            return age <= _ABOUT_TO_ASK
        if call.connection_id is None:
            # Perhaps ACS never made it. If it did, its first event, or a repetition of the request,
            # still brings the connection id.
            return not (call.is_refused or is_stale)
        return not is_stale or (await self._reconcile(call)).is_ongoing
