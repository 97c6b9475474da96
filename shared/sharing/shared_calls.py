"""Keeps all listings in step with the records of shared calls, also when a request is killed.

A change is written to the record first, then to the rows of its audience. Then the record and the
consent of each invitee are read again, and rows that no longer hold are removed. A withdrawal (by a
friend, by the owner, or by an erasure) works the other way round: it changes the friendship or the
record first and removes the rows after that, so one of the two always sees the other. If a request
is killed in between, its repetition finishes it, or Tidy by its intent. Until then a listing may
show what the record no longer says; `find` never does, and listings do not say how to join.
"""

import asyncio
import contextlib
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from shared.changes import TRIES, change_row
from shared.friends.friendships import Friendships
from shared.identity.identities import Identities
from shared.problems import Conflict
from shared.sharing.consent import ConsentChecks
from shared.sharing.fallbacks import fallback_of, with_fallback
from shared.sharing.join_details import JoinDetails
from shared.sharing.places import standing
from shared.sharing.rows import RECORD_ROW, Invitation, Role, SharedCallRecord
from shared.tables import Row, RowChanged, Table, Value
from shared.upstream.concurrency import for_each


class SharedCalls:
    """Stores the records of all shared calls and the rows that list them.

    `shared.sharing.invitations` decides who may share what with whom.
    """

    def __init__(
        self,
        listings: Table,
        records: Table,
        friendships: Friendships,
        identities: Identities,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._listings = listings
        self._records = records
        self._consents = ConsentChecks(friendships, identities)
        self._now = now

    async def find(self, call_id: str) -> SharedCallRecord | None:
        """The record of a call, also if the call has ended. One point read."""
        return _record(await self._records.find(call_id, RECORD_ROW))

    async def claim(
        self, record: SharedCallRecord, admit: Callable[[], Awaitable[None]] | None = None
    ) -> SharedCallRecord | None:
        """Store a record and return the one that it replaces.

        Args:
            admit: admits the owner again; raises if the owner was erased. It is called before
                this replaces a record that was written after a later sign-in: that may be the
                record of a new person of the same name.
        """
        previous: SharedCallRecord | None = None

        async def change(row: Row | None) -> Mapping[str, Value] | None:
            nonlocal previous
            found = _record(row)
            if found is not None and found.change_id == record.change_id:
                return None  # our own write, whose answer was lost
            previous = found
            claimed = record if record.fallback is None else with_fallback(record, found)
            if found is None:
                return claimed.values()
            if found.leaving or found.former_space:
                await self.synchronize(record.call_id)  # finish an earlier request first
                raise RowChanged
            if admit is not None and found.proven_at > record.proven_at:
                await admit()
            return claimed.replacing(found).values()

        await change_row(self._records, record.call_id, RECORD_ROW, change)
        return previous

    async def take_back(self, call_id: str, change_id: str) -> bool:
        """Restore what Teams accepted last, after it has refused a change of a meeting.

        Args:
            change_id: of the refused record; a record that others wrote since stays.

        Returns:
            False if nothing was shared before, and so nothing was restored.
        """
        had_fallback = True

        def restore(found: SharedCallRecord) -> SharedCallRecord:
            nonlocal had_fallback
            if found.change_id != change_id:
                return found
            before = fallback_of(found)
            had_fallback = before is not None
            if before is None:
                return found
            return replace(before, change_id=uuid.uuid4().hex).replacing(found)

        await self.change(call_id, restore)
        if had_fallback:
            await self.synchronize(call_id)
        return had_fallback

    async def end(
        self, call_id: str, condition: Callable[[SharedCallRecord], bool] | None = None
    ) -> None:
        """Stop sharing a call, and remove its record and all its rows; repeatable.

        Args:
            condition: whether to end the record that was found; None ends any record.
        """
        is_ended = False

        def change(row: Row | None) -> Mapping[str, Value] | None:
            nonlocal is_ended
            found = _record(row)
            if found is None or (condition and not condition(found)):
                return None
            is_ended = True
            return None if found.content is None else found.ended(uuid.uuid4().hex).values()

        await change_row(self._records, call_id, RECORD_ROW, change)
        if is_ended:
            await self.synchronize(call_id)

    async def end_change(self, call_id: str, change_id: str) -> None:
        """Stop sharing a call as `end` does, unless others have changed it since that change."""
        await self.end(call_id, lambda found: found.change_id == change_id)

    async def give_back(self, record: SharedCallRecord) -> None:
        """Give back the place that was taken for a record, if that was not written; repeatable."""

        def without_place(row: Row | None) -> Mapping[str, Value] | None:
            found = None if row is None else Invitation.of(row)
            if found is None or all(one.change_id != record.change_id for one in found.places):
                return None
            return found.without_place(record.change_id).values()

        changed = await change_row(self._listings, record.owner, record.call_id, without_place)
        pointer = None if changed.now is None else Invitation.of(changed.now)
        if pointer is None or pointer.content is not None or pointer.places:
            return
        if await self.find(record.call_id) is None:
            await self.remove_row(pointer)

    async def finish(self, owner: str, call_id: str) -> None:
        """Finish a request of the owner's that was killed; does nothing if there is none."""
        record, pointer = await asyncio.gather(
            self.find(call_id), self._listings.find(owner, call_id)
        )
        if record is not None:
            if record.owner == owner:
                await self.synchronize(call_id)
        elif pointer is not None:
            # The request that wrote this row was killed before it wrote the record; or it writes
            # the record just now, and then the row is written again.
            with contextlib.suppress(RowChanged):
                await self._listings.remove_unchanged(pointer)
            await self.synchronize(call_id)

    async def settle(self, owner: str, call_id: str) -> None:
        """Bring all rows of an owner's call in line with its record, if there is one."""
        record = await self.find(call_id)
        if record is not None and record.owner == owner:
            await self.synchronize(call_id)

    async def remove_orphans(self, call_id: str, partitions: Iterable[str]) -> None:
        """Remove the rows of a call that has no record, which a killed request may leave."""

        async def remove(partition: str) -> None:
            row = await self._listings.find(partition, call_id)
            # Row first, then record: a new sharing writes its record before its rows, so that its
            # row is not taken for an orphan.
            if row is not None and await self.find(call_id) is None:
                await self.remove_row(Invitation.of(row))

        await for_each(partitions, remove)

    async def synchronize(self, call_id: str) -> SharedCallRecord | None:
        """Bring all rows in line with the record, also while other requests change it.

        Returns:
            The record; None if the call had ended, and then the record is removed.
        """
        touched = set[str]()
        for _ in range(TRIES):
            record = await self.find(call_id)
            if record is None:
                if not touched:
                    return None
                await self._remove(touched, call_id)
                touched.clear()
                continue  # a request that shares it again may have written its rows meanwhile
            await self._write_rows(record, touched)
            lacking_consent = frozenset[str]()
            if record.content is not None:
                lacking_consent = await self._consents.find_lacking(
                    record.owner, record.consent, record.invitees
                )
                # While the record still names them: whoever finishes this finds the rows by it.
                await self._remove(lacking_consent, call_id)
            current = await self.find(call_id)
            if current is None or current.row is None or current != record:
                continue  # other requests changed it, perhaps before we wrote the rows
            invitees = current.invitees - lacking_consent
            synchronized = replace(current, invitees=invitees, leaving=frozenset(), former_space="")
            try:
                if record.content is None:
                    # The record first: an erasure finds it by the owner's row.
                    pointer = await self._listings.find(record.owner, call_id)
                    await self.remove_record(current)
                    if pointer is not None:
                        with contextlib.suppress(RowChanged):
                            await self._listings.remove_unchanged(pointer)
                    return None
                if synchronized != current:
                    current = SharedCallRecord.of(
                        await self._records.replace(current.row, synchronized.values())
                    )
            except RowChanged:
                continue
            return current
        raise Conflict

    async def update_meeting(
        self, call_id: str, update: Callable[[SharedCallRecord], Awaitable[JoinDetails]]
    ) -> JoinDetails:
        """Change a meeting in Teams as its record says, and store the answer; repeatable.

        Args:
            update: sends the record's content to Teams; returns how to join the meeting.

        Raises:
            Conflict: the call is no longer shared.
        """
        details: JoinDetails | None = None

        async def change(row: Row | None) -> Mapping[str, Value] | None:
            nonlocal details
            record, details = _record(row), None
            if record is None or record.content is None:
                return None
            details = await update(record)
            # Requests that changed the record meanwhile may have updated Teams before this one
            # did, so that Teams has our older content: then it is updated again.
            return replace(record, details=details, fallback=None).values()

        await change_row(self._records, call_id, RECORD_ROW, change)
        if details is None:
            raise Conflict
        return details

    async def uninvite(self, invitation: Invitation) -> None:
        """Remove somebody from a call's invitees; repeatable.

        The record forgets the invitee first, and their row goes last: it leads a repetition to
        both. A record that still named somebody without a row would name them after their erasure.
        """
        invitee = frozenset({invitation.partition})
        await self.change(invitation.call_id, lambda record: record.without(invitee))
        # If another request has written the row again, it reads the record after that.
        await self.remove_row(invitation)

    async def change(
        self, call_id: str, change: Callable[[SharedCallRecord], SharedCallRecord]
    ) -> None:
        """Change a record; does nothing if there is none, or if `change` returns it as it is."""

        def changed_values(row: Row | None) -> Mapping[str, Value] | None:
            found = _record(row)
            changed = None if found is None else change(found)
            return None if changed is None or changed == found else changed.values()

        await change_row(self._records, call_id, RECORD_ROW, changed_values)

    async def _write_rows(self, record: SharedCallRecord, touched: set[str]) -> None:
        """Write the rows of the audience, and remove rows of people who are not in it.

        Args:
            touched: partitions that this request has written to; the new ones are added.
        """
        roles: dict[str, Role] = {}
        if record.content is not None:
            roles = dict.fromkeys(sorted(record.invitees), Role.INVITEE)
            roles[record.owner] = Role.OWNER
            if record.space:
                roles[record.space] = Role.SPACE

        async def write(partition: str) -> None:
            invitation = record.invitation_for(partition, roles[partition])
            if partition == record.owner:
                await self._write_owners_row(record, invitation)
            else:
                await self._listings.put(partition, record.call_id, invitation.values())

        former = {*record.other_partitions, *touched}
        touched.update(roles)
        await self._remove(former - roles.keys() - {record.owner}, record.call_id)
        await for_each(roles, write)

    async def _write_owners_row(self, record: SharedCallRecord, invitation: Invitation) -> None:
        """Write the row in which requests take their places: this record's is taken by now."""

        def change(row: Row | None) -> Mapping[str, Value]:
            places = () if row is None else Invitation.of(row).places
            own = replace(invitation, places=standing(places, self._now()))
            return own.without_place(record.change_id).values()

        await change_row(self._listings, record.owner, record.call_id, change)

    async def remove_record(self, record: SharedCallRecord) -> None:
        """Remove a record. Raises RowChanged if somebody has written it since it was read."""
        if record.row is not None:
            await self._records.remove_unchanged(record.row)

    async def remove_row(self, invitation: Invitation) -> None:
        """Remove a row of a listing, unless somebody has written it since it was read."""
        if invitation.row is not None:
            with contextlib.suppress(RowChanged):
                await self._listings.remove_unchanged(invitation.row)

    async def _remove(self, partitions: Iterable[str], call_id: str) -> None:
        await for_each(
            sorted(partitions), lambda partition: self._listings.remove(partition, call_id)
        )


def _record(row: Row | None) -> SharedCallRecord | None:
    return None if row is None else SharedCallRecord.of(row)
