"""Runs requests step by step, in an order that a test chooses: one storage request at a time.

Each request has a service of its own, as if each came to another instance, on a table client that
waits for its turn before each storage request. It may be stopped dead behind any of its writes, or
lose the answer to one that has happened.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from azure.data.tables.aio import TableClient


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
        task = asyncio.ensure_future(request)
        await self.settle()
        for _ in range(step):
            if self.waiting:
                await self.step(0)
        held, self.waiting = self.waiting, []
        await meanwhile()
        self.waiting += held
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

    def client(self, client: TableClient) -> Any:
        """The client, a turn at a time."""
        return _SteppedClient(client, self)


class _SteppedClient:
    """What of TableClient `shared.tables` uses."""

    def __init__(self, client: TableClient, instance: Instance) -> None:
        self._client = client
        self._instance = instance
        self.table_name = client.table_name

    async def get_entity(self, *args: Any, **options: Any) -> Any:
        return await self._instance.do(
            lambda: self._client.get_entity(*args, **options), write=False
        )

    async def create_entity(self, *args: Any, **options: Any) -> Any:
        return await self._instance.do(
            lambda: self._client.create_entity(*args, **options), write=True
        )

    async def update_entity(self, *args: Any, **options: Any) -> Any:
        return await self._instance.do(
            lambda: self._client.update_entity(*args, **options), write=True
        )

    async def upsert_entity(self, *args: Any, **options: Any) -> Any:
        return await self._instance.do(
            lambda: self._client.upsert_entity(*args, **options), write=True
        )

    async def delete_entity(self, *args: Any, **options: Any) -> Any:
        return await self._instance.do(
            lambda: self._client.delete_entity(*args, **options), write=True
        )

    async def submit_transaction(self, *args: Any, **options: Any) -> Any:
        return await self._instance.do(
            lambda: self._client.submit_transaction(*args, **options), write=True
        )

    def query_entities(self, *args: Any, **options: Any) -> "_SteppedPager":
        return _SteppedPager(self._client.query_entities(*args, **options), self._instance)


class _SteppedPager:
    def __init__(self, pager: Any, instance: Instance) -> None:
        self._pager = pager
        self._instance = instance

    def by_page(self, token: Any = None) -> "_SteppedPager":
        return _SteppedPager(self._pager.by_page(token), self._instance)

    @property
    def continuation_token(self) -> Any:
        return self._pager.continuation_token

    async def __anext__(self) -> Any:
        return await self._instance.do(lambda: anext(self._pager), write=False)
