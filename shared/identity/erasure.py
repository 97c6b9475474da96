"""Erases and exports what the table `identities` holds about a principal."""

from collections.abc import Callable
from datetime import UTC, datetime

from shared.identity.identities import Identities
from shared.identity.rows import (
    REVERSE_ROW,
    identity_of,
    is_erased_since,
    is_erasing,
    is_tombstone,
    owner_key,
    refuse_if_erased_since,
    resource_key,
)
from shared.keys import principal_key
from shared.principals import Kind, Principal
from shared.problems import Conflict
from shared.tables import Row, RowChanged, Table, Value

# How often a write is tried because other requests write the same row.
_TRIES = 10


class IdentityErasure:
    """An erasure has three steps, each repeatable: `begin`, deleting the ACS identities, `end`."""

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
        """Mark the mapping: from now on no request is served from it.

        Returns:
            Every row about the principal, also of ACS resources that were used before. None if
            the caller was erased before: their old token must not erase a person who came later.
        """
        for _ in range(_TRIES):
            row = await self._table.find(principal_key(principal), self._resource_key)
            if row is not None and is_erased_since(row, proven_at):
                return None
            identity = None if row is None or is_tombstone(row) else identity_of(row)
            await self._identities.discard_spare(principal, identity)
            try:
                if identity is not None and not is_erasing(identity.row):
                    mark: dict[str, Value] = {
                        "state": "erasing",
                        "generation": identity.generation + 1,
                    }
                    await self._table.merge(identity.row, mark)
            except RowChanged:
                continue
            return await self._table.list_for(principal_key(principal))
        raise Conflict

    async def end(self, principal: Principal, rows: list[Row], proven_at: datetime | None) -> None:
        """Remove every row. A tombstone stays, except of a bot, because old bearer tokens may come.

        Args:
            rows: what `begin` returned.
        """
        for row in rows:
            if not is_tombstone(row):
                await self._table.remove(
                    owner_key(str(row.values["communicationUserId"])), REVERSE_ROW
                )
            if row.row_key != self._resource_key:  # of an ACS resource that was used before
                await self._table.remove(row.partition_key, row.row_key)
        mapping = next((row for row in rows if row.row_key == self._resource_key), None)
        try:
            if principal.kind is Kind.BOT:
                if mapping is not None:
                    await self._table.remove_unchanged(mapping)
            else:
                await self._write_tombstone(principal, mapping, proven_at)
        except RowChanged:
            return  # another request has finished the same erasure

    async def export(
        self, principal: Principal, proven_at: datetime | None
    ) -> list[dict[str, Value]]:
        """Every row about the principal, of every ACS resource that was used.

        Raises:
            Unauthenticated: the caller was erased; the rows belong to a person who came later.
        """
        rows = await self._table.list_for(principal_key(principal))
        for row in rows:
            refuse_if_erased_since(row, proven_at)
        return [dict(row.values) for row in rows]

    async def _write_tombstone(
        self, principal: Principal, row: Row | None, proven_at: datetime | None
    ) -> None:
        """Also for a principal without a mapping: their old bearer tokens must not enrol them."""
        # The issuer's clock may be ahead of ours, and the token of this very request is old, too.
        erased_at = max(self._now(), proven_at or self._now())
        tombstone: dict[str, Value] = {"erasedAt": erased_at}
        if row is None:
            found = await self._table.insert_if_absent(
                principal_key(principal), self._resource_key, tombstone
            )
            if not is_tombstone(found):  # enrolled meanwhile: a repetition erases that identity too
                raise Conflict
        else:
            await self._table.replace(row, tombstone)
