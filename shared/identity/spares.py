"""Spares: identities that ACS has created, until a mapping to them is stored.

A spare has a row in its principal's partition, where every request that enrols, heals or erases the
principal finds it. A request that finds an unused spare reaps it: marks it, and deletes it.
"""

import contextlib
import logging
from collections import OrderedDict
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple, Protocol

from shared.identity.rows import (
    REVERSE_ROW,
    Identity,
    is_reaping,
    is_spare,
    owner_key,
    spare_row_key,
)
from shared.keys import principal_key
from shared.principals import Principal
from shared.problems import Problem
from shared.tables import Row, RowChanged, Table, Value

logger = logging.getLogger(__name__)

# How many spares a host remembers for a retry of their enrolment. More of them at a time mean that
# storage has been down for long: then the oldest is given up.
_MOST_REMEMBERED = 1000


class AcsDeletion(Protocol):
    """The part of `shared.identity.acs` that is used here."""

    async def delete_user(self, user_id: str) -> None: ...


class SpareReaped(Exception):
    """Somebody else has taken a spare from the record, to delete it."""


class Spare(NamedTuple):
    """An identity on record that has no mapping yet."""

    communication_user_id: str
    recorded_at: datetime
    row: Row


class Spares:
    """The spares of all principals; those of this host's failed enrolments it remembers, too."""

    def __init__(self, table: Table, acs: AcsDeletion) -> None:
        self._table = table
        self._acs = acs
        self._remembered: OrderedDict[Principal, str] = OrderedDict()

    def take(self, principal: Principal) -> str | None:
        """The ACS id of a spare that this host remembers; it forgets it."""
        return self._remembered.pop(principal, None)

    def remember(self, principal: Principal, user_id: str) -> None:
        self._remembered[principal] = user_id
        if len(self._remembered) > _MOST_REMEMBERED:
            self._remembered.popitem(last=False)

    async def record(self, principal: Principal, user_id: str, at: datetime) -> Spare:
        """Put an identity on record: as the principal's spare, and whose it is. Two writes.

        Raises:
            SpareReaped: it is on record already, and somebody is deleting it.
        """
        recorded: dict[str, Value] = {"communicationUserId": user_id, "createdAt": at}
        partition = principal_key(principal)
        row = await self._table.insert_if_absent(partition, spare_row_key(user_id), recorded)
        if is_reaping(row):
            raise SpareReaped
        # It only points to the mapping: the person's id is stored, and erased, in one place.
        await self._table.insert_if_absent(
            owner_key(user_id), REVERSE_ROW, {"principal": partition, **recorded}
        )
        return Spare(user_id, at, row)

    async def discard(self, principal: Principal, user_id: str) -> None:
        """Delete an identity because another request was first: it must not be an orphan.

        It is on record until it is deleted.
        """
        try:
            await self._acs.delete_user(user_id)
            await self.remove_from_record(principal, user_id)
        except Problem as problem:
            # The caller has an identity, so do not fail the request: the next one tries again.
            self.remember(principal, user_id)
            logger.warning("a spare identity is not deleted yet: %s", problem.code)
        except BaseException:
            self.remember(principal, user_id)
            raise

    async def remove_from_record(self, principal: Principal, user_id: str) -> None:
        await self._table.remove(owner_key(user_id), REVERSE_ROW)
        await self._table.remove(principal_key(principal), spare_row_key(user_id))

    async def reap_all(self, principal: Principal, rows: Iterable[Row], current: Identity) -> None:
        """Delete the spares among a principal's rows, now that a mapping stands.

        Enrolments that still run for them lose against that mapping. If this fails, the spares stay
        on record; the caller has an identity, so the request does not fail. This host remembers one
        spare, because nobody enrols the principal again; the next request retries.
        """
        for row in rows:
            user_id = row.values.get("communicationUserId")
            if not is_spare(row) or user_id == current.communication_user_id:
                continue
            try:
                with contextlib.suppress(RowChanged):
                    await reap(self._table, self._acs, row)
            except Problem as problem:
                self.remember(principal, str(user_id))
                logger.warning("a spare identity is not deleted yet: %s", problem.code)
            except BaseException:  # time ran out
                self.remember(principal, str(user_id))
                raise


async def reap(table: Table, acs: AcsDeletion, spare: Row) -> None:
    """Delete a spare and what is on record of it. Repeatable, also after a kill.

    The mark comes first: an enrolment that is under way finds its spare changed, and cannot store
    a mapping to an identity that ACS deletes.

    Args:
        spare: the row as it was read.

    Raises:
        RowChanged: an enrolment has used it, or somebody else reaps it.
    """
    if not is_reaping(spare):
        spare = await table.merge(spare, {"reaping": True})
    user_id = str(spare.values["communicationUserId"])
    await acs.delete_user(user_id)
    await table.remove(owner_key(user_id), REVERSE_ROW)
    await table.remove_unchanged(spare)
