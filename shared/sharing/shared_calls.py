"""How what the record of a shared call says reaches every listing, whoever dies on the way.

The record is claimed first; then the rows of its audience are made to follow it; then one looks
again, at the record and at what lets the owner invite each of them, and takes back what no longer
holds. Whoever withdraws (a friend, an erased person, the owner) says so first and removes the rows
after: of the two, one always sees the other. A request that was killed in between is finished by
its repetition; until then a listing may show what the record no longer says, and `find` never.
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
from shared.sharing.rows import RECORD_ROW, Consent, Invitation, JoinDetails, Role, SharedCallRecord
from shared.tables import RowChanged, Table
from shared.upstream.concurrency import for_each

# How often a change is tried anew because others changed the same record meanwhile.
_TRIES = 10
# Rows of ended calls that one listing removes.
_FEW = 20


class SharedCalls:
    """The records of all shared calls, and the rows that show them. Who may share what with whom
    is the business of `shared.sharing.invitations`."""

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
        self._friendships = friendships
        self._identities = identities
        self._now = now

    async def find(self, call_id: str) -> SharedCallRecord | None:
        """What is shared under this id, ended or not. One point read."""
        row = await self._records.find(call_id, RECORD_ROW)
        return None if row is None else SharedCallRecord.of(row)

    async def lacking_consent(
        self, owner: str, consent: Consent, invitees: Iterable[str]
    ) -> frozenset[str]:
        """Those whom the owner may not, or no longer, invite; on each side's own word."""
        lacking_consent = set[str]()
        asked = list(invitees)
        if not asked:
            return frozenset()
        said_yes = (
            await self._friendships.accepted_by(owner) if consent is Consent.FRIENDSHIP else set()
        )

        async def look(invitee: str) -> None:
            if consent is Consent.ROLE:
                willing = await self._identities.is_active(invitee)
            else:
                willing = (
                    await self._friendships.has_accepted(invitee, owner) and invitee in said_yes
                )
            if not willing:
                lacking_consent.add(invitee)

        await for_each(asked, look)
        return frozenset(lacking_consent)

    async def claim(
        self, wanted: SharedCallRecord, admitted: Callable[[], Awaitable[None]] | None = None
    ) -> SharedCallRecord | None:
        """Make the record say what is wanted; returns what it said before.

        Args:
            admitted: raises where the owner was erased; asked before a record is replaced that
                whoever signed in later has written.
        """
        pointer = replace(wanted, content=None).row_for(wanted.owner, Role.OWNER)
        for _ in range(_TRIES):
            found = await self.find(wanted.call_id)
            try:
                if found is None:
                    # First, so that an erasure of the owner finds whatever there will be; written
                    # anew, so that who is removing the one of an earlier sharing sees ours.
                    await self._listings.put(wanted.owner, wanted.call_id, pointer.values())
                    row = await self._records.insert_if_absent(
                        wanted.call_id, RECORD_ROW, wanted.values()
                    )
                    if SharedCallRecord.of(row).change_id == wanted.change_id:
                        return None
                elif found.leaving or found.former_space:
                    await self.synchronize(wanted.call_id)  # what an earlier request did not finish
                elif found.row is not None:
                    if admitted is not None and found.proven_at > wanted.proven_at:
                        await admitted()
                    await self._records.replace(found.row, wanted.after(found).values())
                    return found
            except RowChanged:
                continue
        raise Conflict

    async def undo(self, claimed: SharedCallRecord, before: SharedCallRecord | None) -> None:
        """Let the record say what it said before it was claimed, unless others changed it since."""
        found = await self.find(claimed.call_id)
        if found is None or found.row is None or found.change_id != claimed.change_id:
            return
        if before is None or before.content is None:
            await self.end(claimed.call_id, lambda record: record.change_id == claimed.change_id)
            return
        restored = replace(before, change_id=uuid.uuid4().hex).after(found)
        with contextlib.suppress(RowChanged):
            await self._records.replace(found.row, restored.values())
        await self.synchronize(claimed.call_id)

    async def end(
        self, call_id: str, only: Callable[[SharedCallRecord], bool] | None = None
    ) -> None:
        """Say that a call is shared no longer, and remove everything about it; repeatable.

        Args:
            only: whether to end what is found; whatever it is, where None.
        """
        for _ in range(_TRIES):
            found = await self.find(call_id)
            if found is None or found.row is None or (only and not only(found)):
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
        """Finish what a killed request of the owner's may have left; nothing where none has."""
        record, pointer = await asyncio.gather(
            self.find(call_id), self._listings.find(owner, call_id)
        )
        if record is not None:
            if record.owner == owner:
                await self.synchronize(call_id)
        elif pointer is not None:
            # At most the beginning of a sharing that never came to its record, or comes just now.
            with contextlib.suppress(RowChanged):
                await self._listings.remove_unchanged(pointer)
            await self.synchronize(call_id)

    async def clear(self, call_id: str, partitions: Iterable[str]) -> None:
        """Remove the rows of a call that has no record: a request died before it could."""

        async def remove(partition: str) -> None:
            row = await self._listings.find(partition, call_id)
            # Read before the record, so that a row of who shares it just now is not taken for one.
            if row is not None and await self.find(call_id) is None:
                await self._remove_unchanged(Invitation.of(row))

        await for_each(partitions, remove)

    async def synchronize(self, call_id: str) -> SharedCallRecord | None:
        """Make all rows say what the record says, whoever else is at it.

        Returns:
            The record; None once there is none, because it had ended.
        """
        touched = set[str]()
        for _ in range(_TRIES):
            record = await self.find(call_id)
            if record is None:
                if not touched:
                    return None
                await self._remove(touched, call_id)
                touched.clear()
                continue  # who shares it anew may have written theirs meanwhile
            await self._follow(record, touched)
            lacking_consent = frozenset[str]()
            if record.content is not None:
                lacking_consent = await self.lacking_consent(
                    record.owner, record.consent, record.invitees
                )
                await self._remove(lacking_consent, call_id)
            now = await self.find(call_id)
            if now is None or now.row is None or now != record:
                continue  # others have changed it, and may have done so before our writes
            invitees = now.invitees - lacking_consent
            synchronized = replace(now, invitees=invitees, leaving=frozenset(), former_space="")
            try:
                if record.content is None:
                    # The record first: an erasure finds it by the owner's row.
                    pointer = await self._listings.find(record.owner, call_id)
                    await self._records.remove_unchanged(now.row)
                    if pointer is not None:
                        with contextlib.suppress(RowChanged):
                            await self._listings.remove_unchanged(pointer)
                    return None
                if synchronized != now:
                    return SharedCallRecord.of(
                        await self._records.replace(now.row, synchronized.values())
                    )
            except RowChanged:
                continue
            return now
        raise Conflict

    async def follow(
        self, call_id: str, tell: Callable[[SharedCallRecord], Awaitable[JoinDetails]]
    ) -> JoinDetails:
        """Let Teams follow what a record says, and the record what Teams answers; repeatable.

        Raises:
            Conflict: it is shared no longer.
        """
        for _ in range(_TRIES):
            record = await self.find(call_id)
            if record is None or record.row is None or record.content is None:
                break
            details = await tell(record)
            # Others who changed it meanwhile may have told Teams before we did: so once more.
            with contextlib.suppress(RowChanged):
                await self._records.replace(record.row, replace(record, details=details).values())
                return details
        raise Conflict

    async def uninvite(self, invitation: Invitation) -> None:
        """Uninvite somebody; repeatable. Their row and the record name each other until both are
        changed, so that whoever comes after a kill finds what is left."""
        invitee = frozenset({invitation.partition})

        def leaving(record: SharedCallRecord) -> SharedCallRecord:
            among = record.invitees & invitee
            return replace(record, invitees=record.invitees - among, leaving=record.leaving | among)

        await self.change(invitation.call_id, leaving)
        # Where the row was written anew, its writer looks again after us.
        await self._remove_unchanged(invitation)
        await self.change(
            invitation.call_id, lambda record: replace(record, leaving=record.leaving - invitee)
        )

    async def change(
        self, call_id: str, change: Callable[[SharedCallRecord], SharedCallRecord]
    ) -> None:
        """Change a record, where there is one and anything to change."""
        for _ in range(_TRIES):
            found = await self.find(call_id)
            if found is None or found.row is None or (changed := change(found)) == found:
                return
            with contextlib.suppress(RowChanged):
                await self._records.replace(found.row, changed.values())
                return
        raise Conflict

    async def remove_ended(self, ended: list[Invitation]) -> None:
        """Remove some rows of ended calls: of one's own, everybody's before the record."""
        own = [one for one in ended if one.role is Role.OWNER]
        others = [one for one in ended if one.role is not Role.OWNER][:_FEW]
        await for_each(others, self._remove_ended_row)
        left = _FEW - len(others)
        for invitation in own:
            if left <= 0:
                return
            left -= await self._tidy_own(invitation, left)

    async def _follow(self, record: SharedCallRecord, touched: set[str]) -> None:
        """Write the rows of the audience, and remove those that are not of it."""
        shown: dict[str, Role] = {}
        if record.content is not None:
            shown = dict.fromkeys(record.invitees, Role.INVITEE)
            shown[record.owner] = Role.OWNER
            if record.space:
                shown[record.space] = Role.SPACE

        async def write(partition: str) -> None:
            row = record.row_for(partition, shown[partition])
            await self._listings.put(partition, record.call_id, row.values())

        former = {*record.everybody, *touched}
        touched.update(shown)
        await self._remove(former - shown.keys() - {record.owner}, record.call_id)
        await for_each(shown, write)

    async def _tidy_own(self, own: Invitation, most: int) -> int:
        """Remove at most so many rows of an ended call; returns how many it took."""
        record = await self.find(own.call_id)
        if record is None or record.row is None:
            await self._remove_unchanged(own)
            return 1
        if record.is_live(self._now()):
            return 0  # shared anew just now
        some = sorted(record.everybody)[:most]
        shared_at = record.content.shared_at if record.content else self._now()
        await for_each(
            some, lambda partition: self._remove_ended(partition, own.call_id, shared_at)
        )
        with contextlib.suppress(RowChanged):
            if len(some) == most:
                await self._records.replace(record.row, record.without(some).values())
            else:
                await self._records.remove_unchanged(record.row)
                await self._remove_unchanged(own)
        return len(some) + 1

    async def _remove_ended(self, partition: str, call_id: str, shared_at: datetime) -> None:
        """Remove a row of a sharing that has ended, or of one before it."""
        row = await self._listings.find(partition, call_id)
        if row is not None:
            invitation = Invitation.of(row)
            content = invitation.content
            if content and (content.gone_at <= self._now() or content.shared_at <= shared_at):
                await self._remove_unchanged(invitation)

    async def _remove_ended_row(self, invitation: Invitation) -> None:
        """Remove a row of an ended call. The record forgets the invitee first, whose erasure would
        find it by that row alone."""
        if invitation.role is Role.INVITEE:
            gone, now = {invitation.partition}, self._now()
            await self.change(
                invitation.call_id,
                lambda record: record if record.is_live(now) else record.without(gone),
            )
        await self._remove_unchanged(invitation)

    async def _remove_unchanged(self, invitation: Invitation) -> None:
        if invitation.row is not None:
            with contextlib.suppress(RowChanged):
                await self._listings.remove_unchanged(invitation.row)

    async def _remove(self, partitions: Iterable[str], call_id: str) -> None:
        await for_each(partitions, lambda partition: self._listings.remove(partition, call_id))
