"""A bounded rate of requests, so that an operator's command leaves the service its share."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol, override

from shared.calls.acs_types import EstablishedCall
from shared.stored_rows import Row
from shared.table_api import Continuation, Parameter, TableApi
from shared.upstream.clients import Upstream
from shared.upstream.settings import UpstreamSettings


class Pace:
    """Lets so many requests through in a second, one after the other."""

    def __init__(
        self,
        per_second: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._gap = 1 / per_second
        self._clock = clock
        self._sleep = sleep
        self._next = 0.0

    async def turn(self) -> None:
        """Wait for the next turn."""
        now = self._clock()
        turn = max(self._next, now)
        self._next = turn + self._gap
        if turn > now:
            await self._sleep(turn - now)


class PacedTableApi(TableApi):
    """A table that is read at a bounded rate. Writes are few: each follows some reads."""

    def __init__(
        self, name: str, settings: UpstreamSettings, upstream: Upstream, pace: Pace
    ) -> None:
        super().__init__(name, settings, upstream)
        self._pace = pace

    @override
    async def get(self, partition_key: str, row_key: str) -> Row:
        await self._pace.turn()
        return await super().get(partition_key, row_key)

    @override
    async def query(
        self,
        row_filter: str,
        parameters: Mapping[str, Parameter],
        most: int,
        continuation: Continuation | None = None,
        only: Sequence[str] = (),
    ) -> tuple[list[Row], Continuation | None]:
        await self._pace.turn()
        return await super().query(row_filter, parameters, most, continuation, only)


class _CallAutomation(Protocol):
    async def find(self, connection_id: str) -> EstablishedCall | None: ...


class PacedCalls:
    """Asks ACS for calls at a bounded rate."""

    def __init__(self, acs: _CallAutomation, pace: Pace) -> None:
        self._acs = acs
        self._pace = pace

    async def find(self, connection_id: str) -> EstablishedCall | None:
        await self._pace.turn()
        return await self._acs.find(connection_id)


class _Identities(Protocol):
    async def delete_user(self, user_id: str) -> None: ...


class PacedIdentities:
    """Deletes identities in ACS at a bounded rate."""

    def __init__(self, acs: _Identities, pace: Pace) -> None:
        self._acs = acs
        self._pace = pace

    async def delete_user(self, user_id: str) -> None:
        await self._pace.turn()
        await self._acs.delete_user(user_id)
