"""Who has which ACS identity: the mapping between principals and identities, one each."""

import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from shared.acs_identity import Grant
from shared.principals import Principal
from shared.problems import Problem, StorageUnavailable
from shared.tables import Row, RowChanged, Table, key

logger = logging.getLogger(__name__)

_REVERSE_ROW = "principal"
# Identities kept for a retry of their enrolment; more than that many half-done ones at a time
# means that storage is down for good, and the oldest is given up.
_MOST_SPARES = 1000


@dataclass(frozen=True)
class Identity:
    """A principal's standing ACS identity.

    Attributes:
        communication_user_id: ACS raw id, `8:acs:<resource>_<guid>`.
        generation: raised by every revocation; tokens of different generations are never mixed.
    """

    communication_user_id: str
    display_name: str | None
    generation: int
    created_at: datetime
    row: Row


class AcsUsers(Protocol):
    """What of `shared.acs_identity` is needed here."""

    async def create_user(self, scopes: frozenset[str], minutes: int) -> tuple[str, Grant]: ...

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
        self._resource_key = key("resource", resource)
        self._now = now
        self._spares: OrderedDict[Principal, str] = OrderedDict()

    async def find(self, principal: Principal) -> Identity | None:
        """The principal's identity, or None before the first token. One point read."""
        row = await self._table.find(_partition(principal), self._resource_key)
        return _identity(row) if row else None

    async def enrol(
        self, principal: Principal, display_name: str | None, scopes: frozenset[str], minutes: int
    ) -> tuple[Identity, Grant | None]:
        """Give a principal who has none an identity, and its first token with it.

        Safe against anybody doing the same anywhere: the insert of the mapping decides, and all
        get the winner's identity. The reverse row comes first, so that an identity whose mapping
        never came (a kill in between) is on record.

        Returns:
            The identity that stands; its first token, unless the identity was made earlier or
            by somebody else.
        """
        # Of a spare only the identity is used: its first token is as old as the try that failed.
        created, grant = self._spares.pop(principal, None), None
        if created is None:
            created, grant = await self._acs.create_user(scopes, minutes)
        try:
            standing = await self._map(principal, created, display_name)
        except BaseException:
            # Storage failed us, or time ran out. The next try on this host goes on with the same
            # identity: an outage must not leave one orphan for each retry of each client.
            self._keep_spare(principal, created)
            raise
        if standing.communication_user_id != created:
            await self._discard(created)
            return standing, None
        return standing, grant

    async def settle(self, principal: Principal, identity: Identity) -> None:
        """Tidy up after an enrolment that failed here and that a mapping was found for since."""
        spare = self._spares.pop(principal, None)
        if spare is not None and spare != identity.communication_user_id:
            await self._discard(spare)  # another host was faster

    async def rename(self, identity: Identity, display_name: str) -> Identity:
        """Follow a changed display name. Where two change it at once, either is fine; where it
        cannot be written, the next request tries again: nobody goes without a token for a name."""
        try:
            return _identity(await self._table.merge(identity.row, {"displayName": display_name}))
        except (RowChanged, StorageUnavailable):
            return identity

    async def _map(self, principal: Principal, created: str, display_name: str | None) -> Identity:
        created_at = self._now()
        # It only points to the mapping: who this is stands in one place, and is erased there.
        await self._table.insert_if_absent(
            _reverse_partition(created),
            _REVERSE_ROW,
            {"principal": _partition(principal), "createdAt": created_at},
        )
        name = {} if display_name is None else {"displayName": display_name}
        return _identity(
            await self._table.insert_if_absent(
                _partition(principal),
                self._resource_key,
                {
                    "kind": principal.kind.value,
                    "realm": principal.realm,
                    "id": principal.id,
                    **name,
                    "communicationUserId": created,
                    "generation": 0,
                    "createdAt": created_at,
                },
            )
        )

    async def _discard(self, spare: str) -> None:
        """Another request enrolled this principal first: do not leave our spare orphaned.

        Its reverse row goes last: as long as it is there, the spare is on record.
        """
        try:
            await self._acs.delete_user(spare)
            await self._table.remove(_reverse_partition(spare), _REVERSE_ROW)
        except Problem as problem:
            # No reason to fail the caller, who has an identity: the winner's.
            logger.warning("a spare identity stays behind: %s", problem.code)

    def _keep_spare(self, principal: Principal, spare: str) -> None:
        self._spares[principal] = spare
        if len(self._spares) > _MOST_SPARES:
            self._spares.popitem(last=False)


def _partition(principal: Principal) -> str:
    return key("identity of", principal.kind.value, principal.realm, principal.id)


def _reverse_partition(communication_user_id: str) -> str:
    return key("owner of", communication_user_id)


def _identity(row: Row) -> Identity:
    values = row.values
    name, created_at = values.get("displayName"), values["createdAt"]
    return Identity(
        communication_user_id=str(values["communicationUserId"]),
        display_name=None if name is None else str(name),
        generation=int(str(values["generation"])),
        created_at=_moment(created_at),
        row=row,
    )


def _moment(value: object) -> datetime:
    if not isinstance(value, datetime):
        raise TypeError("an identity row whose createdAt is no time")
    return value.astimezone(UTC)
