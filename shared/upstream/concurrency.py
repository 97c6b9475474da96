"""Concurrent work: bounded for many items, shared if several requests need one result.

A failure's traceback holds the variables of whom it was raised in. Where one of these variables
leads to the failure, it is deleted: else the request would stay in memory until Python looks for
cycles.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable

# How many items one request works on at a time: a partition of Table Storage takes 2,000 requests
# a second, and other requests need their share.
_MOST_AT_ONCE = 32


async def for_each[T](items: Iterable[T], work: Callable[[T], Awaitable[object]]) -> None:
    """Work on all items, at most 32 at a time. The first failure cancels the rest and is raised."""
    todo = list(items)
    coming = iter(todo)

    async def work_on_some() -> None:
        for item in coming:
            await work(item)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(len(todo), _MOST_AT_ONCE)):
                group.create_task(work_on_some())
    except ExceptionGroup as failed:
        failed.__traceback__ = None
        failure = failed.exceptions[0]
    else:
        return
    try:
        raise failure
    finally:
        del failure


class SingleFlight[K: Hashable, V]:
    """Does work once for all requests that need its result at the same time.

    The work is a task of its own with its own time limit: if a request gives up, the work goes on
    for the others, and it is finished even if nobody waits any more.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._flights: dict[K, asyncio.Task[V]] = {}

    async def do(self, key: K, work: Callable[[], Awaitable[V]]) -> V:
        """The result of the work under this key: of the running flight (one piece of work), or of a
        new one.

        Raises:
            TimeoutError: the flight that this request started took longer than its limit.
            Whatever the work raises, in every request that waits for it.
        """
        while (flight := self._flights.get(key)) is not None and not flight.done():
            # That flight started before us: when its time is up, we still have some left.
            try:
                return await asyncio.shield(flight)
            except TimeoutError:
                continue
            finally:
                del flight
        # It begins at once: otherwise each request would wait for one more turn of the event loop.
        flight = self._flights[key] = asyncio.Task(
            self._bounded(work), loop=asyncio.get_running_loop(), eager_start=True
        )
        flight.add_done_callback(lambda done: self._remove(key, done))
        try:
            return await asyncio.shield(flight)
        finally:
            del flight

    def is_under_way(self, key: K) -> bool:
        """Whether work under this key is being done."""
        return key in self._flights

    async def _bounded(self, work: Callable[[], Awaitable[V]]) -> V:
        async with asyncio.timeout(self._seconds):
            return await work()

    def _remove(self, key: K, flight: asyncio.Task[V]) -> None:
        if self._flights.get(key) is flight:  # the next flight may have started already
            del self._flights[key]
        if not flight.cancelled():
            flight.exception()  # asyncio reports an exception that nobody has retrieved


class SharedWork[K: Hashable, V]:
    """Does work once for all requests that need its result at the same time, as SingleFlight does.

    The first request does the work itself: a task for it would take 4 % of the instructions of a
    request for a token. So the work has no time limit of its own, and each request needs one. If
    the first request is cancelled, the work begins again, as a flight for all who wait: its effect
    may come twice. If each of them did it in turn, all of them would ask a service that is silent.
    """

    def __init__(self, seconds: float) -> None:
        """
        Args:
            seconds: how long such a flight may take.
        """
        self._results: dict[K, asyncio.Future[V]] = {}
        self._flights = SingleFlight[K, V](seconds)

    async def do(self, key: K, work: Callable[[], Awaitable[V]]) -> V:
        """The result of the work under this key: of the work that is being done, or of new work.

        Raises:
            Whatever the work raises, in every request that waits for it.
        """
        is_given_up = self._flights.is_under_way(key)
        while (result := self._results.get(key)) is not None:
            try:
                return await asyncio.shield(result)
            except _GivenUp:
                is_given_up = True
            finally:
                del result
        if is_given_up:
            return await self._flights.do(key, work)
        result = self._results[key] = asyncio.get_running_loop().create_future()
        try:
            value = await work()
        except BaseException as error:
            result.set_exception(error if isinstance(error, Exception) else _GivenUp())
            result.exception()  # asyncio reports an exception that nobody has retrieved
            raise
        else:
            result.set_result(value)
            return value
        finally:
            del self._results[key], result


class _GivenUp(Exception):
    """The request that did the work was cancelled."""
