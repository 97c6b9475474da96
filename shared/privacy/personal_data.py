"""Erases and exports a person: the one place that reaches everything stored about them.

Each domain that stores something about people is a `PersonalDataStore`, and is listed in
`shared.app`. tests/privacy/test_erasure.py fails for a row that no store reaches.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from shared import audit
from shared.bounds import ERASURES, EXPORTS
from shared.changes import TRIES
from shared.identity.enrolment import Enrolment
from shared.identity.erasure import Erasure, ErasureEnded, IdentityErasure
from shared.identity.identities import Identities
from shared.identity.spares import AcsDeletion
from shared.intents import Finisher, Intent, Intents
from shared.keys import principal_key
from shared.limits import Budget
from shared.principals import Caller, Kind, Principal
from shared.problems import Conflict
from shared.tables import Table
from shared.upstream.concurrency import SingleFlight

# Seconds by which the clock of an issuer on this machine may be behind ours.
_CLOCK_MARGIN = 0.01
ERASE = "erase"  # the kind of intent

type Check = Callable[[], Awaitable[None]]
"""Raises ErasureEnded once the erasure has ended."""

type Rows = Sequence[Mapping[str, Any]]


class PersonalDataStore(Protocol):
    """What a domain stores about people."""

    async def erase(self, principal: Principal) -> None:
        """Remove everything about them. Repeatable, also after a kill half-way."""

    async def export(self, principal: Principal) -> Rows:
        """Everything about them that they may know."""


@dataclass(frozen=True)
class Swept:
    """The stores of an erasure: on tables that never touch what belongs to a person who came later.

    Attributes:
        stores: all stores, on such tables.
        identities: the table `identities`.
    """

    stores: Mapping[str, PersonalDataStore]
    identities: Table


class PersonalData:
    """Everything stored about a principal: a user, a service or a bot."""

    def __init__(
        self,
        identities: Identities,
        enrolment: Enrolment,
        erasure: IdentityErasure,
        acs: AcsDeletion,
        intents: Intents,
        stores: Callable[[], Mapping[str, PersonalDataStore]],
        swept: Callable[[Check], Swept],
        flight_seconds: float,
        *,
        needless: Sequence[str] = (),
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """
        Args:
            stores: all stores, by the name of their part in an export. Called for each request,
                so that no store is built before it is needed.
            swept: makes what an erasure works on from the check that the erasure still goes on.
            flight_seconds: how long an erasure may take; equal requests share one.
            needless: the kinds of intents about a person that an erasure makes needless.
        """
        self._identities = identities
        self._enrolment = enrolment
        self._erasure = erasure
        self._acs = acs
        self._intents = intents
        self._stores = stores
        self._swept = swept
        self._needless = needless
        self._clock = clock
        self._sleep = sleep

        def now() -> datetime:
            return datetime.fromtimestamp(clock(), UTC)

        self._erasures, self._exports = Budget(ERASURES.number, now), Budget(EXPORTS.number, now)
        self._flights = SingleFlight[object, None](flight_seconds)

    @property
    def finishers(self) -> Mapping[str, Finisher]:
        return {ERASE: self._finish}

    async def erase(self, caller: Caller) -> None:
        """Erase the caller. Repeatable until it is done, whatever happens in between.

        Bearer tokens issued until now are refused from now on. Issuers count in whole seconds, so
        the answer waits for the next second: a person who signs in after it is a new person.

        Raises:
            Throttled: too many requests for it within a minute.
        """
        self._erasures.spend(caller.principal)
        # Requests with one token can share an erasure: a person who comes after it has a newer one.
        who, proven_at = caller.principal, caller.issued_at
        await self._flights.do((who, proven_at), lambda: self._erase(who, caller, proven_at))
        await self._sleep(1 - self._clock() % 1 + _CLOCK_MARGIN)

    async def erase_bot(self, operator: Caller, bot: Principal) -> None:
        """Erase a bot. It is no error if there is none."""
        await self._erase(bot, operator, None)

    async def export(self, caller: Caller) -> dict[str, Rows]:
        """Everything stored about the caller, by the domain that stores it.

        Raises:
            Unauthenticated: the caller was erased; what is stored belongs to a later person.
            Throttled: too many exports within a minute.
        """
        principal = caller.principal
        await self._identities.find(principal, caller.issued_at)
        self._exports.spend(principal)
        held = {name: await store.export(principal) for name, store in self._stores().items()}
        # Last, because it checks again that the caller was not erased meanwhile.
        return {**held, "identities": await self._erasure.export(principal, caller.issued_at)}

    async def _erase(self, principal: Principal, actor: Caller, proven_at: datetime | None) -> None:
        mapping = principal_key(principal)
        intent = await self._intents.begin(ERASE, mapping)
        for _ in range(TRIES):
            erasure = await self._erasure.begin(principal, proven_at)
            if erasure is None:
                break
            await self._enrolment.discard_spare(principal)
            try:
                await self._complete(erasure, proven_at)
            except ErasureEnded:
                # Another request has ended it, or the answer to our last write was lost. A person
                # may have been enrolled before either set a mark: then begin again. A bot that
                # exists now is a new one, because ours had the mark.
                if principal.kind is Kind.BOT:
                    break
                continue
            audit.record("erased", actor.principal, principal)
            break
        else:
            raise Conflict
        # Also the intents of requests that were killed; but if the person has come again since, the
        # intent of their next erasure stays.
        for kind in (*self._needless, ERASE):
            await self._intents.end_all(kind, mapping, intent.begun_at)

    async def _finish(self, intent: Intent) -> None:
        """Finish an erasure whose request died. If it died before the mark, it has erased nothing,
        and its client repeats it."""
        erasure = await self._erasure.resume(intent.subject)
        if erasure is not None:
            with contextlib.suppress(ErasureEnded):
                await self._complete(erasure, None)
                audit.record("erased", erasure.principal, erasure.principal)

    async def _complete(self, erasure: Erasure, proven_at: datetime | None) -> None:
        """Raises ErasureEnded if somebody else does it meanwhile."""
        swept = self._swept(lambda: self._erasure.check(erasure))
        # The stores first: nobody sees the person any more, even if ACS is down.
        await _erase_stores(swept, erasure.principal)
        await self._erasure.delete_identities(erasure, swept.identities, self._acs)
        # Again: a request that was under way when the mapping was marked may have written since.
        await _erase_stores(swept, erasure.principal)
        await self._erasure.end(erasure, proven_at)


async def _erase_stores(swept: Swept, principal: Principal) -> None:
    for store in swept.stores.values():
        await store.erase(principal)
