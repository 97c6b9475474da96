"""Removes the rows of calls that have ended, some with each listing that meets them."""

import contextlib
from collections.abc import Callable
from datetime import datetime

from shared.sharing.fallbacks import without
from shared.sharing.listings import Listings
from shared.sharing.rows import Invitation, Role
from shared.sharing.shared_calls import SharedCalls
from shared.tables import RowChanged, Table
from shared.upstream.concurrency import for_each

# How many rows of ended calls one listing removes.
_MOST_REMOVED = 20


class EndedCalls:
    """Removes rows of the listings, and records."""

    def __init__(self, listings: Table, calls: SharedCalls, now: Callable[[], datetime]) -> None:
        self._listings = Listings(listings, now)
        self._calls = calls
        self._now = now

    async def remove(self, ended: list[Invitation]) -> None:
        """Remove some rows of ended calls from one listing.

        If the call is the listed person's own, its rows in other listings go too, and its record.
        """
        own = [invitation for invitation in ended if invitation.role is Role.OWNER]
        others = [invitation for invitation in ended if invitation.role is not Role.OWNER]
        others = others[:_MOST_REMOVED]
        await for_each(others, self._remove_invitation)
        remaining = _MOST_REMOVED - len(others)
        for invitation in own:
            if remaining <= 0:
                return
            remaining -= await self._remove_call(invitation, remaining)

    async def _remove_call(self, own: Invitation, limit: int) -> int:
        """Remove rows of an ended call, and after the last of them its record.

        Args:
            own: the owner's row.
            limit: how many other rows to remove at most.

        Returns:
            How many rows it has worked on.
        """
        record = await self._calls.find(own.call_id)
        if record is None:
            await self._listings.remove_row(own)
            return 1
        if record.is_live(self._now()):
            return 0  # the owner shared it again just now
        partitions = sorted(record.other_partitions)[:limit]
        shared_at = record.content.shared_at if record.content else self._now()
        await for_each(
            partitions, lambda partition: self._remove_row(partition, own.call_id, shared_at)
        )
        with contextlib.suppress(RowChanged):
            if len(partitions) == limit:
                await self._calls.change(
                    own.call_id,
                    lambda found: without(found, partitions) if found == record else found,
                )
            else:
                await self._calls.remove_record(record)
                await self._listings.remove_row(own)
        return len(partitions) + 1

    async def _remove_row(self, partition: str, call_id: str, shared_at: datetime) -> None:
        """Remove a row of an ended sharing, or of one no later than `shared_at`."""
        invitation = await self._listings.find(partition, call_id)
        if invitation is not None:
            content = invitation.content
            if content and (content.gone_at <= self._now() or content.shared_at <= shared_at):
                await self._listings.remove_row(invitation)

    async def _remove_invitation(self, invitation: Invitation) -> None:
        """Remove a row of an ended call.

        The invitee is removed from the record first: an erasure of the invitee finds the record by
        this row alone.
        """
        if invitation.role is Role.INVITEE:
            invitee, now = {invitation.partition}, self._now()
            await self._calls.change(
                invitation.call_id,
                lambda record: record if record.is_live(now) else without(record, invitee),
            )
        await self._listings.remove_row(invitation)
