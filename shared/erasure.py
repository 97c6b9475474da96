"""Erasing and exporting what the table `identities` holds about a principal."""

from collections.abc import Callable
from datetime import UTC, datetime

from shared.identities import Identities
from shared.identity_rows import (
    REVERSE_ROW,
    identity_of,
    is_erasing,
    is_forgotten,
    is_tombstone,
    owner_key,
    principal_key,
    resource_key,
)
from shared.principals import Kind, Principal
from shared.problems import Conflict
from shared.tables import Row, RowChanged, Table, Value

_TRIES = 10


class IdentityErasure:
    """In steps, each of which can be repeated: begin, delete the ACS identity, end."""

    def __init__(
        self,
        table: Table,
        identities: Identities,
        resource: str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._table = table
        self._identities = identities
        self._resource_key = resource_key(resource)
        self._now = now

    async def begin(self, principal: Principal, proven_at: datetime | None) -> Row | None:
        """Mark the mapping, so that from now on nobody is served from it.

        Returns:
            The marked row; None where there is no more to do: nobody was enrolled, or whoever
            asks was erased already (and must not erase the new person who may have come since).
        """
        await self._identities.discard_spare(principal)
        for _ in range(_TRIES):
            row = await self._table.find(principal_key(principal), self._resource_key)
            try:
                if row is None or is_tombstone(row):
                    await self._bury(principal, row, proven_at)
                    return None
                if is_forgotten(row, proven_at):
                    return None
                if is_erasing(row):
                    return row
                generation = identity_of(row).generation + 1
                return await self._table.merge(row, {"state": "erasing", "generation": generation})
            except RowChanged:
                continue
        raise Conflict

    async def end(self, principal: Principal, marked: Row) -> None:
        """Leave nothing, but a tombstone where old bearer tokens may still come."""
        for row in await self._table.list_for(principal_key(principal)):
            if row.row_key != self._resource_key:  # of an ACS resource that was used before
                await self._forget_owner(row)
                await self._table.remove(row.partition_key, row.row_key)
        await self._forget_owner(marked)
        if principal.kind is Kind.BOT:
            await self._table.remove(marked.partition_key, marked.row_key)
            return
        try:
            await self._table.replace(marked, {"erasedAt": self._now()})
        except RowChanged:
            return  # another request has ended the same erasure

    async def export(self, principal: Principal) -> list[dict[str, Value]]:
        """Every row about the principal, of every ACS resource that was used."""
        return [dict(row.values) for row in await self._table.list_for(principal_key(principal))]

    async def _bury(
        self, principal: Principal, row: Row | None, proven_at: datetime | None
    ) -> None:
        """A tombstone also for somebody who has no mapping: their bearer tokens end here too."""
        if principal.kind is Kind.BOT:
            return
        tombstone: dict[str, Value] = {"erasedAt": self._now()}
        if row is None:
            found = await self._table.insert_if_absent(
                principal_key(principal), self._resource_key, tombstone
            )
            if not is_tombstone(found):
                raise RowChanged
        elif not is_forgotten(row, proven_at):
            await self._table.replace(row, tombstone)

    async def _forget_owner(self, row: Row) -> None:
        identity = row.values.get("communicationUserId")
        if identity is not None:
            await self._table.remove(owner_key(str(identity)), REVERSE_ROW)
