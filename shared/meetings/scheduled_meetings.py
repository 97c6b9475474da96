"""Creates each meeting in Teams once, and forgets none, even if a request is killed.

The row is stored first, with the organizer. Then Graph creates the meeting under an external id
from the row: it does so once, however often it is asked. A request that cancels marks the row, and
removes it after Graph has deleted the meeting. A request that creates reads the row again after
that, so one of the two always sees the other.
"""

import contextlib
import logging
import secrets
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from shared.changes import change_row, retry_if_changed
from shared.intents import Intent, Intents
from shared.keys import principal_key
from shared.meetings.graph import GraphApi, MeetingGone, MeetingPlan
from shared.meetings.graph_answers import OnlineMeeting
from shared.meetings.meeting_ids import MeetingIds, meetings_among
from shared.meetings.rows import CANCEL, MAKE, ScheduledMeeting, call_id_of, is_id_row
from shared.meetings.wanted_meetings import WantedMeeting
from shared.principals import Principal
from shared.problems import Conflict, MeetingRefused, NotConfigured
from shared.tables import Row, RowChanged, Table, Value
from shared.unavailable import GraphRefused, GraphTokenRefused, OrganizerRefused
from shared.upstream.concurrency import for_each

logger = logging.getLogger(__name__)


class ScheduledMeetings:
    """Keeps the rows of the table `meetings` and the meetings in Graph in step."""

    def __init__(
        self,
        table: Table,
        graph: GraphApi | None,
        intents: Intents,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """
        Args:
            graph: None if GRAPH_ENDPOINT is not set.
        """
        self._table = table
        self._ids = MeetingIds(table)
        self._graph = graph
        self._intents = intents
        self._now = now

    async def find_or_make_id(self, owner: str, external_id: str, former_id: str) -> str:
        """Our id of the meeting that an owner's id stands for, or a new random one.

        Args:
            former_id: the id that earlier versions computed from the owner's id: a meeting that has
                it keeps it.
        """
        known = await self._ids.find(owner, external_id)
        if known is not None:
            return known
        former = await self.find(owner, former_id)
        if former is not None and not former.is_going:
            return await self._ids.adopt(owner, external_id, former_id)
        if former is not None:
            await self.delete(former)
        return secrets.token_hex(32)

    async def ensure(
        self, wanted: WantedMeeting, begun: list[Intent]
    ) -> tuple[ScheduledMeeting, OnlineMeeting]:
        """Create a meeting unless it exists; a meeting that exists may differ from the plan.

        Args:
            begun: the intents that this begins and does not end are added; the caller ends them
                when the meeting is shared, and Teams is as its record says.

        Raises:
            NotConfigured: there is no Graph, or no organizer to choose from.
            GraphRefused: the app may act for none of the organizers.
            MeetingRefused: Graph does not accept the plan.
            MeetingIdChanged: another request made a meeting for the owner's id.
        """
        graph = self._graph_or_raise()

        async def create_or_get() -> tuple[ScheduledMeeting, OnlineMeeting]:
            found = await self.find(wanted.owner, wanted.call_id)
            scheduled = await self._insert_row(wanted) if found is None else found
            if scheduled.is_going:
                await self.delete(scheduled)
                raise RowChanged
            scheduled = await self.write(scheduled, scheduled.unmarked())
            begun.append(
                await self._intents.begin(MAKE, scheduled.call_id, scheduled.intent_details())
            )
            try:
                # A meeting that has an id is created again only after its row says so. Otherwise a
                # request that cancels could remove the row at the same time; if this request is
                # killed then, no row names the new meeting in Graph.
                meeting = (
                    await graph.create_or_get(
                        scheduled.organizer, scheduled.external_id, wanted.plan
                    )
                    if scheduled.graph_id is None
                    else await graph.get(scheduled.organizer, scheduled.graph_id)
                )
            except MeetingGone:  # somebody deleted it in Teams, or another request cancels it
                renewed = replace(scheduled, graph_id=None, creation_id=uuid.uuid4().hex)
                await self.write(scheduled, renewed)
                raise RowChanged from None
            except OrganizerRefused as refused:
                has_next = await self._try_next_organizer(scheduled, wanted.organizers)
                await self._intents.end(begun.pop())
                if not has_next:
                    logger.error("no meeting can be made: %s", refused.remedy)
                    raise
                raise RowChanged from None
            except GraphRefused as refused:
                if found is None:  # else the row stays: an earlier request may have created it
                    await self._remove_never_created(scheduled)
                await self._intents.end(begun.pop())
                logger.error("no meeting can be made: %s", refused.remedy)
                raise
            except MeetingRefused:
                await self._remove_never_created(scheduled)
                await self._intents.end(begun.pop())
                raise
            changed = replace(
                scheduled,
                graph_id=meeting.id,
                # Times only grow: a late request with an older token must not take the meeting
                # over, and a change that fails later must not shorten how long the row is kept.
                proven_at=max(scheduled.proven_at, wanted.proven_at),
                ends_at=max(scheduled.ends_at, wanted.plan.ends_at),
            )
            wanted.note_if_new(scheduled)
            try:
                return await self.write(scheduled, changed), meeting
            except RowChanged:
                await self._delete_superseded(scheduled, meeting)
                raise

        return await retry_if_changed(create_or_get)

    async def is_current(self, scheduled: ScheduledMeeting) -> bool:
        """Whether a meeting that is shared now is still there as it was scheduled.

        Raises:
            Conflict: it was cancelled, and not made anew.
        """

        async def look() -> bool:
            current = await self.find(scheduled.owner, scheduled.call_id)
            if current is None or current.is_going:
                raise Conflict
            await self.write(current, current.unmarked())
            return current.creation_id == scheduled.creation_id

        return await retry_if_changed(look)

    async def mark_cancelling(
        self,
        owner: str,
        call_id: str,
        may_go: Callable[[ScheduledMeeting], bool] = lambda _: True,
        *,
        tentative: bool = False,
    ) -> ScheduledMeeting | None:
        """Mark a meeting as cancelling, unless it may not go; `delete` deletes it.

        Args:
            tentative: the mark may be taken back; a mark that is there already stays.

        Returns:
            Its row; None if this service did not schedule the meeting.
        """

        def mark(row: Row | None) -> Mapping[str, Value] | None:
            found = None if row is None else ScheduledMeeting.of(row)
            if found is None or found.is_going or not may_go(found):
                return None
            return replace(found, cancelling=True, tentative=tentative).values()

        marked = await change_row(self._table, owner, call_id, mark)
        return None if marked.now is None else ScheduledMeeting.of(marked.now)

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
                current = await self.find(scheduled.owner, scheduled.call_id)
                if current is not None and current.creation_id == scheduled.creation_id:
                    await self.delete(current)
                return
            await self.delete_if_made(scheduled.organizer, scheduled.external_id, scheduled.ends_at)
        if graph_id is not None:
            await graph.delete(scheduled.organizer, graph_id)
        await self._ids.remove(scheduled)

    async def delete_if_made(self, organizer: str, external_id: str, ends_at: datetime) -> None:
        """Delete a meeting in Teams that was perhaps created; its id in Graph is not known."""
        graph = self._graph_or_raise()
        plan = MeetingPlan("Cancelled", ends_at - timedelta(hours=1), ends_at, None)
        try:
            # Graph finds a meeting by its external id only if asked to create it.
            meeting = await graph.create_or_get(organizer, external_id, plan)
        except OrganizerRefused:  # most likely the meeting was never created for them
            logger.error("a meeting that was perhaps made is left alone: organizer-refused")
        else:
            await graph.delete(organizer, meeting.id)

    async def delete_leftover(self, owner: str, call_id: str, proven_at: datetime) -> None:
        """Delete the meeting of an owner who was erased while a request scheduled it.

        A meeting of a new person of the same name stays: they have signed in later.

        Args:
            proven_at: when the token of the erased owner was issued.
        """
        left = await self.mark_cancelling(
            owner, call_id, lambda found: found.proven_at <= proven_at
        )
        if left is not None and left.is_going and left.proven_at <= proven_at:
            await self.delete(left)

    async def erase(self, principal: Principal) -> None:
        """Delete every meeting that a person scheduled and whose row is kept; repeatable."""

        async def erase_one(scheduled: ScheduledMeeting) -> None:
            try:
                await self.delete(scheduled)
            except GraphTokenRefused:  # this may pass by itself, so the erasure is repeated
                raise
            except (GraphRefused, MeetingRefused, NotConfigured) as refused:
                # The app may not delete the meeting any more; the erasure must not wait for that.
                logger.error("a meeting of an erased person stays in Teams: %s", refused.code)
                await self._ids.remove(scheduled)
            else:
                if scheduled.graph_id is None:
                    return  # Graph may still create it for a request that gave up: Tidy looks
            for kind in (MAKE, CANCEL):
                await self._intents.end_all(kind, scheduled.call_id)

        rows = await self._table.list_for(principal_key(principal))
        await for_each(meetings_among(rows), erase_one)
        await self._ids.remove_unchanged([row for row in rows if is_id_row(row)])

    async def export(self, principal: Principal) -> list[dict[str, Value]]:
        """The meetings that a person scheduled and whose rows are kept, and what leads to them."""
        rows = await self._table.list_for(principal_key(principal))
        ends = {meeting.call_id: meeting.ends_at for meeting in meetings_among(rows)}
        hashes = {call_id_of(row): row.row_key for row in rows if is_id_row(row)}
        return [
            {
                "callId": call_id,
                **({"endsAt": ends[call_id]} if call_id in ends else {}),
                **({"externalIdHash": hashes[call_id]} if call_id in hashes else {}),
            }
            for call_id in dict.fromkeys((*ends, *hashes))
        ]

    def _graph_or_raise(self) -> GraphApi:
        if self._graph is None:
            raise NotConfigured("GRAPH_ENDPOINT is not set.")
        return self._graph

    async def find(self, owner: str, call_id: str) -> ScheduledMeeting | None:
        """The row of a meeting; None if this service did not schedule it. One point read."""
        row = await self._table.find(owner, call_id)
        return None if row is None else ScheduledMeeting.of(row)

    async def _insert_row(self, wanted: WantedMeeting) -> ScheduledMeeting:
        """Store the row of a meeting before it is created; remove rows that are no longer kept."""
        if not wanted.organizers:
            raise NotConfigured("MEETING_ORGANIZER_ID is not set, and Entra did not sign you in.")
        meetings = meetings_among(await self._table.list_for(wanted.owner))
        old = [meeting for meeting in meetings if not meeting.is_kept(self._now())]
        await for_each(old, self._ids.remove)
        new = ScheduledMeeting(
            owner=wanted.owner,
            call_id=wanted.call_id,
            creation_id=uuid.uuid4().hex,
            organizer=wanted.organizers[0],
            graph_id=None,
            proven_at=wanted.proven_at,
            ends_at=wanted.plan.ends_at,
        )
        return await self._ids.insert(new, wanted.external_id)

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
            await self.write(scheduled, replace(scheduled, organizer=remaining[0]))
        return True

    async def _delete_superseded(self, scheduled: ScheduledMeeting, meeting: OnlineMeeting) -> None:
        """Delete a new meeting in Teams if its row was removed, or is marked as cancelling, or has
        another organizer by now."""
        current = await self.find(scheduled.owner, scheduled.call_id)
        ours = (scheduled.creation_id, scheduled.organizer, False)
        if current is None or (current.creation_id, current.organizer, current.is_going) != ours:
            await self._graph_or_raise().delete(scheduled.organizer, meeting.id)

    async def _remove_never_created(self, scheduled: ScheduledMeeting) -> None:
        """Remove the row of a meeting that Graph has refused to create."""
        if scheduled.graph_id is None:
            await self._ids.remove(scheduled)

    async def write(
        self, scheduled: ScheduledMeeting, changed: ScheduledMeeting
    ) -> ScheduledMeeting:
        """Write a meeting that has changed. Raises RowChanged if others wrote it since."""
        if scheduled.row is None or changed == scheduled:
            return scheduled
        return ScheduledMeeting.of(await self._table.replace(scheduled.row, changed.values()))
