"""Erasing and exporting a person: the one place that reaches everything stored about them.

Each domain module that stores something about people offers `forget` and `export`, and is listed
in `shared.app`; tests/privacy/test_erasure.py fails for a row that neither reaches.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Protocol

from shared import audit
from shared.identity.erasure import IdentityErasure
from shared.identity.identities import AcsUsers, Identities
from shared.identity.rows import is_tombstone
from shared.principals import Caller, Principal
from shared.tables import Value

# Seconds by which an issuer on this machine may be behind when a new second begins.
_CLOCKS_APART = 0.01

type Rows = list[dict[str, Value]]


class PersonalDataStore(Protocol):
    """A domain module that stores something about people."""

    async def erase(self, principal: Principal) -> None:
        """Remove everything; repeatable, also after a kill half-way."""

    async def export(self, principal: Principal) -> Rows:
        """Everything about them that is theirs to know."""


class PersonalData:
    """Whoever holds an identity: users, services and bots."""

    def __init__(
        self,
        identities: Identities,
        erasure: IdentityErasure,
        acs: AcsUsers,
        stores: Callable[[], Mapping[str, PersonalDataStore]],
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """
        Args:
            stores: by the name of their part of an export.
        """
        self._identities = identities
        self._erasure = erasure
        self._acs = acs
        self._stores = stores
        self._clock = clock
        self._sleep = sleep

    async def erase(self, caller: Caller) -> None:
        """Erase the caller. Repeatable until it is done, whatever happened in between.

        Bearer tokens issued up to now are refused from now on; issuers count in whole seconds, so
        the answer waits for the next one: whoever signs in anew after it is a new person.
        """
        await self._erase(caller.principal, caller, caller.issued_at)
        await self._sleep(1 - self._clock() % 1 + _CLOCKS_APART)

    async def erase_bot(self, operator: Caller, bot: Principal) -> None:
        """Erase a bot; fine where there is none."""
        await self._erase(bot, operator, None)

    async def export(self, caller: Caller) -> dict[str, Rows]:
        """Everything stored about the caller, by the module that holds it.

        Raises:
            Unauthenticated: the caller was erased; what is stored is somebody else's.
        """
        principal = caller.principal
        await self._identities.find(principal, caller.issued_at)
        held = {name: await store.export(principal) for name, store in self._stores().items()}
        # Last, because it looks once more whether the caller is still who is stored.
        return {**held, "identities": await self._erasure.export(principal, caller.issued_at)}

    async def _erase(self, principal: Principal, actor: Caller, proven_at: datetime | None) -> None:
        rows = await self._erasure.begin(principal, proven_at)
        if rows is None:
            return
        await self._erase_stored(principal)  # others see them no more, even while ACS is down
        for row in rows:
            if not is_tombstone(row):  # of another ACS resource ours says that it is gone: fine
                await self._acs.delete_user(str(row.values["communicationUserId"]))
        # Again: a request that was under way when the mapping was marked may have written since.
        await self._erase_stored(principal)
        await self._erasure.end(principal, rows, proven_at)
        audit.record("erased", actor.principal, principal)

    async def _erase_stored(self, principal: Principal) -> None:
        for store in self._stores().values():
            await store.erase(principal)
