"""Keeps all listings in step with the records of shared calls, even if a request is killed.

A change is written to the record first, then to the rows of its audience. Then the record and the
consent of each invitee are read again, and rows that no longer hold are removed. A withdrawal (by a
friend, by the owner, or by an erasure) works the other way round: it changes the friendship or the
record first and removes the rows after that, so one of the two always sees the other. If a request
is killed in between, its repetition finishes it, or Tidy by its intent. Until then a listing may
show what the record no longer says; `find` never does, and listings do not say how to join.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime

from shared.changes import TRIES, UNREAD, ChangedRow, change_row
from shared.friends.friendships import Friendships
from shared.identity.identities import Identities
from shared.problems import Conflict
from shared.sharing.consent import ConsentChecks
from shared.sharing.drafts import AroundRows
from shared.sharing.fallbacks import fallback_of, with_fallback, without
from shared.sharing.join_details import JoinDetails
from shared.sharing.listings import Listings
from shared.sharing.repetitions import as_repetition
from shared.sharing.rows import RECORD_ROW, Invitation, SharedCallRecord
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
        self._listings = Listings(listings, now)
        self._records = records
        self._consents = ConsentChecks(friendships, identities)
        self._now = now

    async def find(self, call_id: str) -> SharedCallRecord | None:
        """The record of a call, also if the call has ended. One point read."""
        return _record(await self._records.find(call_id, RECORD_ROW))

    async def claim(
        self,
        record: SharedCallRecord,
        admit: Callable[[], Awaitable[None]] | None = None,
        taken: ChangedRow | None = None,
    ) -> tuple[SharedCallRecord | None, SharedCallRecord]:
        """Store a record; return the one that it replaces, and what is stored now.

        One write, and a read before it unless the owner's row is new.

        Args:
            admit: admits the owner again; raises if the owner was erased. It is called before
                this replaces a record that was written after a later sign-in: that may be the
                record of a new person of the same name.
            taken: the owner's row in which this request took its place.
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
            claimed = claimed.replacing(found)
            return (as_repetition(claimed, found, self._now()) or claimed).values()

        is_first = taken is not None and taken.before is None
        found = None if is_first else UNREAD
        stored = await change_row(self._records, record.call_id, RECORD_ROW, change, found=found)
        assert stored.now is not None  # noqa: S101
        return previous, SharedCallRecord.of(stored.now)

    async def show(
        self, claimed: SharedCallRecord, taken: ChangedRow | None
    ) -> SharedCallRecord | None:
        """Bring all rows in line with a record that was just claimed, and give back its place."""
        if claimed.is_settled:
            await self._listings.give_back(claimed, taken)
            return claimed
        return await self.synchronize(claimed.call_id, claimed, taken)

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

        changed = await change_row(self._records, call_id, RECORD_ROW, change)
        if is_ended:
            await self.synchronize(call_id, _record(changed.now))

    async def end_change(self, call_id: str, change_id: str) -> None:
        """As `end`, unless others have changed the record since that change."""
        await self.end(call_id, lambda found: found.change_id == change_id)

    async def give_back(self, record: SharedCallRecord, taken: ChangedRow | None) -> None:
        """Give back the place that was taken for a record, if that was not written; repeatable."""
        pointer = await self._listings.give_back(record, taken)
        if pointer is None or pointer.content is not None or pointer.places:
            return
        if await self.find(record.call_id) is None:
            await self._listings.remove_row(pointer)

    async def finish(self, owner: str, call_id: str, around: AroundRows = nullcontext) -> None:
        """Finish a request of the owner's that was killed; does nothing if there is none. Whoever
        has no intent needs `around`, because others may remove the record meanwhile."""
        record, pointer = await asyncio.gather(
            self.find(call_id), self._listings.find(owner, call_id)
        )
        if record is not None:
            if record.owner == owner and not record.is_settled:
                async with around(record):
                    await self.synchronize(call_id)
        elif pointer is not None:
            # Its request was killed before the record, or writes that now and then the row again.
            await self._listings.remove_row(pointer)
            await self.synchronize(call_id)

    async def settle(self, owner: str, call_id: str) -> None:
        """Bring all rows of an owner's call in line with its record, if there is one."""
        record = await self.find(call_id)
        if record is not None and record.owner == owner:
            await self.synchronize(call_id)

    async def remove_orphans(self, call_id: str, partitions: Iterable[str]) -> None:
        """Remove the rows of a call that no record names, which a killed request may leave."""

        async def remove(partition: str) -> None:
            row = await self._listings.find(partition, call_id)
            # Row first, then record: a new sharing writes its record before its rows, so that its
            # row is not taken for an orphan.
            if row is not None:
                record = await self.find(call_id)
                if record is None or partition not in {record.owner, *record.other_partitions}:
                    await self._listings.remove_row(row)

        await for_each(partitions, remove)

    async def synchronize(
        self,
        call_id: str,
        claimed: SharedCallRecord | None = None,
        taken: ChangedRow | None = None,
    ) -> SharedCallRecord | None:
        """Bring all rows in line with the record, also while other requests change it.

        Args:
            claimed: the record as this request has just written it, which saves a read; so does
                `taken`, the owner's row as this request has written it.

        Returns:
            The record; None if the call had ended, and then the record is removed.
        """
        touched = set[str]()
        for _ in range(TRIES):
            record, claimed = claimed or await self.find(call_id), None
            if record is None:
                if not touched:
                    return None
                await self._listings.remove(touched, call_id)
                touched.clear()
                continue  # a request that shares it again may have written its rows meanwhile
            await self._listings.write(record, touched, taken)
            taken = None
            if record.content is None:
                if await self._remove_ended(record):
                    return None
                continue
            lacking = await self._consents.find_lacking(
                record.owner, record.consent, record.invitees
            )
            if lacking and record.is_settled:
                # Until this is finished, no request may rely on these rows.
                await self.change(call_id, lambda found: replace(found, is_settled=False))
                continue
            # The record still names them, so that a request that finishes this finds them.
            await self._listings.remove(lacking, call_id)
            settled = await self._settle(record, lacking)
            if settled is not None:
                return settled
        raise Conflict

    async def _settle(
        self, record: SharedCallRecord, lacking: frozenset[str]
    ) -> SharedCallRecord | None:
        """Let the record say that its rows are as it says, without those who lack consent.

        Returns:
            The record; None if others have changed it since it was read, perhaps before this
            request wrote the rows.
        """
        is_same = True

        def change(row: Row | None) -> Mapping[str, Value] | None:
            nonlocal is_same
            current = _record(row)
            if current is None or current != record:
                is_same = False
                return None
            settled = replace(
                without(current, lacking), leaving=frozenset(), former_space="", is_settled=True
            )
            return None if settled.values() == current.values() else settled.values()

        # A write fails if somebody has changed the record. If nothing is written, a read finds that
        # out.
        found = UNREAD if record.is_settled else record.row
        changed = await change_row(self._records, record.call_id, RECORD_ROW, change, found=found)
        return SharedCallRecord.of(changed.now) if is_same and changed.now else None

    async def _remove_ended(self, record: SharedCallRecord) -> bool:
        """Remove the record of an ended call, whose other rows are gone, and the owner's row.

        Returns:
            Whether nobody has changed the record since it was read.
        """
        pointer = await self._listings.find(record.owner, record.call_id)
        try:
            # The record first: an erasure finds it by the owner's row.
            await self.remove_record(record)
        except RowChanged:
            return False
        if pointer is not None:
            await self._listings.remove_row(pointer)
        return True

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

        First the record drops the invitee, and then their row is removed: a repetition finds both
        by the row. If the record still named somebody without a row, it would name them after their
        erasure.
        """
        invitee = frozenset({invitation.partition})
        await self.change(invitation.call_id, lambda record: without(record, invitee))
        # If another request has written the row again, it reads the record after that.
        await self._listings.remove_row(invitation)

    async def change(
        self, call_id: str, change: Callable[[SharedCallRecord], SharedCallRecord]
    ) -> None:
        """Change a record; does nothing if there is none, or if `change` returns it as it is."""

        def changed_values(row: Row | None) -> Mapping[str, Value] | None:
            found = _record(row)
            changed = None if found is None else change(found)
            if changed is None or found is None:
                return None
            return None if changed.values() == found.values() else changed.values()

        await change_row(self._records, call_id, RECORD_ROW, changed_values)

    async def remove_record(self, record: SharedCallRecord) -> None:
        """Remove a record. Raises RowChanged if somebody has written it since it was read."""
        if record.row is not None:
            await self._records.remove_unchanged(record.row)


def _record(row: Row | None) -> SharedCallRecord | None:
    return None if row is None else SharedCallRecord.of(row)
