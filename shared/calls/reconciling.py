"""Reconciling the record of a call with ACS: what a lost answer or event said, only ACS knows. It
says who the service is in the call, that somebody is in it, and that it has ended.

ACS is asked for the call itself, and only a 404 of that means that it has ended: an action may also
be refused because somebody is not in the call, or because the call is not connected yet.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from http import HTTPStatus
from typing import Protocol

from shared.calls import reasons
from shared.calls.acs_types import EstablishedCall
from shared.calls.reasons import Reason
from shared.calls.records import CallRecords
from shared.calls.rows import Call, CallState, LoggedEvent
from shared.intents import Places
from shared.problems import CallRefused, Conflict, Throttled
from shared.unavailable import Unavailable

logger = logging.getLogger(__name__)

# A younger call may not be known in all of ACS yet, and its events are still on their way. Also the
# least time between two questions about one call, whichever hosts ask.
_MINUTE = timedelta(minutes=1)
# Tidy looks at a call after 5 minutes, 10, 20, 40 ..., and then once an hour.
FIRST_LOOK, _LONGEST_PAUSE = timedelta(minutes=5), timedelta(hours=1)
# Questions of one run of Tidy, which runs every five minutes.
_MOST_OF_A_RUN, _RUN = 50, timedelta(minutes=4)
# How often a claim is tried if events change the record meanwhile; they show that the call is
# ongoing.
_TRIES = 3
# Requests that place calls have ended by then, or their time is over: `UPSTREAM_TIMEOUT_SECONDS` is
# 10 unless it is set. Asking earlier does no harm, and is mostly needless.
_PLACED = timedelta(seconds=15)
# While events come, the record is up to date.
_QUIET = timedelta(seconds=10)
# A request that reads a call gets it as recorded if ACS does not answer in so many seconds.
_READING_SECONDS = 2.0
_ENDED = Reason(HTTPStatus.NOT_FOUND, 0, reasons.FOUND_ENDED)

type Reconcile = Callable[[Call], Awaitable[Call]]
"""As `CallReconciling.reconcile`."""


class Acs(Protocol):
    """The method of `CallAutomationApi` that is used here."""

    async def find(self, connection_id: str) -> EstablishedCall | None: ...


class CallReconciling:
    """Asks ACS whether calls go on, and records those that have ended, and what was missed."""

    def __init__(
        self,
        records: CallRecords,
        acs: Acs,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._records = records
        self._acs = acs
        self._now = now
        self._run_began = datetime.min.replace(tzinfo=UTC)
        self._asked_in_run = 0

    async def reconcile(self, call: Call) -> Call:
        """The call as it is recorded, after ACS was asked about it if it is time for that.

        Raises:
            Unavailable, Throttled: ACS or storage failed.
        """
        claimed = await self._claim(call)
        if claimed is None:
            return await self._records.find(call.call_id) or call
        return await self._ask(claimed)

    async def _ask(self, call: Call) -> Call:
        """Ask ACS about a call, and record what it says. Raises as `reconcile`."""
        if call.connection_id is None:
            return call
        try:
            found = await self._acs.find(call.connection_id)
        except CallRefused:  # ACS does not say, so it may exist
            return call
        if found is None and await self._is_young(call):
            return call
        if found is None:
            logger.info("a call had ended, and its last event is lost")
            return await self._records.change(call.call_id, self._ended) or call
        complete = partial(found.complete, at=self._now())
        if complete(call) == call:
            return call
        return await self._records.change(call.call_id, complete) or call

    async def _is_young(self, call: Call) -> bool:
        """Is it so young that ACS may have it all the same? A repetition may have had ACS make it
        hours after it was recorded; then the first event tells."""
        now = self._now()
        if now - call.created_at < _MINUTE:
            return True
        events = await self._records.events_of(call.call_id)
        return bool(events) and abs(now - events[0].at) < _MINUTE

    async def reconcile_if_possible(self, call: Call) -> Call:
        """The same; if ACS or storage fails, or is slow, the call as it was."""
        return await _in_time(self.reconcile, call)

    async def complete_if_possible(self, call: Call) -> Call:
        """The call with what the answer of ACS said that placed it, if that was lost; ACS is asked
        at once. If ACS or storage fails, or is slow, the call as it was."""
        return await _in_time(self._ask, call) if lacks_own_id(call) else call

    async def complete_if_due(self, call: Call) -> Call:
        """The same, if the request that placed it should have recorded the answer by now; once a
        minute at most."""
        if lacks_own_id(call) and self._is_due(call):
            return await self.reconcile_if_possible(call)
        return call

    async def reconcile_if_quiet(self, call: Call, events: Sequence[LoggedEvent]) -> Call:
        """As `reconcile_if_possible`; while events still come, as `complete_if_due`.

        Args:
            events: those of the call.
        """
        last = max((event.at for event in events), default=call.created_at)
        if self._now() - last < _QUIET:
            return await self.complete_if_due(call)
        return await self.reconcile_if_possible(call)

    async def sweep(self, places: Places | None = None) -> None:
        """As `CallRecords.sweep`, also for calls whose end was lost."""

        async def ask(call: Call) -> Call:
            return await self.reconcile_if_possible(call) if self._may_ask() else call

        await self._records.sweep(places, ask)

    async def look_at(self, call: Call) -> tuple[Call, datetime | None]:
        """What Tidy does about a call that may go on.

        Returns:
            The call as it is recorded, and when to look again; None if it has ended.
        """
        if self._is_due(call) and self._may_ask():
            call = await self.reconcile(call)
        return call, self._next_look(call) if call.is_ongoing else None

    def _next_look(self, call: Call) -> datetime:
        age, now = FIRST_LOOK, self._now()
        while call.created_at + age <= now:
            age += min(age, _LONGEST_PAUSE)
        return call.created_at + age

    def _may_ask(self) -> bool:
        """Count a question of this run of Tidy."""
        now = self._now()
        if now - self._run_began >= _RUN:
            self._run_began, self._asked_in_run = now, 0
        self._asked_in_run += 1
        return self._asked_in_run <= _MOST_OF_A_RUN

    def _is_due(self, found: Call) -> bool:
        """May ACS be asked about it now?"""
        last = found.reconciled_at or found.created_at
        is_early = found.reconciled_at is None and lacks_own_id(found)
        return found.is_ongoing and self._now() - last >= (_PLACED if is_early else _MINUTE)

    async def _claim(self, call: Call) -> Call | None:
        """Record that ACS is asked now, so that no other host asks; None if it is not time."""
        found: Call | None = call
        for _ in range(_TRIES):
            if found is None or not self._is_due(found):
                return None
            claimed = replace(found, reconciled_at=self._now())
            ours = await self._records.replace_unchanged(found, claimed)
            if ours is not None:
                return ours
            found = await self._records.find(call.call_id)
        return None

    def _ended(self, found: Call) -> Call:
        """If ACS's own event comes after all, its earlier time and its reason prevail."""
        if not found.is_ongoing:
            return found
        at = self._now()
        return replace(found, state=CallState.DISCONNECTED, ended_at=at, reason=_ENDED)


def lacks_own_id(call: Call) -> bool:
    """Did nobody hear ACS's answer to the request that placed this call, which goes on? Only that,
    or a look at it, says who the service is among the participants.

    ACS does not say it of a group call that the service has joined.
    """
    return call.is_ongoing and call.own_id is None and call.group_id is None


async def _in_time(ask: Reconcile, call: Call) -> Call:
    with contextlib.suppress(Unavailable, Throttled, Conflict, TimeoutError):
        async with asyncio.timeout(_READING_SECONDS):
            return await ask(call)
    return call
