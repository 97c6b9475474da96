"""Who has which ACS identity: the mapping between principals and identities, one each."""

import contextlib
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Protocol

from shared.identity.acs import Grant
from shared.identity.rows import (
    REVERSE_ROW,
    Identity,
    identity_of,
    is_erasing,
    is_tombstone,
    new_mapping,
    owner_key,
    refuse_forgotten,
    resource_key,
    standing,
)
from shared.keys import milliseconds, principal_key
from shared.principals import Caller, Kind, Principal
from shared.problems import (
    BeingErased,
    Conflict,
    IdentityGone,
    Problem,
    Unauthenticated,
)
from shared.tables import RowChanged, Table, Value

logger = logging.getLogger(__name__)

# Identities kept for a retry of their enrolment; more than that many half-done ones at a time
# means that storage is down for good, and the oldest is given up.
_MOST_SPARES = 1000
# How often a write is tried anew because another request wrote the same row meanwhile.
_TRIES = 10


class AcsUsers(Protocol):
    """What of `shared.identity.acs` is needed here."""

    async def create_user(self, scopes: frozenset[str], minutes: int) -> tuple[str, Grant]: ...

    async def issue_token(self, user_id: str, scopes: frozenset[str], minutes: int) -> Grant: ...

    async def delete_user(self, user_id: str) -> None: ...


