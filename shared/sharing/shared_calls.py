"""Keeps all listings in step with the records of shared calls, also when a request is killed.

A change is written to the record first, then to the rows of its audience. Then the record and the
consent of each invitee are read again, and rows that no longer hold are removed. A withdrawal (by a
friend, by the owner, or by an erasure) works the other way round: it changes the friendship or the
record first and removes the rows after that, so one of the two always sees the other. If a request
is killed in between, its repetition finishes it. Until then a listing may show what the record no
longer says; `find` never does.
"""

import asyncio
import contextlib
import uuid
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime

from shared.friends.friendships import Friendships
from shared.identity.identities import Identities
from shared.problems import Conflict
from shared.sharing.consent import ConsentChecks
from shared.sharing.rows import RECORD_ROW, Invitation, JoinDetails, Role, SharedCallRecord
from shared.tables import RowChanged, Table
from shared.upstream.concurrency import for_each

# How often a change is tried while other requests change the same record; then it is a Conflict.
_TRIES = 10
# How many rows of ended calls one listing removes.
_MOST_REMOVED = 20


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
        row = await self._records.find(call_id, RECORD_ROW)
        return None if row is None else SharedCallRecord.of(row)

    async def claim(
        self, record: SharedCallRecord, admit: Callable[[], Awaitable[None]] | None = None
    ) -> SharedCallRecord | None:
        """Store a record and return the one that it replaces.

        Args:
            admit: admits the owner again; raises if the owner was erased. It is called before
                this replaces a record that was written after a later sign-in: that may be the
                record of a new person of the same name.
        """
        pointer = replace(record, content=None).invitation_for(record.owner, Role.OWNER)
        for _ in range(_TRIES):
            found = await self.find(record.call_id)
            try:
                if found is None:
                    # The owner's row first: an erasure of the owner finds the record by it. It is
                    # written even if it is there, so that a request that removes the row of an
                    # earlier sharing finds it changed.
                    await self._listings.put(record.owner, record.call_id, pointer.values())
                    row = await self._records.insert_if_absent(
                        record.call_id, RECORD_ROW, record.values()
                    )
                    if SharedCallRecord.of(row).change_id == record.change_id:
                        return None
                elif found.leaving or found.former_space:
                    await self.synchronize(record.call_id)  # finish an earlier request first
                elif found.row is not None:
                    if admit is not None and found.proven_at > record.proven_at:
                        await admit()
                    await self._records.replace(found.row, record.replacing(found).values())
                    return found
            except RowChanged:
                continue
        raise Conflict

    async def undo(self, claimed: SharedCallRecord, previous: SharedCallRecord | None) -> None:
        """Restore the record that `claim` replaced, unless others changed it since."""
        found = await self.find(claimed.call_id)
        if found is None or found.row is None or found.change_id != claimed.change_id:
            return
        if previous is None or previous.content is None:
            await self.end(claimed.call_id, lambda record: record.change_id == claimed.change_id)
            return
        restored = replace(previous, change_id=uuid.uuid4().hex).replacing(found)
        with contextlib.suppress(RowChanged):
            await self._records.replace(found.row, restored.values())
        await self.synchronize(claimed.call_id)

    async def end(
        self, call_id: str, condition: Callable[[SharedCallRecord], bool] | None = None
    ) -> None:
        """Stop sharing a call, and remove its record and all its rows; repeatable.

        Args:
            condition: whether to end the record that was found; None ends any record.
        """
        for _ in range(_TRIES):
            found = await self.find(call_id)
            if found is None or found.row is None or (condition and not condition(found)):
                return
            try:
                if found.content is not None:
                    ended = replace(found, content=None, details=None, change_id=uuid.uuid4().hex)
                    await self._records.replace(found.row, ended.values())
            except RowChanged:
                continue
            await self.synchronize(call_id)
            return
        raise Conflict

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

    async def remove_orphans(self, call_id: str, partitions: Iterable[str]) -> None:
        """Remove the rows of a call that has no record, which a killed request may leave."""

        async def remove(partition: str) -> None:
            row = await self._listings.find(partition, call_id)
            # Row first, then record: a new sharing writes its record before its rows, so that its
            # row is not taken for an orphan.
            if row is not None and await self.find(call_id) is None:
                await self._remove_unchanged(Invitation.of(row))

        await for_each(partitions, remove)

    async def synchronize(self, call_id: str) -> SharedCallRecord | None:
        """Bring all rows in line with the record, also while other requests change it.

        Returns:
            The record; None if the call had ended, and then the record is removed.
        """
        touched = set[str]()
        for _ in range(_TRIES):
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
                    await self._records.remove_unchanged(current.row)
                    if pointer is not None:
                        with contextlib.suppress(RowChanged):
                            await self._listings.remove_unchanged(pointer)
                    return None
                if synchronized != current:
                    return SharedCallRecord.of(
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
        for _ in range(_TRIES):
            record = await self.find(call_id)
            if record is None or record.row is None or record.content is None:
                break
            details = await update(record)
            # Requests that changed the record meanwhile may have updated Teams before this one
            # did, so that Teams has our older content: then update it again.
            with contextlib.suppress(RowChanged):
                await self._records.replace(record.row, replace(record, details=details).values())
                return details
        raise Conflict

    async def uninvite(self, invitation: Invitation) -> None:
        """Remove somebody from a call's invitees; repeatable.

        The record forgets the invitee first, and their row goes last: it leads a repetition to
        both. A record that still named somebody without a row would name them after their erasure.
        """
        invitee = frozenset({invitation.partition})

        def forget(record: SharedCallRecord) -> SharedCallRecord:
            left = record.leaving - invitee
            return replace(record, invitees=record.invitees - invitee, leaving=left)

        await self.change(invitation.call_id, forget)
        # If another request has written the row again, it reads the record after that.
        await self._remove_unchanged(invitation)

    async def change(
        self, call_id: str, change: Callable[[SharedCallRecord], SharedCallRecord]
    ) -> None:
        """Change a record; does nothing if there is none, or if `change` returns it as it is."""
        for _ in range(_TRIES):
            found = await self.find(call_id)
            if found is None or found.row is None or (changed := change(found)) == found:
                return
            with contextlib.suppress(RowChanged):
                await self._records.replace(found.row, changed.values())
                return
        raise Conflict

    async def remove_ended(self, ended: list[Invitation]) -> None:
        """Remove some rows of ended calls from one listing.

        If the call is the listed person's own, its rows in other listings go too, and its record.
        """
        own = [invitation for invitation in ended if invitation.role is Role.OWNER]
        others = [invitation for invitation in ended if invitation.role is not Role.OWNER]
        others = others[:_MOST_REMOVED]
        await for_each(others, self._remove_ended_invitation)
        remaining = _MOST_REMOVED - len(others)
        for invitation in own:
            if remaining <= 0:
                return
            remaining -= await self._remove_ended_call(invitation, remaining)

    async def _write_rows(self, record: SharedCallRecord, touched: set[str]) -> None:
        """Write the rows of the audience, and remove rows of people who are not in it.

        Args:
            touched: partitions that this request has written to; the new ones are added.
        """
        roles: dict[str, Role] = {}
        if record.content is not None:
            roles = dict.fromkeys(record.invitees, Role.INVITEE)
            roles[record.owner] = Role.OWNER
            if record.space:
                roles[record.space] = Role.SPACE

        async def write(partition: str) -> None:
            invitation = record.invitation_for(partition, roles[partition])
            await self._listings.put(partition, record.call_id, invitation.values())

        former = {*record.other_partitions, *touched}
        touched.update(roles)
        await self._remove(former - roles.keys() - {record.owner}, record.call_id)
        await for_each(roles, write)

    async def _remove_ended_call(self, own: Invitation, limit: int) -> int:
        """Remove rows of an ended call, and after the last of them its record.

        Args:
            own: the owner's row.
            limit: how many other rows to remove at most.

        Returns:
            How many rows it has worked on.
        """
        record = await self.find(own.call_id)
        if record is None or record.row is None:
            await self._remove_unchanged(own)
            return 1
        if record.is_live(self._now()):
            return 0  # the owner shared it again just now
        partitions = sorted(record.other_partitions)[:limit]
        shared_at = record.content.shared_at if record.content else self._now()
        await for_each(
            partitions, lambda partition: self._remove_ended_row(partition, own.call_id, shared_at)
        )
        with contextlib.suppress(RowChanged):
            if len(partitions) == limit:
                await self._records.replace(record.row, record.without(partitions).values())
            else:
                await self._records.remove_unchanged(record.row)
                await self._remove_unchanged(own)
        return len(partitions) + 1

    async def _remove_ended_row(self, partition: str, call_id: str, shared_at: datetime) -> None:
        """Remove a row of an ended sharing, or of one no later than `shared_at`."""
        row = await self._listings.find(partition, call_id)
        if row is not None:
            invitation = Invitation.of(row)
            content = invitation.content
            if content and (content.gone_at <= self._now() or content.shared_at <= shared_at):
                await self._remove_unchanged(invitation)

    async def _remove_ended_invitation(self, invitation: Invitation) -> None:
        """Remove a row of an ended call.

        The invitee is removed from the record first: an erasure of the invitee finds the record by
        this row alone.
        """
        if invitation.role is Role.INVITEE:
            invitee, now = {invitation.partition}, self._now()
            await self.change(
                invitation.call_id,
                lambda record: record if record.is_live(now) else record.without(invitee),
            )
        await self._remove_unchanged(invitation)

    async def _remove_unchanged(self, invitation: Invitation) -> None:
        if invitation.row is not None:
            with contextlib.suppress(RowChanged):
                await self._listings.remove_unchanged(invitation.row)

    async def _remove(self, partitions: Iterable[str], call_id: str) -> None:
        await for_each(partitions, lambda partition: self._listings.remove(partition, call_id))
