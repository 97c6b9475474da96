"""The meetings that this service made in Teams: each once, and none forgotten, whoever dies.

The row comes first, with the organizer; then Graph makes the meeting under an external id of ours,
which it does once however often it is asked. Whoever cancels says so in the row, and removes it
when Graph has deleted the meeting; whoever makes one looks at the row again afterwards.
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

_TRIES = 10
# The meeting stays in Teams, which is whose business it is once it is over.
_KEPT = timedelta(days=1)


class ScheduledMeetings:
    """All rows of the table `meetings`, and what Graph has to them."""

    def __init__(
        self,
        table: Table,
        graph: GraphApi | None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """
        Args:
            graph: None where GRAPH_ENDPOINT is not set.
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
        """The meeting of that id, made now unless it is there. It may be other than planned.

        Args:
            organizers: who may hold it, best first: the first whom Graph lets us act for does, and
                stays it.

        Raises:
            NotConfigured, GraphRefused: nobody may hold it.
            MeetingRefused: Graph does not take the plan.
        """
        graph = self._configured()
        for _ in range(_TRIES):
            scheduled = await self._find(owner, call_id)
            if scheduled is None:
                scheduled = await self._begin(call_id, owner, plan, proven_at, organizers)
            if scheduled.cancelling:
                await self.delete(scheduled)
                continue
            try:
                # A meeting that was made is never made again unless its row says so: whoever
                # deletes it meanwhile removes the row, and we may die after Graph made another.
                meeting = (
                    await graph.create_or_get(scheduled.organizer, scheduled.external_id, plan)
                    if scheduled.graph_id is None
                    else await graph.get(scheduled.organizer, scheduled.graph_id)
                )
            except MeetingGone:  # somebody deleted it in Teams, or cancels it just now
                with contextlib.suppress(RowChanged):
                    await self._write(
                        scheduled, replace(scheduled, graph_id=None, creation_id=uuid.uuid4().hex)
                    )
                continue
            except OrganizerRefused as refused:
                if not await self._pass_on(scheduled, organizers):
                    logger.error("no meeting can be made: %s", refused.remedy)
                    raise
                continue
            except GraphRefused as refused:  # whether it was made earlier is not known
                logger.error("no meeting can be made: %s", refused.remedy)
                raise
            except MeetingRefused:
                await self._abandon(scheduled)
                raise
            known = replace(
                scheduled,
                graph_id=meeting.id,
                # Later ones only: an earlier request must not take over what came after it, nor a
                # change that fails later shorten how long the row is kept.
                proven_at=max(scheduled.proven_at, proven_at),
                ends_at=max(scheduled.ends_at, plan.ends_at),
            )
            try:
                return await self._write(scheduled, known), meeting
            except RowChanged:
                await self._delete_superseded(scheduled, meeting)
        raise Conflict

    async def check_current(self, scheduled: ScheduledMeeting) -> None:
        """Raises Conflict where a meeting was, or is being, cancelled since it was scheduled."""
        now = await self._find(scheduled.owner, scheduled.call_id)
        if now is None or now.creation_id != scheduled.creation_id or now.cancelling:
            raise Conflict

    async def cancel(self, owner: str, call_id: str) -> ScheduledMeeting | None:
        """Say that a meeting is to be deleted; None where it is none of ours."""
        for _ in range(_TRIES):
            scheduled = await self._find(owner, call_id)
            if scheduled is None or scheduled.cancelling:
                return scheduled
            with contextlib.suppress(RowChanged):
                return await self._write(scheduled, replace(scheduled, cancelling=True))
        raise Conflict

    async def delete(self, scheduled: ScheduledMeeting) -> None:
        """Delete a meeting in Teams, then our row of it; repeatable."""
        graph, graph_id = self._configured(), scheduled.graph_id
        if graph_id is None and scheduled.row is not None:
            # Graph may have made it, and its answer was lost. It tells the id to who asks again.
            # The row stays until the last who asks has deleted: asking may make it.
            try:
                scheduled = ScheduledMeeting.of(
                    await self._table.replace(scheduled.row, scheduled.values())
                )
            except RowChanged:
                now = await self._find(scheduled.owner, scheduled.call_id)
                if now is not None and now.creation_id == scheduled.creation_id:
                    await self.delete(now)
                return
            plan = MeetingPlan(
                "Cancelled", scheduled.ends_at - timedelta(hours=1), scheduled.ends_at, None
            )
            try:
                graph_id = (
                    await graph.create_or_get(scheduled.organizer, scheduled.external_id, plan)
                ).id
            except OrganizerRefused:  # who most likely never had it
                logger.error("a meeting that was perhaps made is left alone: organizer-refused")
                await self._remove(scheduled)
                return
        if graph_id is not None:
            await graph.delete(scheduled.organizer, graph_id)
        await self._remove(scheduled)

    async def retract(self, owner: str, call_id: str, proven_at: datetime) -> None:
        """Delete what somebody who was erased while they scheduled it has left; not a meeting of
        who came after them by the same name."""
        scheduled = await self._find(owner, call_id)
        if scheduled is not None and scheduled.proven_at <= proven_at:
            with contextlib.suppress(RowChanged):  # by who came after them, or is erasing them
                await self.delete(await self._write(scheduled, replace(scheduled, cancelling=True)))

    async def erase(self, principal: Principal) -> None:
        """Delete every meeting that a person made here and that is not long over; repeatable."""

        async def erase_one(scheduled: ScheduledMeeting) -> None:
            try:
                await self.delete(scheduled)
            except GraphTokenRefused:  # that may pass: the erasure is repeated
                raise
            except (GraphRefused, MeetingRefused, NotConfigured) as refused:
                # The tenant lets us touch it no longer; the person's wish must not wait for that.
                logger.error("a meeting of who is erased stays in Teams: %s", refused.code)
                await self._remove(scheduled)

        rows = await self._table.list_for(principal_key(principal))
        await for_each(map(ScheduledMeeting.of, rows), erase_one)

    async def export(self, principal: Principal) -> list[dict[str, Value]]:
        """What a person made here."""
        rows = map(ScheduledMeeting.of, await self._table.list_for(principal_key(principal)))
        return [{"callId": meeting.call_id, "endsAt": meeting.ends_at} for meeting in rows]

    def _configured(self) -> GraphApi:
        if self._graph is None:
            raise NotConfigured("GRAPH_ENDPOINT is not set.")
        return self._graph

    async def _find(self, owner: str, call_id: str) -> ScheduledMeeting | None:
        row = await self._table.find(owner, call_id)
        return None if row is None else ScheduledMeeting.of(row)

    async def _begin(
        self,
        call_id: str,
        owner: str,
        plan: MeetingPlan,
        proven_at: datetime,
        organizers: Sequence[str],
    ) -> ScheduledMeeting:
        """The row of a meeting to come; those that are long over make room."""
        if not organizers:
            raise NotConfigured("MEETING_ORGANIZER_ID is not set, and Entra did not sign you in.")
        rows = map(ScheduledMeeting.of, await self._table.list_for(owner))
        await for_each([one for one in rows if one.ends_at < self._now() - _KEPT], self._remove)
        wanted = ScheduledMeeting(
            owner=owner,
            call_id=call_id,
            creation_id=uuid.uuid4().hex,
            organizer=organizers[0],
            graph_id=None,
            proven_at=proven_at,
            ends_at=plan.ends_at,
        )
        return ScheduledMeeting.of(
            await self._table.insert_if_absent(owner, call_id, wanted.values())
        )

    async def _pass_on(self, scheduled: ScheduledMeeting, organizers: Sequence[str]) -> bool:
        """Let the next organizer hold a meeting that Graph has not made; False where there is none.

        One that Graph has made stays whose it is: otherwise there would be two.
        """
        if scheduled.graph_id is not None:
            return False
        later = list(organizers)
        later = (
            later[later.index(scheduled.organizer) + 1 :] if scheduled.organizer in later else later
        )
        if not later:
            await self._abandon(scheduled)
            return False
        with contextlib.suppress(RowChanged):  # somebody else has
            await self._write(scheduled, replace(scheduled, organizer=later[0]))
        return True

    async def _delete_superseded(self, scheduled: ScheduledMeeting, meeting: OnlineMeeting) -> None:
        """Delete what was made for a row that is gone, going, or another organizer's since."""
        now = await self._find(scheduled.owner, scheduled.call_id)
        ours = (scheduled.creation_id, scheduled.organizer, False)
        if now is None or (now.creation_id, now.organizer, now.cancelling) != ours:
            await self._configured().delete(scheduled.organizer, meeting.id)

    async def _abandon(self, scheduled: ScheduledMeeting) -> None:
        """Remove the row of what Graph has refused to make."""
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
