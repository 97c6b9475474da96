"""Erasing and exporting what the table `identities` holds about a principal."""

from collections.abc import Callable
from datetime import UTC, datetime

from shared.identity.identities import Identities
from shared.identity.rows import (
    REVERSE_ROW,
    identity_of,
    is_erasing,
    is_forgotten,
    is_tombstone,
    owner_key,
    refuse_forgotten,
    resource_key,
)
from shared.keys import principal_key
from shared.principals import Kind, Principal
from shared.problems import Conflict
from shared.tables import Row, RowChanged, Table, Value

_TRIES = 10


class IdentityErasure:
    """In steps, each of which can be repeated: begin, delete the ACS identities, end."""

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

    async def begin(self, principal: Principal, proven_at: datetime | None) -> list[Row] | None:
        """Mark the mapping, so that from now on nobody is served from it.

        Returns:
            Every row about the principal, also those of ACS resources that were used before; None
            where whoever asks was erased already, and must not erase who may have come since.
        """
        for _ in range(_TRIES):
            row = await self._table.find(principal_key(principal), self._resource_key)
            if row is not None and is_forgotten(row, proven_at):
                return None
            standing = None if row is None or is_tombstone(row) else identity_of(row)
            await self._identities.discard_spare(principal, standing)
            try:
                if standing is not None and not is_erasing(standing.row):
                    mark: dict[str, Value] = {
                        "state": "erasing",
                        "generation": standing.generation + 1,
                    }
                    await self._table.merge(standing.row, mark)
            except RowChanged:
                continue
            return await self._table.list_for(principal_key(principal))
        raise Conflict

    async def end(self, principal: Principal, rows: list[Row], proven_at: datetime | None) -> None:
        """Leave nothing, but a tombstone where old bearer tokens may still come.

        Args:
            rows: what `begin` gave.
        """
        for row in rows:
            if not is_tombstone(row):
                await self._table.remove(
                    owner_key(str(row.values["communicationUserId"])), REVERSE_ROW
                )
            if row.row_key != self._resource_key:  # of an ACS resource that was used before
                await self._table.remove(row.partition_key, row.row_key)
        own = next((row for row in rows if row.row_key == self._resource_key), None)
        try:
            if principal.kind is Kind.BOT:
                if own is not None:
                    await self._table.remove_unchanged(own)
            else:
                await self._bury(principal, own, proven_at)
        except RowChanged:
            return  # another request has ended the same erasure

    async def export(
        self, principal: Principal, proven_at: datetime | None
    ) -> list[dict[str, Value]]:
        """Every row about the principal, of every ACS resource that was used.

        Raises:
            Unauthenticated: they are another person's, who came after an erasure.
        """
        rows = await self._table.list_for(principal_key(principal))
        for row in rows:
            refuse_forgotten(row, proven_at)
        return [dict(row.values) for row in rows]

    async def _bury(
        self, principal: Principal, row: Row | None, proven_at: datetime | None
    ) -> None:
        """A tombstone also for somebody who has no mapping: their bearer tokens end here too."""
        # The issuer's clock may be ahead of ours, and the very token that erases counts as old.
        erased_at = max(self._now(), proven_at or self._now())
        tombstone: dict[str, Value] = {"erasedAt": erased_at}
        if row is None:
            found = await self._table.insert_if_absent(
                principal_key(principal), self._resource_key, tombstone
            )
            if not is_tombstone(found):  # enrolled meanwhile: the repetition erases that too
                raise Conflict
        else:
            await self._table.replace(row, tombstone)
