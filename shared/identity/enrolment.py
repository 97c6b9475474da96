"""Gives principals their ACS identity: each gets one, and no identity is forgotten.

A mapping is the row that says which identity a principal has. Until it is stored, an identity that
ACS has created is recorded as a spare (`spares`): one transaction stores the mapping and removes
the spare.
"""

import contextlib
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Protocol

from shared.changes import TRIES
from shared.identity.acs import Grant
from shared.identity.identities import Identities
from shared.identity.rows import (
    REVERSE_ROW,
    Identity,
    active_identity,
    identity_of,
    new_mapping,
    owner_key,
    refuse_if_erased_since,
)
from shared.identity.spares import Spare, SpareReaped, Spares
from shared.keys import principal_key
from shared.principals import Principal
from shared.problems import BeingErased, Conflict, Problem, Unauthenticated
from shared.tables import Row, RowChanged, RowExists, Table, Value
from shared.unavailable import IdentityGone

logger = logging.getLogger(__name__)


class AcsUsers(Protocol):
    """The part of `shared.identity.acs` that is used here."""

    async def create_user(self, scopes: frozenset[str], minutes: int) -> tuple[str, Grant]: ...

    async def issue_token(self, user_id: str, scopes: frozenset[str], minutes: int) -> Grant: ...

    async def delete_user(self, user_id: str) -> None: ...


