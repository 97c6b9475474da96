"""Brings meetings in Teams in line with our records, which decide."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from shared.changes import retry_if_changed
from shared.meetings.graph import GraphApi, MeetingGone, MeetingPlan
from shared.meetings.graph_answers import OnlineMeeting
from shared.meetings.rows import ScheduledMeeting
from shared.meetings.scheduled_meetings import ScheduledMeetings
from shared.problems import Conflict, MeetingRefused
from shared.sharing.join_details import JoinDetails
from shared.sharing.rows import SharedCallRecord
from shared.sharing.shared_calls import SharedCalls


class TeamsUpdates:
    """Sends what a record says to Graph, and takes back a change that Teams refuses."""

    def __init__(
        self,
        scheduled: ScheduledMeetings,
        calls: SharedCalls,
        graph: GraphApi | None,
        now: Callable[[], datetime],
    ) -> None:
        self._scheduled = scheduled
        self._calls = calls
        self._graph = graph
        self._now = now

    async def settle(self, scheduled: ScheduledMeeting, change_id: str = "") -> JoinDetails:
        """Change a meeting in Teams to what its record says; returns how to join it.

        Args:
            change_id: of the record that this request has written; "" if it has written none.

        Raises:
            Conflict: the call is not shared any more, or somebody has deleted the meeting in Teams;
                a repetition schedules it again.
            MeetingRefused: Teams does not accept it. The record is as it was before that change.
        """
        refused = change_id

        async def update(record: SharedCallRecord) -> JoinDetails:
            nonlocal refused
            refused = change_id or record.change_id
            return await self._update(scheduled, record)

        try:
            return await self._calls.update_meeting(scheduled.call_id, update)
        except MeetingRefused:
            # A client does not repeat a refused request, so restore what was shared before.
            if not await self._calls.take_back(scheduled.call_id, refused):
                await self._delete(scheduled, refused)
            raise

    async def _update(self, scheduled: ScheduledMeeting, record: SharedCallRecord) -> JoinDetails:
        content, graph = record.content, self._graph
        assert graph and scheduled.graph_id and content  # noqa: S101, PT018
        assert content.starts_at and content.ends_at  # noqa: S101, PT018
        lobby = record.details.requested_lobby if record.details else None
        plan = MeetingPlan(content.title or "", content.starts_at, content.ends_at, lobby)
        try:
            meeting = await graph.update(scheduled.organizer, scheduled.graph_id, plan)
        except MeetingGone:
            raise Conflict from None
        return join_details(meeting, self._now(), lobby)

    async def _delete(self, scheduled: ScheduledMeeting, change_id: str) -> None:
        """Delete a new meeting, after ending its sharing, unless others have shared it since."""
        creation = scheduled.creation_id
        marked = await self.mark_unless_shared(
            scheduled, change_id, lambda found: found.creation_id == creation
        )
        await self._calls.end_change(scheduled.call_id, change_id)
        if marked is not None:
            await self._scheduled.delete(marked)

    async def mark_unless_shared(
        self,
        scheduled: ScheduledMeeting,
        change_id: str,
        may_go: Callable[[ScheduledMeeting], bool],
    ) -> ScheduledMeeting | None:
        """Mark a meeting as cancelling, unless its owner has shared it since a change.

        This writes a tentative mark and then reads the record; a request that schedules writes the
        record and then reads the row. So one sees the other. Whoever finds a tentative mark, whose
        writer may be dead, may go on with it, or take it back: the write that decides is on
        condition that nobody did.

        Args:
            change_id: of the record that is to end; "" if there is none.
            may_go: whether the row that is found is of the same meeting, and may be marked.

        Returns:
            Its row; None if the meeting stays, or is another one by now.
        """

        async def mark() -> ScheduledMeeting | None:
            marked = await self._scheduled.mark_cancelling(
                scheduled.owner, scheduled.call_id, may_go, tentative=True
            )
            if marked is None or not marked.cancelling or not may_go(marked):
                return None
            record = await self._calls.find(scheduled.call_id)
            if record is None or record.content is None or record.change_id == change_id:
                return await self._scheduled.write(marked, replace(marked, tentative=False))
            if marked.is_going:
                return marked
            await self._scheduled.write(marked, marked.unmarked())
            return None

        return await retry_if_changed(mark)


def join_details(
    meeting: OnlineMeeting, checked_at: datetime, requested_lobby: str | None = None
) -> JoinDetails:
    """How to join a meeting, as Graph describes it."""
    return JoinDetails(
        checked_at=checked_at,
        meeting_id=meeting.meeting_id,
        passcode=meeting.passcode,
        toll_number=meeting.toll_number,
        toll_free_number=meeting.toll_free_number,
        conference_id=meeting.conference_id,
        lobby=meeting.lobby,
        presenters_admit=meeting.presenters_admit,
        requested_lobby=requested_lobby,
    )