class Identities:
    """The mapping of one ACS resource."""

    def __init__(
        self,
        table: Table,
        acs: AcsUsers,
        resource: str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._table = table
        self._acs = acs
        self._resource_key = resource_key(resource)
        self._now = now
        self._spares: OrderedDict[Principal, str] = OrderedDict()

    async def find(
        self, principal: Principal, proven_at: datetime | None = None
    ) -> Identity | None:
        """The principal's identity, or None where there is none. One point read.

        Args:
            proven_at: when the caller's bearer token was issued, where they ask for themselves.

        Raises:
            Unauthenticated: the principal was erased after that.
            BeingErased: an erasure has begun and not ended.
        """
        row = await self._table.find(principal_key(principal), self._resource_key)
        if row is None:
            return None
        refuse_forgotten(row, proven_at)
        return standing(row)

    async def admit(self, caller: Caller) -> None:
        """Refuse a caller who was erased after their token was issued; raises as `find`.

        For what is not read from the caller's own row, which says so by itself.
        """
        await self.find(caller.principal, caller.issued_at)

    async def stands(self, mapping: str) -> bool:
        """Is there an identity under this PartitionKey, and is it not being erased?"""
        row = await self._table.find(mapping, self._resource_key)
        return row is not None and not is_tombstone(row) and not is_erasing(row)

    async def owner_of(self, communication_user_id: str) -> Principal | None:
        """Whose identity this is; None where it is nobody's, or no longer, or of somebody who is
        being erased. Two point reads."""
        reverse = await self._table.find(owner_key(communication_user_id), REVERSE_ROW)
        if reverse is None:
            return None
        row = await self._table.find(str(reverse.values["principal"]), self._resource_key)
        if row is None or row.values.get("communicationUserId") != communication_user_id:
            return None
        if is_erasing(row):
            return None
        values = row.values
        return Principal(Kind(str(values["kind"])), str(values["realm"]), str(values["id"]))

    async def enrol(
        self,
        principal: Principal,
        display_name: str | None,
        scopes: frozenset[str],
        minutes: int,
        proven_at: datetime | None = None,
    ) -> tuple[Identity, Grant | None]:
        """Give a principal who has none an identity, and its first token with it.

        Safe against anybody doing the same anywhere: the insert of the mapping decides, and all
        get the winner's identity. The reverse row comes first, so that an identity whose mapping
        never came (a kill in between) is on record.

        Returns:
            The identity that stands; its first token, unless the identity was made earlier or
            by somebody else.

        Raises:
            Unauthenticated, BeingErased: as `find`.
        """
        return await self._with_new_identity(
            principal,
            lambda created: self._map(principal, created, display_name, proven_at),
            scopes,
            minutes,
        )

    async def heal(
        self,
        principal: Principal,
        dead: Identity,
        scopes: frozenset[str],
        minutes: int,
        proven_at: datetime | None = None,
    ) -> tuple[Identity, Grant | None]:
        """Replace an identity that ACS no longer knows; returns and raises as `enrol`."""
        healed, grant = await self._with_new_identity(
            principal,
            lambda created: self._remap(principal, dead, created, proven_at),
            scopes,
            minutes,
            generation=dead.generation + 1,
        )
        logger.warning("an identity that ACS does not know was replaced")
        with contextlib.suppress(Problem):  # should it live after all, nobody would know of it
            await self._acs.delete_user(dead.communication_user_id)
        return healed, grant

    async def discard_spare(self, principal: Principal, standing: Identity | None = None) -> None:
        """Tidy up after an enrolment that failed here, unless its identity is the standing one."""
        spare = self._spares.pop(principal, None)
        if spare is not None and (standing is None or spare != standing.communication_user_id):
            await self._discard(principal, spare)

    async def rename(
        self, identity: Identity, display_name: str, said_at: datetime | None = None
    ) -> Identity:
        """Give an identity another display name.

        Args:
            said_at: when the bearer token was issued that says so.

        Raises:
            RowChanged: somebody else wrote the row meanwhile.
        """
        version = self._next_version(identity)
        change: dict[str, Value] = {"displayName": display_name, "version": version}
        if said_at is not None:
            change["namedAt"] = said_at
        return identity_of(await self._table.merge(identity.row, change))

    async def note_announced(self, identity: Identity) -> Identity:
        """Friends know this version of name and ACS id.

        Raises:
            RowChanged: somebody else wrote the row meanwhile.
        """
        change: dict[str, Value] = {"toldVersion": identity.version}
        return identity_of(await self._table.merge(identity.row, change))

    async def raise_generation(
        self, principal: Principal, proven_at: datetime | None
    ) -> Identity | None:
        """From now on no token that was made before is found in any cache; else as `find`.

        Where others raise it at the same time, once for all is enough: it counts from after the
        beginning of each of them.
        """
        first = identity = await self.find(principal, proven_at)
        for _ in range(_TRIES):
            if first is None or identity is None or identity.generation > first.generation:
                return identity
            try:
                change: dict[str, Value] = {"generation": identity.generation + 1}
                return identity_of(await self._table.merge(identity.row, change))
            except RowChanged:
                identity = await self.find(principal, proven_at)
        raise Conflict

    async def _with_new_identity(
        self,
        principal: Principal,
        place: Callable[[str], Awaitable[Identity]],
        scopes: frozenset[str],
        minutes: int,
        generation: int = 0,
    ) -> tuple[Identity, Grant | None]:
        """Make an identity and place it; if another one stands in the end, delete it again.

        Args:
            generation: of the identity while nobody has revoked its tokens. A revocation may come
                between our write and its answer that was lost: then the first token is dead.
        """
        created, grant = await self._own_identity(principal, scopes, minutes)
        try:
            placed = await place(created)
        except (Unauthenticated, BeingErased):
            await self._discard(principal, created)
            raise
        except BaseException:
            # Storage failed us, or time ran out. The next try on this host goes on with the same
            # identity: an outage must not leave one orphan for each retry of each client.
            self._keep_spare(principal, created)
            raise
        if placed.communication_user_id != created:
            await self._discard(principal, created)
            return placed, None
        return placed, grant if placed.generation == generation else None

    async def _own_identity(
        self, principal: Principal, scopes: frozenset[str], minutes: int
    ) -> tuple[str, Grant]:
        """A new identity with a new token, or a spare with one, if it lives still."""
        spare = self._spares.pop(principal, None)
        if spare is not None:
            try:
                return spare, await self._acs.issue_token(spare, scopes, minutes)
            except IdentityGone:  # it was placed after all, and erased since
                await self._forget_owner(spare)
            except BaseException:
                self._keep_spare(principal, spare)
                raise
        return await self._acs.create_user(scopes, minutes)

    async def _map(
        self,
        principal: Principal,
        created: str,
        display_name: str | None,
        proven_at: datetime | None,
    ) -> Identity:
        at = self._now()
        await self._record_owner(principal, created, at)
        mapping = new_mapping(principal, created, display_name, at)
        for _ in range(_TRIES):
            row = await self._table.insert_if_absent(
                principal_key(principal), self._resource_key, mapping
            )
            refuse_forgotten(row, proven_at)
            found = standing(row)
            if found is not None:
                return found
            try:  # a tombstone, and a new person
                erased_at = row.values["erasedAt"]
                return identity_of(
                    await self._table.replace(row, {**mapping, "erasedAt": erased_at})
                )
            except RowChanged:
                continue
        raise Conflict

    async def _remap(
        self, principal: Principal, dead: Identity, created: str, proven_at: datetime | None
    ) -> Identity:
        await self._record_owner(principal, created, self._now())
        # Before the mapping changes: a heal is repeated until it has, and no longer.
        await self._forget_owner(dead.communication_user_id)
        for _ in range(_TRIES):
            found = await self.find(principal, proven_at)
            if found is None:
                raise BeingErased
            if found.communication_user_id != dead.communication_user_id:
                return found  # another request has healed it
            change: dict[str, Value] = {
                "communicationUserId": created,
                "generation": found.generation + 1,
                "version": self._next_version(found),
            }
            try:
                return identity_of(await self._table.merge(found.row, change))
            except RowChanged:
                continue
        raise Conflict

    def _next_version(self, identity: Identity) -> int:
        return max(identity.version + 1, milliseconds(self._now()))

    async def _record_owner(self, principal: Principal, created: str, at: datetime) -> None:
        # It only points to the mapping: who this is stands in one place, and is erased there.
        await self._table.insert_if_absent(
            owner_key(created),
            REVERSE_ROW,
            {
                "principal": principal_key(principal),
                "communicationUserId": created,
                "createdAt": at,
            },
        )

    async def _forget_owner(self, communication_user_id: str) -> None:
        await self._table.remove(owner_key(communication_user_id), REVERSE_ROW)

    async def _discard(self, principal: Principal, spare: str) -> None:
        """Another request was first: do not leave our spare identity orphaned.

        Its reverse row goes last: as long as it is there, the spare is on record.
        """
        try:
            await self._acs.delete_user(spare)
            await self._forget_owner(spare)
        except Problem as problem:
            # No reason to fail the caller, who has an identity: the next request tries again.
            self._keep_spare(principal, spare)
            logger.warning("a spare identity is not deleted yet: %s", problem.code)
        except BaseException:
            self._keep_spare(principal, spare)
            raise

    def _keep_spare(self, principal: Principal, spare: str) -> None:
        self._spares[principal] = spare
        if len(self._spares) > _MOST_SPARES:
            self._spares.popitem(last=False)
