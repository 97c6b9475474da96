"""Erases and exports what the table `identities` holds about a principal.

An erasure first marks the mapping. The version (etag) of the marked row names the erasure: it stays
the same until the erasure ends, and never comes back. So a slow request can tell that another
request has ended the erasure, and that what it finds now may belong to a person who came later.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from shared.changes import retry_if_changed
from shared.identity.rows import (
    REVERSE_ROW,
    bot_place,
    bots_key,
    is_erased_since,
    is_erasing,
    is_mapping,
    is_spare,
    is_tombstone,
    owner_key,
    principal_of,
    refuse_if_erased_since,
    resource_key,
)
from shared.identity.spares import AcsDeletion, reap
from shared.keys import principal_key
from shared.principals import Kind, Principal
from shared.problems import Conflict
from shared.sweeping import SweepEnded
from shared.tables import Row, RowChanged, Table, Value


class ErasureEnded(SweepEnded):
    """Another request has ended this erasure."""


@dataclass(frozen=True)
class Erasure:
    """An erasure that has begun and not ended. `marked` is the mapping's row with its mark."""

    principal: Principal
    marked: Row


class IdentityErasure:
    """An erasure has three steps, each repeatable: `begin`, `delete_identities`, `end`."""

    def __init__(
        self,
        table: Table,
        resource: str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._table = table
        self._row_key = resource_key(resource)
        self._now = now

    async def begin(self, principal: Principal, proven_at: datetime | None) -> Erasure | None:
        """Mark the mapping: from now on no request is served from it, and nobody is enrolled.

        If there is no mapping, the mark is stored alone: else a first token could enrol the
        principal while the erasure goes on.

        Returns:
            The erasure, of which another request may have set the mark. None if the caller was
            erased before: their old token must not erase a person who came later.
        """

        async def attempt() -> Erasure | None:
            row = await self._table.find(principal_key(principal), self._row_key)
            if row is not None and is_erasing(row):
                return Erasure(principal, row)
            if row is not None and is_erased_since(row, proven_at):
                return None
            return Erasure(principal, await self._mark(principal, row, proven_at))

        return await retry_if_changed(attempt)

    async def resume(self, mapping: str) -> Erasure | None:
        """The erasure that has begun and not ended under this PartitionKey; None without one."""
        row = await self._table.find(mapping, self._row_key)
        if row is None or not is_erasing(row):
            return None
        return Erasure(principal_of(row), row)

    async def check(self, erasure: Erasure) -> None:
        """Raises ErasureEnded once the erasure has ended. One point read."""
        marked = erasure.marked
        row = await self._table.find(marked.partition_key, marked.row_key)
        if row is None or row.etag != marked.etag:
            raise ErasureEnded

    async def delete_identities(self, erasure: Erasure, swept: Table, acs: AcsDeletion) -> None:
        """Delete the principal's identities in ACS, also the spares of enrolments that failed.

        Args:
            swept: the table `identities` as `check` of this erasure guards it.
            acs: where they are deleted; an identity of another ACS resource counts as gone.
        """
        marked, principal = erasure.marked, erasure.principal
        if principal.kind is Kind.BOT:
            await swept.remove(bots_key(principal.realm), bot_place(principal))
        if not is_tombstone(marked):
            await _delete_identity(marked, swept, acs)
        for row in await swept.list_for(marked.partition_key):
            if is_spare(row):
                try:
                    await reap(swept, acs, row)
                except RowChanged:  # an enrolment gives it up just now, or it was reaped
                    raise Conflict from None
            elif row.row_key != marked.row_key:  # of an ACS resource that was used before
                if not is_tombstone(row):
                    await _delete_identity(row, swept, acs)
                await swept.remove(row.partition_key, row.row_key)

    async def end(self, erasure: Erasure, proven_at: datetime | None) -> None:
        """Replace the mark with a tombstone, the row that refuses bearer tokens from before the
        erasure. A bot has no such tokens, and leaves no row.

        Raises:
            ErasureEnded: another request was first, or the answer to this same write was lost.
        """
        try:
            if erasure.principal.kind is Kind.BOT:
                await self._table.remove_unchanged(erasure.marked)
            else:
                erased_at: dict[str, Value] = {"erasedAt": self._erased_at(proven_at)}
                await self._table.replace(erasure.marked, erased_at)
        except RowChanged:
            raise ErasureEnded from None

    async def export(
        self, principal: Principal, proven_at: datetime | None
    ) -> list[dict[str, Value]]:
        """Every mapping of the principal, of every ACS resource that was used.

        Raises:
            Unauthenticated: the caller was erased; the rows belong to a person who came later.
        """
        rows = [
            row for row in await self._table.list_for(principal_key(principal)) if is_mapping(row)
        ]
        for row in rows:
            refuse_if_erased_since(row, proven_at)
        return [dict(row.values) for row in rows]

    async def _mark(self, principal: Principal, row: Row | None, proven_at: datetime | None) -> Row:
        """Raises RowChanged if another request wrote the mapping since it was read."""
        if row is not None and not is_tombstone(row):
            generation = int(str(row.values["generation"]))
            return await self._table.merge(row, {"state": "erasing", "generation": generation + 1})
        mark: dict[str, Value] = {
            "kind": principal.kind.value,
            "realm": principal.realm,
            "id": principal.id,
            "state": "erasing",
            "erasedAt": self._erased_at(proven_at),
        }
        if row is not None:
            return await self._table.replace(row, mark)
        partition = principal_key(principal)
        standing = await self._table.insert_if_absent(partition, self._row_key, mark)
        if not is_erasing(standing):
            raise RowChanged  # a first token has enrolled the principal meanwhile
        return standing

    def _erased_at(self, proven_at: datetime | None) -> datetime:
        """Now, or when the token was issued if that is later: the issuer's clock may be ahead of
        ours, and this token has to be refused, too."""
        now = self._now()
        return max(now, proven_at or now)


async def _delete_identity(mapping: Row, swept: Table, acs: AcsDeletion) -> None:
    user_id = str(mapping.values["communicationUserId"])
    await acs.delete_user(user_id)
    await swept.remove(owner_key(user_id), REVERSE_ROW)
