"""Writes and removes the rows that list a shared call, one for each person or space."""

import contextlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from shared.changes import UNREAD, ChangedRow, change_row
from shared.sharing.places import standing
from shared.sharing.rows import DEFAULT_DURATION, Invitation, Role, SharedCallRecord
from shared.stored_rows import CommonValues
from shared.tables import Row, RowChanged, Table, Value
from shared.upstream.concurrency import for_each

# Selects the calls that may still be open (`Content.gone_at`), by properties that every version has
# stored. A new property for this would be missing in rows of earlier versions, and their calls
# would not be listed. These three also let through some calls that ended within the last day, so
# the caller of this checks again. A row that lacks a property does not match its condition.
_MAY_BE_OPEN = "( endsAt gt @now or startsAt gt @yesterday or sharedAt gt @yesterday )"
# Pages of a thousand rows that one listing reads: any number of owners share in a space.
_MOST_PAGES = 10


class Listings:
    """The table `invitations`. It follows the records of shared calls."""

    def __init__(self, table: Table, now: Callable[[], datetime]) -> None:
        self._table = table
        self._now = now

    async def find(self, partition: str, call_id: str) -> Invitation | None:
        """One point read."""
        row = await self._table.find(partition, call_id)
        return None if row is None else Invitation.of(row)

    async def may_be_open(self, partition: str) -> list[Invitation]:
        """The rows of a partition whose calls may still be open. Some that ended within the last
        day are among them, so the caller checks again. At most ten queries, of up to 1,000 rows
        each; rows that follow by the ids of their calls are left out."""
        now, found, more = self._now(), list[Row](), True
        times = {"now": now, "yesterday": now - DEFAULT_DURATION}
        for _ in range(_MOST_PAGES):
            if more:
                after = found[-1].row_key if found else ""
                rows, more = await self._table.page(partition, _MAY_BE_OPEN, times, after=after)
                found += rows
        return [Invitation.of(row) for row in found]

    async def write(
        self, record: SharedCallRecord, touched: set[str], taken: ChangedRow | None = None
    ) -> None:
        """Write the rows of the audience, and remove the rows of people and spaces that are not in
        it: if the call is unshared, all but the owner's, which stays as it is.

        One write for each; for the owner's also a read, unless `taken` saves it.

        Args:
            touched: partitions that this request has written to; the new ones are added to it.
            taken: the owner's row, as this request has written it.

        Raises:
            Conflict: others changed the owner's row each time.
        """
        roles: dict[str, Role] = {}
        if record.content is not None:
            roles = dict.fromkeys(sorted(record.invitees), Role.INVITEE)
            roles[record.owner] = Role.OWNER
            if record.space:
                roles[record.space] = Role.SPACE
        values = {
            role: CommonValues(record.invitation_for(record.owner, role).values())
            for role in (Role.INVITEE, Role.SPACE)
        }

        async def write(partition: str) -> None:
            if partition == record.owner:
                await self._write_owners_row(record, taken)
            else:
                await self._table.put(partition, record.call_id, values[roles[partition]])

        former = {*record.other_partitions, *touched}
        touched.update(roles)
        await self.remove(former - roles.keys() - {record.owner}, record.call_id)
        await for_each(roles, write)

    async def give_back(
        self, record: SharedCallRecord, taken: ChangedRow | None
    ) -> Invitation | None:
        """Give back the place that was taken for a record; arguments as for `write`.

        Returns:
            The owner's row without it, if there is one.
        """

        def without_place(row: Row | None) -> Mapping[str, Value] | None:
            found = None if row is None else Invitation.of(row)
            if found is None or all(one.change_id != record.change_id for one in found.places):
                return None
            return found.without_place(record.change_id).values()

        changed = await change_row(
            self._table,
            record.owner,
            record.call_id,
            without_place,
            found=UNREAD if taken is None else taken.now,
        )
        return None if changed.now is None else Invitation.of(changed.now)

    async def remove(self, partitions: Iterable[str], call_id: str) -> None:
        await for_each(sorted(partitions), lambda partition: self._table.remove(partition, call_id))

    async def remove_row(self, invitation: Invitation) -> None:
        """Remove a row, unless somebody has written it since it was read."""
        if invitation.row is not None:
            with contextlib.suppress(RowChanged):
                await self._table.remove_unchanged(invitation.row)

    async def _write_owners_row(self, record: SharedCallRecord, taken: ChangedRow | None) -> None:
        """Write the row in which requests take their places. It gives this request's place back."""
        invitation = record.invitation_for(record.owner, Role.OWNER)

        def change(row: Row | None) -> Mapping[str, Value]:
            places = () if row is None else Invitation.of(row).places
            own = replace(invitation, places=standing(places, self._now()))
            return own.without_place(record.change_id).values()

        found = UNREAD if taken is None else taken.now
        await change_row(self._table, record.owner, record.call_id, change, found=found)
