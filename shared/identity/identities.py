"""The mapping of principals to ACS identities: each principal has one identity."""

from collections.abc import Callable
from datetime import UTC, datetime

from shared.changes import TRIES
from shared.identity.rows import (
    REVERSE_ROW,
    Identity,
    active_identity,
    identity_of,
    is_erasing,
    is_tombstone,
    owner_key,
    principal_of,
    refuse_if_erased_since,
    resource_key,
)
from shared.keys import milliseconds, principal_key
from shared.principals import Caller, Principal
from shared.problems import Conflict
from shared.tables import Row, RowChanged, Table, Value


class Identities:
    """The identities of one ACS resource.

    Attributes:
        row_key: of every mapping to them.
    """

    def __init__(
        self,
        table: Table,
        resource: str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._table = table
        self.row_key = resource_key(resource)
        self._now = now

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
        row = await self._table.find(principal_key(principal), self.row_key)
        if row is None:
            return None
        refuse_if_erased_since(row, proven_at)
        return active_identity(row)

    async def admit(self, caller: Caller) -> None:
        """Refuse a caller who was erased after their token was issued. Raises as `find`.

        A request that reads the caller's own mapping with `find` does not need this.
        """
        await self.find(caller.principal, caller.issued_at)

    async def row_under(self, mapping: str) -> Row | None:
        """The row under this PartitionKey, whatever it holds. One point read."""
        return await self._table.find(mapping, self.row_key)

    async def is_active(self, mapping: str) -> bool:
        """Whether there is an active identity under this PartitionKey. One point read."""
        row = await self.row_under(mapping)
        return row is not None and not is_tombstone(row) and not is_erasing(row)

    async def owner_of(self, communication_user_id: str) -> Principal | None:
        """The principal who has this identity. None if nobody has it now, or if its owner is being
        erased. Two point reads."""
        reverse = await self._table.find(owner_key(communication_user_id), REVERSE_ROW)
        if reverse is None:
            return None
        row = await self._table.find(str(reverse.values["principal"]), self.row_key)
        if row is None or row.values.get("communicationUserId") != communication_user_id:
            return None
        if is_erasing(row):
            return None
        return principal_of(row)

    async def rename(
        self, identity: Identity, display_name: str, token_issued_at: datetime | None = None
    ) -> Identity:
        """Give an identity another display name.

        Args:
            token_issued_at: when the bearer token was issued that holds the name.

        Raises:
            RowChanged: somebody else wrote the row meanwhile.
        """
        version = self.next_version(identity)
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
        for _ in range(TRIES):
            if first is None or identity is None or identity.generation > first.generation:
                return identity
            try:
                change: dict[str, Value] = {"generation": identity.generation + 1}
                return identity_of(await self._table.merge(identity.row, change))
            except RowChanged:
                identity = await self.find(principal, proven_at)
        raise Conflict

    def next_version(self, identity: Identity) -> int:
        """The version after a change of the identity's name or ACS id."""
        return max(identity.version + 1, milliseconds(self._now()))
