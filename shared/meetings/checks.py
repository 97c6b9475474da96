"""Rules for the rows of meetings: each meeting is shared, and did not end long ago."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from shared.checking import Rule, readable
from shared.intents import Intents
from shared.meetings.meeting_ids import MeetingIds
from shared.meetings.rows import (
    KEPT_AFTER_END,
    MAKE,
    ScheduledMeeting,
    call_id_of,
    is_id_row,
)
from shared.sharing.shared_calls import SharedCalls
from shared.tables import MEETINGS, Row, Table

# Tidy sweeps once a day, and a sweep of large tables takes several runs.
_SWEPT_WITHIN = timedelta(days=2)


class MeetingChecks:
    """The rules of meetings, and of the rows that lead to them."""

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

    @property
    def rules(self) -> Sequence[Rule]:
        return (
            readable("meeting-unreadable", MEETINGS, _read),
            Rule(
                "meeting-beyond-retention",
                MEETINGS,
                "its rows are removed; the meeting stays in Teams",
                self._is_long_over,
                self._remove,
            ),
            Rule(
                "meeting-not-shared",
                MEETINGS,
                "it is handed to Tidy, which looks again and deletes it in Teams",
                self._is_not_shared,
                self._hand_over,
            ),
            Rule(
                "meeting-id-without-meeting",
                MEETINGS,
                "the row, which leads to no meeting, is removed",
                self._leads_nowhere,
                self._table.remove_unchanged,
            ),
        )

    async def _is_long_over(self, row: Row) -> bool:
        if is_id_row(row):
            return False
        return ScheduledMeeting.of(row).ends_at + KEPT_AFTER_END + _SWEPT_WITHIN < self._now()

    async def _remove(self, row: Row) -> None:
        await self._ids.remove(ScheduledMeeting.of(row))

    async def _is_not_shared(self, row: Row) -> bool:
        if is_id_row(row) or not ScheduledMeeting.of(row).is_kept(self._now()):
            return False
        meeting = ScheduledMeeting.of(row)
        if meeting.ends_at <= self._now():
            return False  # it is over: its listings were removed, and Tidy removes the row
        record = await self._calls.find(meeting.call_id)
        return meeting.cancelling or record is None or record.content is None

    async def _hand_over(self, row: Row) -> None:
        meeting = ScheduledMeeting.of(row)
        await self._intents.begin(MAKE, meeting.call_id, meeting.intent_details())

    async def _leads_nowhere(self, row: Row) -> bool:
        if not is_id_row(row):
            return False
        return await self._table.find(row.partition_key, call_id_of(row)) is None


def _read(row: Row) -> None:
    if is_id_row(row):
        _ = row.values["callId"]
    else:
        ScheduledMeeting.of(row)
