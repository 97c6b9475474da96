"""Finishes dead requests to schedule and to cancel, for the timer `Tidy`."""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime

from shared.identity.identities import Identities
from shared.identity.rows import is_erased_since, is_tombstone
from shared.intents import Finisher, Intent
from shared.meetings.rows import CANCEL, KEPT_AFTER_END, MAKE, ScheduledMeeting
from shared.meetings.scheduled_meetings import ScheduledMeetings
from shared.meetings.teams_updates import TeamsUpdates
from shared.problems import Conflict, MeetingRefused, NotConfigured
from shared.sharing.rows import SharedCallRecord
from shared.sharing.shared_calls import SharedCalls
from shared.tables import RowChanged
from shared.unavailable import GraphRefused, GraphTokenRefused

logger = logging.getLogger(__name__)


class UnfinishedMeetings:
    """Brings Teams in line with our records, and deletes there what nobody shares."""

    def __init__(
        self,
        scheduled: ScheduledMeetings,
        calls: SharedCalls,
        updates: TeamsUpdates,
        identities: Identities,
        now: Callable[[], datetime],
    ) -> None:
        self._scheduled = scheduled
        self._calls = calls
        self._updates = updates
        self._identities = identities
        self._now = now

    @property
    def finishers(self) -> Mapping[str, Finisher]:
        return {
            MAKE: self._giving_up(self._finish_making),
            CANCEL: self._giving_up(self._finish_cancelling),
        }

    def _giving_up(self, finish: Finisher) -> Finisher:
        """A finisher that gives up if Graph refuses, and the owner is erased or the meeting is long
        over: an intent holds the object id of its organizer, so it must not stay for ever."""

        async def finish_or_give_up(intent: Intent) -> None:
            try:
                await finish(intent)
            except GraphTokenRefused:  # this may pass by itself
                raise
            except (GraphRefused, MeetingRefused, NotConfigured) as refused:
                if not await self._is_past(intent):
                    raise
                logger.error("a meeting that nobody shares may stay in Teams: %s", refused.code)

        return finish_or_give_up

    async def _is_past(self, intent: Intent) -> bool:
        if _ends_at(intent) + KEPT_AFTER_END < self._now():
            return True
        row = await self._identities.row_under(str(intent.details["owner"]))
        return row is None or is_tombstone(row) or is_erased_since(row, intent.begun_at)

    async def _finish_making(self, intent: Intent) -> None:
        """Settle a meeting from its record; delete it in Teams if it is not shared.

        Graph may have created the meeting long after the request gave up, and after another
        request cancelled it: then no row knows of it.
        """
        scheduled = await self._find(intent)
        if scheduled is None:
            await self._delete_if_made(intent)
            return
        record = await self._calls.find(intent.subject)
        is_shared = record is not None and record.content is not None
        is_wanted = is_shared and not await self._is_of_the_erased(scheduled)
        if scheduled.is_going or scheduled.graph_id is None or not is_wanted:
            await self._cancel(scheduled, record)
            return
        scheduled = await self._keep(scheduled)
        await self._calls.settle(scheduled.owner, intent.subject)
        try:
            await self._updates.settle(scheduled)
        except MeetingRefused:
            logger.warning("Teams refuses a change of a meeting, so it is taken back")
        except Conflict:
            # It was deleted in Teams, and a request of its owner makes it anew; or it was cancelled
            # just now.
            return

    async def _is_of_the_erased(self, scheduled: ScheduledMeeting) -> bool:
        """Whether the owner was erased after they had signed in to schedule it: their request wrote
        after the erasure, and died before it noticed."""
        row = await self._identities.row_under(scheduled.owner)
        return row is not None and is_erased_since(row, scheduled.proven_at)

    async def _finish_cancelling(self, intent: Intent) -> None:
        """Cancel a meeting, unless its owner has shared it again since."""
        scheduled = await self._find(intent)
        if scheduled is None:
            if not intent.details["isMade"]:
                await self._delete_if_made(intent)
            return
        record = await self._calls.find(intent.subject)
        change_id = "" if record is None else record.change_id
        if scheduled.is_going or change_id == intent.details["change"]:
            await self._cancel(scheduled, record)
        else:
            await self._keep(scheduled)

    async def _find(self, intent: Intent) -> ScheduledMeeting | None:
        """The meeting that an intent is about; None if its row is another meeting's by now."""
        scheduled = await self._scheduled.find(str(intent.details["owner"]), intent.subject)
        if scheduled is None or scheduled.external_id != intent.details["externalId"]:
            return None
        return scheduled if scheduled.organizer == intent.details["organizer"] else None

    async def _cancel(self, scheduled: ScheduledMeeting, record: SharedCallRecord | None) -> None:
        """Delete a meeting in Teams, and its row, unless its owner has shared it since it was read.

        Args:
            record: of its call, as it was read after `scheduled`.

        Raises:
            Conflict: its owner has scheduled it since, or does so now; look again later.
        """
        if scheduled.is_going:
            marked = await self._scheduled.find(scheduled.owner, scheduled.call_id)
            if marked is None or marked.creation_id != scheduled.creation_id:
                return  # others have cancelled it, or made it anew
        else:
            change_id = "" if record is None else record.change_id
            marked = await self._updates.mark_unless_shared(
                scheduled, change_id, lambda found: found.unmarked() == scheduled.unmarked()
            )
            if marked is None:
                raise Conflict
        if record is not None:
            await self._calls.end_change(scheduled.call_id, record.change_id)
        await self._scheduled.delete(marked)

    async def _keep(self, scheduled: ScheduledMeeting) -> ScheduledMeeting:
        """Take back the mark of somebody who died before they could look again.

        Raises:
            Conflict: others have written the row since; look again later.
        """
        try:
            return await self._scheduled.write(scheduled, scheduled.unmarked())
        except RowChanged:
            raise Conflict from None

    async def _delete_if_made(self, intent: Intent) -> None:
        details = intent.details
        await self._scheduled.delete_if_made(
            str(details["organizer"]), str(details["externalId"]), _ends_at(intent)
        )


def _ends_at(intent: Intent) -> datetime:
    ends_at = intent.details["endsAt"]
    assert isinstance(ends_at, datetime)  # noqa: S101
    return ends_at
