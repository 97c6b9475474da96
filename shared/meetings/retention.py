"""Sweeping the table `meetings`: rows of meetings that are over, and meetings that nobody shares.

Requests finish what they began, or else Tidy does by their intents. This is for what neither finds:
rows of owners who schedule nothing any more, and what earlier versions left half done.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta

from shared.intents import Intents, Places
from shared.meetings.meeting_ids import MeetingIds, meetings_among
from shared.meetings.rows import KEPT_AFTER_END, MAKE, ScheduledMeeting
from shared.sharing.shared_calls import SharedCalls
from shared.tables import Table
from shared.upstream.concurrency import for_each

# A row that was written so recently may belong to a running request, or have an intent.
_SETTLED = timedelta(hours=1)
# Rows that were written before that were looked at by an earlier sweep.
_LOOKED_AT = timedelta(days=3)


class MeetingRetention:
    """Removes rows of meetings that are over, and has meetings cancelled that nobody shares."""

    def __init__(
        self,
        table: Table,
        calls: SharedCalls,
        intents: Intents,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._table = table
        self._ids = MeetingIds(table)
        self._calls = calls
        self._intents = intents
        self._now = now

    async def sweep(self, places: Places | None = None) -> None:
        """Remove and cancel all of these. Reads the whole table. `places` as for `Sweeps`."""
        now, places = self._now(), {} if places is None else places
        # The meetings themselves stay in Teams.
        over = {"oldest": now - KEPT_AFTER_END}
        await self._scan("meetings over", "endsAt lt @oldest", over, self._ids.remove, places)
        written = {"oldest": now - _LOOKED_AT, "until": now - _SETTLED, "now": now}
        recent = "Timestamp ge @oldest and Timestamp lt @until and endsAt gt @now"
        await self._scan("new meetings", recent, written, self._cancel_unless_shared, places)

    async def _scan(
        self,
        name: str,
        row_filter: str,
        parameters: Mapping[str, datetime],
        work: Callable[[ScheduledMeeting], Awaitable[None]],
        places: Places,
    ) -> None:
        async for rows in self._table.sweep(row_filter, parameters, name, places):
            await for_each(meetings_among(rows), work)

    async def _cancel_unless_shared(self, scheduled: ScheduledMeeting) -> None:
        """Begin an intent, whose finisher looks again, and deletes the meeting in Teams."""
        record = await self._calls.find(scheduled.call_id)
        if scheduled.cancelling or record is None or record.content is None:
            await self._intents.begin(MAKE, scheduled.call_id, scheduled.intent_details())