class Enrolment:
    """Creates identities in ACS and the mappings to them."""

    def __init__(
        self,
        table: Table,
        identities: Identities,
        acs: AcsUsers,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._table = table
        self._identities = identities
        self._acs = acs
        self._now = now
        self._spares = Spares(table, acs)

    async def enrol(
        self,
        principal: Principal,
        display_name: str | None,
        scopes: frozenset[str],
        minutes: int,
        proven_at: datetime | None = None,
    ) -> tuple[Identity, Grant | None]:
        """Give an identity, with its first token, to a principal who has none.

        Safe on any number of hosts at the same time: the transaction that inserts the mapping
        decides, and all get the winner's identity. One query and three writes.

        Returns:
            The principal's identity; and its first token, or None if another request created the
            identity or revoked its tokens.

        Raises:
            Unauthenticated, BeingErased: as `Identities.find`.
        """
        partition = principal_key(principal)
        for _ in range(TRIES):
            rows = await self._table.list_for(partition)
            mapping = next((row for row in rows if row.row_key == self._row_key), None)
            found = self._admitted(mapping, proven_at)
            if found is not None:
                await self._spares.reap_all(principal, rows, found)
                return found, None
            with contextlib.suppress(SpareReaped):
                identity, grant = await self._with_new_identity(
                    principal,
                    scopes,
                    minutes,
                    lambda created, mapping=mapping: self._insert_mapping(  # type: ignore[misc]
                        principal, created, display_name, mapping, proven_at
                    ),
                )
                await self._spares.reap_all(principal, rows, identity)
                return identity, grant
        raise Conflict

    async def heal(
        self,
        principal: Principal,
        dead: Identity,
        scopes: frozenset[str],
        minutes: int,
        proven_at: datetime | None = None,
    ) -> tuple[Identity, Grant | None]:
        """Replace an identity that ACS no longer knows. Returns and raises as `enrol`."""
        for _ in range(TRIES):
            rows = await self._table.list_for(principal_key(principal))
            with contextlib.suppress(SpareReaped):
                healed, grant = await self._with_new_identity(
                    principal,
                    scopes,
                    minutes,
                    lambda created: self._replace_in_mapping(principal, dead, created, proven_at),
                    generation=dead.generation + 1,
                )
                await self._spares.reap_all(principal, rows, healed)
                break
        else:
            raise Conflict
        logger.warning("an identity that ACS does not know was replaced")
        with contextlib.suppress(Problem):  # if it exists after all, it would be an orphan
            await self._acs.delete_user(dead.communication_user_id)
        return healed, grant

    async def discard_spare(self, principal: Principal, current: Identity | None = None) -> None:
        """Delete the identity of an enrolment that failed on this host, unless it is `current`."""
        spare = self._spares.take(principal)
        if spare is not None and (current is None or spare != current.communication_user_id):
            await self._spares.discard(principal, spare)

    @property
    def _row_key(self) -> str:
        return self._identities.row_key

    @staticmethod
    def _admitted(mapping: Row | None, proven_at: datetime | None) -> Identity | None:
        """The active identity of a mapping. Raises as `Identities.find`."""
        if mapping is None:
            return None
        refuse_if_erased_since(mapping, proven_at)
        return active_identity(mapping)

    async def _with_new_identity(
        self,
        principal: Principal,
        scopes: frozenset[str],
        minutes: int,
        store: Callable[[Spare], Awaitable[Identity]],
        generation: int = 0,
    ) -> tuple[Identity, Grant | None]:
        """Create an identity and store it; delete it again if the principal has another one.

        Args:
            store: writes the mapping to the new identity; returns the principal's identity.
            generation: the identity's generation before any revocation. If the answer to our
                write is lost, tokens may be revoked before we read the row: then the generation
                is higher, and the first token is dead.
        """
        user_id, grant = await self._spare_or_new_identity(principal, scopes, minutes)
        try:
            stored = await store(await self._spares.record(principal, user_id, self._now()))
        except (Unauthenticated, BeingErased, SpareReaped):
            await self._spares.discard(principal, user_id)
            raise
        except BaseException:
            # Storage failed, or time ran out. The next try on this host uses the same identity:
            # an outage must not leave an orphan for each retry of each client.
            self._spares.remember(principal, user_id)
            raise
        if stored.communication_user_id != user_id:
            await self._spares.discard(principal, user_id)
            return stored, None
        return stored, grant if stored.generation == generation else None

    async def _spare_or_new_identity(
        self, principal: Principal, scopes: frozenset[str], minutes: int
    ) -> tuple[str, Grant]:
        """The spare identity, if it still exists, or a new one; either with a new token."""
        spare = self._spares.take(principal)
        if spare is not None:
            try:
                return spare, await self._acs.issue_token(spare, scopes, minutes)
            except IdentityGone:  # its mapping was written after all, and erased since
                await self._spares.remove_from_record(principal, spare)
            except BaseException:
                self._spares.remember(principal, spare)
                raise
        return await self._acs.create_user(scopes, minutes)

    async def _insert_mapping(
        self,
        principal: Principal,
        created: Spare,
        display_name: str | None,
        standing: Row | None,
        proven_at: datetime | None,
    ) -> Identity:
        """Store the mapping where no row or only a tombstone is, and remove the spare.

        Args:
            standing: the mapping's row, as it was read last.
        """
        partition, row_key = principal_key(principal), self._row_key
        mapping = new_mapping(
            principal, created.communication_user_id, display_name, created.recorded_at
        )
        for _ in range(TRIES):
            try:
                if standing is None:
                    stored = await self._table.insert_with(
                        partition, {row_key: mapping}, removed=created.row
                    )
                else:  # a tombstone, and this is a new person
                    values = {**mapping, "erasedAt": standing.values["erasedAt"]}
                    stored = await self._table.insert_with(
                        partition, {}, standing, values, removed=created.row
                    )
                return identity_of(stored[row_key])
            except (RowExists, RowChanged):
                before, standing = standing, await self._table.find(partition, row_key)
            found = self._admitted(standing, proven_at)
            if found is not None:
                return found
            if (before and before.etag) == (standing and standing.etag):
                raise SpareReaped  # the mapping has not changed, so the spare has
        raise Conflict

    async def _replace_in_mapping(
        self, principal: Principal, dead: Identity, created: Spare, proven_at: datetime | None
    ) -> Identity:
        # Before the mapping changes, because nobody repeats a heal after that.
        await self._table.remove(owner_key(dead.communication_user_id), REVERSE_ROW)
        tried = ""
        for _ in range(TRIES):
            found = await self._identities.find(principal, proven_at)
            if found is None:
                raise BeingErased
            if found.communication_user_id != dead.communication_user_id:
                return found  # another request has healed it
            if found.row.etag == tried:
                raise SpareReaped  # the mapping has not changed, so the spare has
            tried = found.row.etag
            values: dict[str, Value] = {
                **found.row.values,
                "communicationUserId": created.communication_user_id,
                "generation": found.generation + 1,
                "version": self._identities.next_version(found),
            }
            with contextlib.suppress(RowChanged):
                stored = await self._table.insert_with(
                    found.row.partition_key, {}, found.row, values, removed=created.row
                )
                return identity_of(stored[found.row.row_key])
        raise Conflict
