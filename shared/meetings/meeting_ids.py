"""Finds a meeting by its owner's own id: a row leads from that to our id, which is random.

The row of a meeting and the row that leads to it are written in one batch, and removed in one.
"""

import contextlib

from shared.meetings.rows import (
    ScheduledMeeting,
    call_id_of,
    id_row_key,
    id_row_values,
    is_id_row,
)
from shared.problems import Conflict
from shared.tables import Row, RowChanged, RowExists, Table
from shared.upstream.concurrency import for_each


class MeetingIdChanged(Conflict):
    """The owner's id stands for another meeting by now: start again with that one's id."""


class MeetingIds:
    """Rows of the table `meetings`, in the owner's partition."""

    def __init__(self, table: Table) -> None:
        self._table = table

    async def find(self, owner: str, external_id: str) -> str | None:
        """Our id of the meeting that an owner's id stands for. One point read."""
        row = await self._table.find(owner, id_row_key(external_id))
        return None if row is None else call_id_of(row)

    async def adopt(self, owner: str, external_id: str, call_id: str) -> str:
        """Let an owner's id stand for a meeting, unless it stands for another; our id of that."""
        adopted = await self._table.insert_if_absent(
            owner, id_row_key(external_id), id_row_values(call_id)
        )
        return call_id_of(adopted)

    async def insert(self, new: ScheduledMeeting, external_id: str) -> ScheduledMeeting:
        """Store the row of a meeting and the row that leads to it, unless there is one already.

        Returns:
            The meeting that is stored now.

        Raises:
            MeetingIdChanged: another request stored a meeting under the owner's id.
            RowChanged: other requests write the same rows; try again.
        """
        owner, row_key = new.owner, id_row_key(external_id)
        meeting = {new.call_id: new.values()}
        try:
            stored = await self._table.insert_with(
                owner, {row_key: id_row_values(new.call_id), **meeting}
            )
        except RowExists:
            id_row = await self._table.find(owner, row_key)
            if id_row is None:
                raise RowChanged from None
            if call_id_of(id_row) != new.call_id:
                raise MeetingIdChanged from None
            # The meeting is there, or an earlier meeting was removed without this row. Then the row
            # is written again, so that a request that removes it meanwhile finds it changed.
            try:
                stored = await self._table.insert_with(owner, meeting, id_row, id_row.values)
            except RowExists:
                found = await self._table.find(owner, new.call_id)
                if found is None:
                    raise RowChanged from None
                return ScheduledMeeting.of(found)
        return ScheduledMeeting.of(stored[new.call_id])

    async def remove(self, scheduled: ScheduledMeeting) -> None:
        """Remove the row of a meeting and what leads to it in one batch, if nobody changed them."""
        if scheduled.row is None:
            return
        leading = await self._table.list_for(
            scheduled.owner, "callId eq @call", {"call": scheduled.call_id}
        )
        with contextlib.suppress(RowChanged):
            await self._table.remove_together([scheduled.row, *leading])

    async def remove_unchanged(self, rows: list[Row]) -> None:
        """Remove rows, except those that somebody has written since they were read."""

        async def remove(row: Row) -> None:
            with contextlib.suppress(RowChanged):
                await self._table.remove_unchanged(row)

        await for_each(rows, remove)


def meetings_among(rows: list[Row]) -> list[ScheduledMeeting]:
    """The meetings among the rows of an owner."""
    return [ScheduledMeeting.of(row) for row in rows if not is_id_row(row)]
