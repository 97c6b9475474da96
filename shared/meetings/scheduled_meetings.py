"""Creates each meeting in Teams once, and forgets none, also when a request is killed.

The row is stored first, with the organizer. Then Graph creates the meeting under an external id
from the row: it does so once, however often it is asked. A request that cancels marks the row, and
removes it after Graph has deleted the meeting. A request that creates reads the row again after
that, so one of the two always sees the other.
"""

import contextlib
import logging
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from shared.keys import principal_key
from shared.meetings.graph import GraphApi, MeetingGone, MeetingPlan
from shared.meetings.graph_answers import OnlineMeeting
from shared.meetings.rows import ScheduledMeeting
from shared.principals import Principal
from shared.problems import (
    Conflict,
    GraphRefused,
    GraphTokenRefused,
    MeetingRefused,
    NotConfigured,
    OrganizerRefused,
)
from shared.tables import RowChanged, Table, Value
from shared.upstream.concurrency import for_each

logger = logging.getLogger(__name__)

# How often a change is tried while other requests change the same row; then it is a Conflict.
_TRIES = 10
# How long after its end a meeting's row is kept. The meeting itself stays in Teams.
_KEPT_AFTER_END = timedelta(days=1)


class ScheduledMeetings:
    """Keeps the rows of the table `meetings` and the meetings in Graph in step."""

    def __init__(
        self,
        table: Table,
        graph: GraphApi | None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """
        Args:
            graph: None if GRAPH_ENDPOINT is not set.
        """
        self._table = table
        self._graph = graph
        self._now = now

    async def ensure(
        self,
        call_id: str,
        owner: str,
        plan: MeetingPlan,
        proven_at: datetime,
        organizers: Sequence[str],
    ) -> tuple[ScheduledMeeting, OnlineMeeting]:
        """Create a meeting unless it exists; a meeting that exists may differ from the plan.

        Args:
            proven_at: when the token was issued with which the owner schedules it.
            organizers: object ids of Entra users, the preferred one first. The first whom Graph
                lets us act for becomes the organizer, and stays it.

        Raises:
            NotConfigured: there is no Graph, or no organizer to choose from.
            GraphRefused: the app may act for none of the organizers.
            MeetingRefused: Graph does not accept the plan.
        """
        graph = self._graph_or_raise()
        for _ in range(_TRIES):
            scheduled = await self._find(owner, call_id)
            if scheduled is None:
                scheduled = await self._insert_row(call_id, owner, plan, proven_at, organizers)
            if scheduled.cancelling:
                await self.delete(scheduled)
                continue
            try:
                # A meeting that has an id is not created again before its row says so. Otherwise a
                # request that cancels could remove the row at the same time, and if this request
                # is killed then, no row names the meeting that Graph has just created again.
                meeting = (
                    await graph.create_or_get(scheduled.organizer, scheduled.external_id, plan)
                    if scheduled.graph_id is None
                    else await graph.get(scheduled.organizer, scheduled.graph_id)
                )
            except MeetingGone:  # somebody deleted it in Teams, or another request cancels it
                with contextlib.suppress(RowChanged):
                    await self._write(
                        scheduled, replace(scheduled, graph_id=None, creation_id=uuid.uuid4().hex)
                    )
                continue
            except OrganizerRefused as refused:
                if not await self._try_next_organizer(scheduled, organizers):
                    logger.error("no meeting can be made: %s", refused.remedy)
                    raise
                continue
            except GraphRefused as refused:  # the row stays: an earlier request may have created it
                logger.error("no meeting can be made: %s", refused.remedy)
                raise
            except MeetingRefused:
                await self._remove_never_created(scheduled)
                raise
            changed = replace(
                scheduled,
                graph_id=meeting.id,
                # Times only grow: a late request with an older token must not take the meeting
                # over, and a change that fails later must not shorten how long the row is kept.
                proven_at=max(scheduled.proven_at, proven_at),
                ends_at=max(scheduled.ends_at, plan.ends_at),
            )
            try:
                return await self._write(scheduled, changed), meeting
            except RowChanged:
                await self._delete_superseded(scheduled, meeting)
        raise Conflict

    async def check_current(self, scheduled: ScheduledMeeting) -> None:
        """Raise Conflict if another request has cancelled a meeting since it was scheduled."""
        current = await self._find(scheduled.owner, scheduled.call_id)
        if current is None or current.creation_id != scheduled.creation_id or current.cancelling:
            raise Conflict

    async def cancel(self, owner: str, call_id: str) -> ScheduledMeeting | None:
        """Mark a meeting as cancelling; `delete` deletes it.

        Returns:
            Its row; None if this service did not schedule the meeting.
        """
        for _ in range(_TRIES):
            scheduled = await self._find(owner, call_id)
            if scheduled is None or scheduled.cancelling:
                return scheduled
            with contextlib.suppress(RowChanged):
                return await self._write(scheduled, replace(scheduled, cancelling=True))
        raise Conflict

    async def delete(self, scheduled: ScheduledMeeting) -> None:
        """Delete a meeting in Teams, then its row; repeatable."""
        graph, graph_id = self._graph_or_raise(), scheduled.graph_id
        if graph_id is None and scheduled.row is not None:
            # Graph may have created the meeting, but its answer was lost. Asked again, it returns
            # the id, or creates the meeting now. So each request that asks writes the row first:
            # another request that deletes then finds the row changed, and does not remove it.
            try:
                scheduled = ScheduledMeeting.of(
                    await self._table.replace(scheduled.row, scheduled.values())
                )
            except RowChanged:
                current = await self._find(scheduled.owner, scheduled.call_id)
                if current is not None and current.creation_id == scheduled.creation_id:
                    await self.delete(current)
                return
            plan = MeetingPlan(
                "Cancelled", scheduled.ends_at - timedelta(hours=1), scheduled.ends_at, None
            )
            try:
                graph_id = (
                    await graph.create_or_get(scheduled.organizer, scheduled.external_id, plan)
                ).id
            except OrganizerRefused:  # most likely the meeting was never created for them
                logger.error("a meeting that was perhaps made is left alone: organizer-refused")
                await self._remove(scheduled)
                return
        if graph_id is not None:
            await graph.delete(scheduled.organizer, graph_id)
        await self._remove(scheduled)

    async def delete_leftover(self, owner: str, call_id: str, proven_at: datetime) -> None:
        """Delete the meeting of an owner who was erased while a request scheduled it.

        A meeting of a new person of the same name stays: they have signed in later.

        Args:
            proven_at: when the token of the erased owner was issued.
        """
        scheduled = await self._find(owner, call_id)
        if scheduled is not None and scheduled.proven_at <= proven_at:
            # If the row changed, the new person has it, or the erasure is deleting the meeting.
            with contextlib.suppress(RowChanged):
                await self.delete(await self._write(scheduled, replace(scheduled, cancelling=True)))

    async def erase(self, principal: Principal) -> None:
        """Delete every meeting that a person scheduled and whose row is kept; repeatable."""

        async def erase_one(scheduled: ScheduledMeeting) -> None:
            try:
                await self.delete(scheduled)
            except GraphTokenRefused:  # this may pass by itself, so the erasure is repeated
                raise
            except (GraphRefused, MeetingRefused, NotConfigured) as refused:
                # The app may not delete the meeting any more; the erasure must not wait for that.
                logger.error("a meeting of who is erased stays in Teams: %s", refused.code)
                await self._remove(scheduled)

        rows = await self._table.list_for(principal_key(principal))
        await for_each(map(ScheduledMeeting.of, rows), erase_one)

    async def export(self, principal: Principal) -> list[dict[str, Value]]:
        """The meetings that a person scheduled and whose rows are kept."""
        rows = map(ScheduledMeeting.of, await self._table.list_for(principal_key(principal)))
        return [{"callId": meeting.call_id, "endsAt": meeting.ends_at} for meeting in rows]

    def _graph_or_raise(self) -> GraphApi:
        if self._graph is None:
            raise NotConfigured("GRAPH_ENDPOINT is not set.")
        return self._graph

    async def _find(self, owner: str, call_id: str) -> ScheduledMeeting | None:
        row = await self._table.find(owner, call_id)
        return None if row is None else ScheduledMeeting.of(row)

    async def _insert_row(
        self,
        call_id: str,
        owner: str,
        plan: MeetingPlan,
        proven_at: datetime,
        organizers: Sequence[str],
    ) -> ScheduledMeeting:
        """Store the row of a meeting before it is created; remove rows that are no longer kept."""
        if not organizers:
            raise NotConfigured("MEETING_ORGANIZER_ID is not set, and Entra did not sign you in.")
        meetings = map(ScheduledMeeting.of, await self._table.list_for(owner))
        oldest_kept = self._now() - _KEPT_AFTER_END
        old = [meeting for meeting in meetings if meeting.ends_at < oldest_kept]
        await for_each(old, self._remove)
        new = ScheduledMeeting(
            owner=owner,
            call_id=call_id,
            creation_id=uuid.uuid4().hex,
            organizer=organizers[0],
            graph_id=None,
            proven_at=proven_at,
            ends_at=plan.ends_at,
        )
        return ScheduledMeeting.of(await self._table.insert_if_absent(owner, call_id, new.values()))

    async def _try_next_organizer(
        self, scheduled: ScheduledMeeting, organizers: Sequence[str]
    ) -> bool:
        """Write the next organizer to the row of a meeting that Graph has not created.

        A meeting that Graph has created keeps its organizer: otherwise there would be two.

        Returns:
            Whether to ask Graph again; False if there is no next organizer.
        """
        if scheduled.graph_id is not None:
            return False
        remaining = list(organizers)
        if scheduled.organizer in remaining:
            remaining = remaining[remaining.index(scheduled.organizer) + 1 :]
        if not remaining:
            await self._remove_never_created(scheduled)
            return False
        with contextlib.suppress(RowChanged):  # another request did the same
            await self._write(scheduled, replace(scheduled, organizer=remaining[0]))
        return True

    async def _delete_superseded(self, scheduled: ScheduledMeeting, meeting: OnlineMeeting) -> None:
        """Delete a new meeting in Teams if its row was removed, or is marked as cancelling, or has
        another organizer by now."""
        current = await self._find(scheduled.owner, scheduled.call_id)
        ours = (scheduled.creation_id, scheduled.organizer, False)
        if current is None or (current.creation_id, current.organizer, current.cancelling) != ours:
            await self._graph_or_raise().delete(scheduled.organizer, meeting.id)

    async def _remove_never_created(self, scheduled: ScheduledMeeting) -> None:
        """Remove the row of a meeting that Graph has refused to create."""
        if scheduled.graph_id is None:
            await self._remove(scheduled)

    async def _write(
        self, scheduled: ScheduledMeeting, changed: ScheduledMeeting
    ) -> ScheduledMeeting:
        if scheduled.row is None or changed == scheduled:
            return scheduled
        return ScheduledMeeting.of(await self._table.replace(scheduled.row, changed.values()))

    async def _remove(self, scheduled: ScheduledMeeting) -> None:
        if scheduled.row is not None:
            with contextlib.suppress(RowChanged):
                await self._table.remove_unchanged(scheduled.row)
