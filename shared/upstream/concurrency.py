"""Work at the same time: bounded where there is much of it, shared where many want the same."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Hashable, Iterable

# Requests that one request of ours makes at a time, where it has many to make: a partition of
# Table Storage takes 2,000 a second, and other requests are waiting too.
_AT_ONCE = 32


async def for_each[T](items: Iterable[T], work: Callable[[T], Awaitable[object]]) -> None:
    """Do the same for each of many, some at a time; the first failure ends all and is raised."""
    gate = asyncio.Semaphore(_AT_ONCE)

    async def gated(item: T) -> None:
        async with gate:
            await work(item)

    try:
        async with asyncio.TaskGroup() as group:
            for item in items:
                group.create_task(gated(item))
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None


class SingleFlight[K: Hashable, V]:
    """Work that several requests want at the same time is done once, for all of them.

    The work is a task of its own with its own time limit: a request that gives up does not take
    the others' work with it, and what was begun is carried to its end.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._flights: dict[K, asyncio.Task[V]] = {}

    async def do(self, key: K, work: Callable[[], Awaitable[V]]) -> V:
        """The result of the work under this key: of a flight under way, or of a new one.

        Raises:
            TimeoutError: the flight that this call began took longer than its limit.
            Whatever the work raises, to everybody who waits.
        """
        under_way = self._flights.get(key)
        while under_way is not None and not under_way.done():
            # It began before us: where its time runs out, ours has not.
            with contextlib.suppress(TimeoutError):
                return await asyncio.shield(under_way)
            under_way = self._flights.get(key)
        flight = self._flights[key] = asyncio.create_task(self._bounded(work))
        flight.add_done_callback(lambda done: self._land(key, done))
        return await asyncio.shield(flight)

    async def _bounded(self, work: Callable[[], Awaitable[V]]) -> V:
        async with asyncio.timeout(self._seconds):
            return await work()

    def _land(self, key: K, flight: asyncio.Task[V]) -> None:
        if self._flights.get(key) is flight:  # the next may be under way already
            del self._flights[key]
        if not flight.cancelled():
            flight.exception()  # seen, even when everybody who waited has given up
