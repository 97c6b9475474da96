"""Runs requests step by step, in an order that a test chooses: one storage request at a time.

Each request has a service of its own, as if each came to another instance, on a table client that
waits for its turn before each storage request. It may be stopped dead behind any of its writes, or
lose the answer to one that has happened.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, override

from shared.table_api import ANY, Continuation, Operation, Parameter, TableApi
from shared.tables import Row, Value


class Stopped(Exception):
    """The instance died here: nothing of the request happens any more."""


class Schedule:
    """The storage requests that wait for their turn."""

    def __init__(self) -> None:
        self.waiting: list[asyncio.Future[None]] = []
        self._busy = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def settle(self) -> None:
        """Return once every request waits for its turn, or has ended."""
        loop: Any = asyncio.get_running_loop()
        while True:
            await self._idle.wait()
            await asyncio.sleep(0)
            # There is no public way to ask whether anything may go on. Who does I/O is busy.
            if not self._busy and not loop._ready:
                break
        self.waiting = [turn for turn in self.waiting if not turn.done()]

    async def step(self, chosen: int) -> None:
        """Give one of those who wait their turn, and let things settle."""
        self.waiting.pop(chosen % len(self.waiting)).set_result(None)
        await self.settle()

    async def drain(self) -> None:
        """Let all go on, in the order in which they came."""
        await self.settle()
        while self.waiting:
            await self.step(0)

    async def hold[T](
        self, request: Awaitable[T], step: int, meanwhile: Callable[[], Awaitable[object]]
    ) -> asyncio.Future[T]:
        """Hold a request before one of its storage requests, while something else happens.

        Args:
            step: how many storage requests it makes before; if it makes no more, it ends first.

        Returns:
            The request, which has ended.
        """
        return await self.hold_at(request, {step: meanwhile})

    async def hold_at[T](
        self, request: Awaitable[T], moments: Mapping[int, Callable[[], Awaitable[object]]]
    ) -> asyncio.Future[T]:
        """Hold a request as `hold` does, at several moments.

        Args:
            moments: what happens, by how many storage requests have been made before it. It happens
                also if the request has ended by then.
        """
        task = asyncio.ensure_future(request)
        await self.settle()
        for step in range(max(moments) + 1):
            if step in moments:
                held, self.waiting = self.waiting, []
                await moments[step]()
                self.waiting += held
            if self.waiting:
                await self.step(0)
        await self.drain()
        await asyncio.wait([task])
        return task

    async def turn[T](self, call: Callable[[], Awaitable[T]]) -> T:
        turn = asyncio.get_running_loop().create_future()
        self.waiting.append(turn)
        await turn
        self._busy += 1
        self._idle.clear()
        try:
            return await call()
        finally:
            self._busy -= 1
            if not self._busy:
                self._idle.set()


class Instance:
    """What one request runs on.

    Attributes:
        stop_after: the number of the write behind which it dies; 0 for never.
        lose_after: the number of the write whose answer is lost, so that it is sent twice; 0 for
            none.
    """

    def __init__(self, schedule: Schedule, stop_after: int = 0, lose_after: int = 0) -> None:
        self._schedule = schedule
        self._stop_after = stop_after
        self._lose_after = lose_after
        self._writes = 0
        self._dead = False

    async def do[T](self, call: Callable[[], Awaitable[T]], *, write: bool) -> T:
        async def unless_dead() -> T:
            if self._dead:
                raise Stopped
            return await call()

        result = await self._schedule.turn(unless_dead)
        self._writes += write
        if write and self._writes == self._stop_after:
            self._dead = True
        if self._dead:
            raise Stopped
        if write and self._writes == self._lose_after:
            # The request asks again at once: `shared.upstream.retries` pauses before it does, and
            # then the order of what follows would depend on how fast the machine is.
            return await self._schedule.turn(call)
        return result

    def client(self, client: TableApi) -> TableApi:
        """The client, a turn at a time."""
        return SteppedApi(client, self)


class SteppedApi(TableApi):
    """The operations on one table, a turn at a time."""

    def __init__(self, api: TableApi, instance: Instance) -> None:
        self.api = api
        self._instance = instance
        self.table_name = api.table_name

    @override
    async def get(self, partition_key: str, row_key: str) -> Row:
        return await self._read(lambda: self.api.get(partition_key, row_key))

    @override
    async def insert(self, partition_key: str, row_key: str, values: Mapping[str, Value]) -> str:
        return await self._write(lambda: self.api.insert(partition_key, row_key, values))

    @override
    async def update(self, row: Row, values: Mapping[str, Value], *, merge: bool) -> str:
        return await self._write(lambda: self.api.update(row, values, merge=merge))

    @override
    async def upsert(self, partition_key: str, row_key: str, values: Mapping[str, Value]) -> str:
        return await self._write(lambda: self.api.upsert(partition_key, row_key, values))

    @override
    async def delete(self, partition_key: str, row_key: str, etag: str = ANY) -> None:
        await self._write(lambda: self.api.delete(partition_key, row_key, etag))

    @override
    async def transact(self, partition_key: str, operations: Sequence[Operation]) -> list[str]:
        return await self._write(lambda: self.api.transact(partition_key, operations))

    @override
    async def query(
        self,
        row_filter: str,
        parameters: Mapping[str, Parameter],
        most: int,
        continuation: Continuation | None = None,
        only: Sequence[str] = (),
    ) -> tuple[list[Row], Continuation | None]:
        return await self._read(
            lambda: self.api.query(row_filter, parameters, most, continuation, only)
        )

    async def _read[T](self, call: Callable[[], Awaitable[T]]) -> T:
        return await self._instance.do(call, write=False)

    async def _write[T](self, call: Callable[[], Awaitable[T]]) -> T:
        return await self._instance.do(call, write=True)
