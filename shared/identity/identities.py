"""The mapping of principals to ACS identities: each principal has one identity."""

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
    active_identity,
    identity_of,
    is_erasing,
    is_tombstone,
    new_mapping,
    owner_key,
    refuse_if_erased_since,
    resource_key,
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

# How many spare identities a host keeps for a retry of their enrolment. More of them at a time
# mean that storage has been down for long: then the oldest is given up.
_MOST_SPARES = 1000
# How often a write is tried because other requests write the same row.
_TRIES = 10


class AcsUsers(Protocol):
    """The part of `shared.identity.acs` that is used here."""

    async def create_user(self, scopes: frozenset[str], minutes: int) -> tuple[str, Grant]: ...

    async def issue_token(self, user_id: str, scopes: frozenset[str], minutes: int) -> Grant: ...

    async def delete_user(self, user_id: str) -> None: ...


class Identities:
    """The identities of one ACS resource."""

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
        """The principal's identity, or None if there is none. One point read.

        Args:
            proven_at: when the principal's bearer token was issued; None if somebody else asks.

        Raises:
            Unauthenticated: the principal was erased after that.
            BeingErased: an erasure of the principal has begun and not ended.
        """
        row = await self._table.find(principal_key(principal), self._resource_key)
        if row is None:
            return None
        refuse_if_erased_since(row, proven_at)
        return active_identity(row)

    async def admit(self, caller: Caller) -> None:
        """Refuse a caller who was erased after their token was issued. Raises as `find`.

        A request that reads the caller's own mapping with `find` does not need this.
        """
        await self.find(caller.principal, caller.issued_at)

    async def is_active(self, mapping: str) -> bool:
        """Whether there is an active identity under this PartitionKey. One point read."""
        row = await self._table.find(mapping, self._resource_key)
        return row is not None and not is_tombstone(row) and not is_erasing(row)

    async def owner_of(self, communication_user_id: str) -> Principal | None:
        """The principal who has this identity. None if nobody has it now, or if its owner is being
        erased. Two point reads."""
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
        """Give an identity, with its first token, to a principal who has none.

        Safe on any number of hosts at the same time: the insert of the mapping decides, and all
        get the winner's identity. The reverse row is written first: if a kill comes before the
        mapping is written, the identity is on record.

        Returns:
            The principal's identity; and its first token, or None if another request created the
            identity or revoked its tokens.

        Raises:
            Unauthenticated, BeingErased: as `find`.
        """
        return await self._with_new_identity(
            principal,
            lambda created: self._insert_mapping(principal, created, display_name, proven_at),
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
        """Replace an identity that ACS no longer knows. Returns and raises as `enrol`."""
        healed, grant = await self._with_new_identity(
            principal,
            lambda created: self._replace_in_mapping(principal, dead, created, proven_at),
            scopes,
            minutes,
            generation=dead.generation + 1,
        )
        logger.warning("an identity that ACS does not know was replaced")
        with contextlib.suppress(Problem):  # if it exists after all, it would be an orphan
            await self._acs.delete_user(dead.communication_user_id)
        return healed, grant

    async def discard_spare(self, principal: Principal, current: Identity | None = None) -> None:
        """Delete the identity of an enrolment that failed on this host, unless it is `current`."""
        spare = self._spares.pop(principal, None)
        if spare is not None and (current is None or spare != current.communication_user_id):
            await self._discard(principal, spare)

    async def rename(
        self, identity: Identity, display_name: str, token_issued_at: datetime | None = None
    ) -> Identity:
        """Give an identity another display name.

        Args:
            token_issued_at: when the bearer token was issued that holds the name.

        Raises:
            RowChanged: somebody else wrote the row meanwhile.
        """
        version = self._next_version(identity)
        change: dict[str, Value] = {"displayName": display_name, "version": version}
        if token_issued_at is not None:
            change["namedAt"] = token_issued_at
        return identity_of(await self._table.merge(identity.row, change))

    async def mark_announced(self, identity: Identity) -> Identity:
        """Record that all friends know this version of name and ACS id.

        Raises:
            RowChanged: somebody else wrote the row meanwhile.
        """
        change: dict[str, Value] = {"toldVersion": identity.version}
        return identity_of(await self._table.merge(identity.row, change))

    async def raise_generation(
        self, principal: Principal, proven_at: datetime | None
    ) -> Identity | None:
        """Raise the generation: no older token is found in any cache. Returns, raises as `find`.

        If several requests raise it at the same time, one raise is enough for all of them, because
        it comes after each of them has started.
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
        store: Callable[[str], Awaitable[Identity]],
        scopes: frozenset[str],
        minutes: int,
        generation: int = 0,
    ) -> tuple[Identity, Grant | None]:
        """Create an identity and store it; delete it again if the principal has another one.

        Args:
            store: writes the mapping to the new identity; returns the principal's identity.
            generation: the identity's generation before any revocation. If the answer to our
                write is lost, tokens may be revoked before we read the row: then the generation
                is higher, and the first token is dead.
        """
        created, grant = await self._spare_or_new_identity(principal, scopes, minutes)
        try:
            stored = await store(created)
        except (Unauthenticated, BeingErased):
            await self._discard(principal, created)
            raise
        except BaseException:
            # Storage failed, or time ran out. The next try on this host uses the same identity:
            # an outage must not leave an orphan for each retry of each client.
            self._keep_spare(principal, created)
            raise
        if stored.communication_user_id != created:
            await self._discard(principal, created)
            return stored, None
        return stored, grant if stored.generation == generation else None

    async def _spare_or_new_identity(
        self, principal: Principal, scopes: frozenset[str], minutes: int
    ) -> tuple[str, Grant]:
        """The spare identity, if it still exists, or a new one; either with a new token."""
        spare = self._spares.pop(principal, None)
        if spare is not None:
            try:
                return spare, await self._acs.issue_token(spare, scopes, minutes)
            except IdentityGone:  # its mapping was written after all, and erased since
                await self._remove_reverse_row(spare)
            except BaseException:
                self._keep_spare(principal, spare)
                raise
        return await self._acs.create_user(scopes, minutes)

    async def _insert_mapping(
        self,
        principal: Principal,
        created: str,
        display_name: str | None,
        proven_at: datetime | None,
    ) -> Identity:
        at = self._now()
        await self._insert_reverse_row(principal, created, at)
        mapping = new_mapping(principal, created, display_name, at)
        for _ in range(_TRIES):
            row = await self._table.insert_if_absent(
                principal_key(principal), self._resource_key, mapping
            )
            refuse_if_erased_since(row, proven_at)
            found = active_identity(row)
            if found is not None:
                return found
            try:  # the row is a tombstone, and this is a new person
                erased_at = row.values["erasedAt"]
                return identity_of(
                    await self._table.replace(row, {**mapping, "erasedAt": erased_at})
                )
            except RowChanged:
                continue
        raise Conflict

    async def _replace_in_mapping(
        self, principal: Principal, dead: Identity, created: str, proven_at: datetime | None
    ) -> Identity:
        await self._insert_reverse_row(principal, created, self._now())
        # Before the mapping changes, because nobody repeats a heal after that.
        await self._remove_reverse_row(dead.communication_user_id)
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

    async def _insert_reverse_row(self, principal: Principal, created: str, at: datetime) -> None:
        # It only points to the mapping: the person's id is stored, and erased, in one place.
        await self._table.insert_if_absent(
            owner_key(created),
            REVERSE_ROW,
            {
                "principal": principal_key(principal),
                "communicationUserId": created,
                "createdAt": at,
            },
        )

    async def _remove_reverse_row(self, communication_user_id: str) -> None:
        await self._table.remove(owner_key(communication_user_id), REVERSE_ROW)

    async def _discard(self, principal: Principal, spare: str) -> None:
        """Delete a spare identity, because another request was first: it must not be an orphan.

        Its reverse row is removed last, so that the spare is on record until it is deleted.
        """
        try:
            await self._acs.delete_user(spare)
            await self._remove_reverse_row(spare)
        except Problem as problem:
            # The caller has an identity, so do not fail the request: the next one tries again.
            self._keep_spare(principal, spare)
            logger.warning("a spare identity is not deleted yet: %s", problem.code)
        except BaseException:
            self._keep_spare(principal, spare)
            raise

    def _keep_spare(self, principal: Principal, spare: str) -> None:
        self._spares[principal] = spare
        if len(self._spares) > _MOST_SPARES:
            self._spares.popitem(last=False)
