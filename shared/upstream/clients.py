"""How this service talks to Azure: one HTTP session, its own few retries, shared work in flight.

The SDKs' retries are switched off: they try ten times, sleep as long as any Retry-After says, and
do not count that sleep against their timeout. Here the request's own time limit rules.
"""

import asyncio
import contextlib
import random
import re
from collections.abc import Awaitable, Callable, Hashable, Iterable
from functools import cached_property
from http import HTTPStatus
from typing import Any

import aiohttp
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import (
    AzureError,
    HttpResponseError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.core.pipeline.transport import AioHttpTransport

# Seconds slept before the second and third try, give or take half.
_PAUSES = (0.1, 0.4)
# A longer Retry-After is passed on to the client, who has more time than we do.
_LONGEST_RETRY_AFTER = 1.0
_MOST_RETRY_AFTER = 3600.0
# Requests that one request of ours makes at a time, where it has many to make: a partition of
# Table Storage takes 2,000 a second, and others are waiting too.
_AT_ONCE = 32
_SECONDS = re.compile("[0-9]{1,9}")
_PASSING = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)


class Upstream:
    """The connections of this process: one HTTP session, one credential.

    Make it inside the event loop.
    """

    def __init__(self) -> None:
        # One TLS context, no cookies, and no proxy from the environment: that look-up costs each
        # request two hops through a thread pool. Nothing limits the connections but our limits.
        self.session = aiohttp.ClientSession(
            cookie_jar=aiohttp.DummyCookieJar(), connector=aiohttp.TCPConnector(limit=0)
        )

    @cached_property
    def managed_identity(self) -> AsyncTokenCredential:
        """The credential of this app in Azure, or of the developer who is signed in on a laptop."""
        # Imported here because it costs 115 ms, and apps with keys never need it.
        from azure.identity.aio import DefaultAzureCredential

        return DefaultAzureCredential(transport=self._transport())

    def client_options(self) -> dict[str, Any]:
        """Keyword arguments that every Azure SDK client is built with."""
        return {"transport": self._transport(), "use_env_settings": False, "retry_total": 0}

    async def close(self) -> None:
        """Close every connection. In Azure the process ends first."""
        await self.session.close()

    def _transport(self) -> AioHttpTransport:
        return AioHttpTransport(session=self.session, session_owner=False, use_env_settings=False)


async def with_retries[T](call: Callable[[], Awaitable[T]]) -> T:
    """Make a call, and again where its failure looks like a passing one.

    The call may then have its effect more than once: say at the call why that is fine.

    Raises:
        AzureError: the last failure.
    """
    for pause in _PAUSES:
        try:
            return await call()
        except AzureError as error:
            wait = retry_after(error) or 0.0
            if not _may_pass(error) or wait > _LONGEST_RETRY_AFTER:
                raise
            # Jitter: requests that failed together should not come back together.
            await asyncio.sleep(max(wait, pause * random.uniform(0.5, 1.5)))  # noqa: S311
    return await call()


def retry_after(error: AzureError) -> float | None:
    """Seconds of the answer's Retry-After header, None where there is none that is a number."""
    response = error.response if isinstance(error, HttpResponseError) else None
    headers = getattr(response, "headers", None) or {}
    text = headers.get("Retry-After", "")
    return min(float(text), _MOST_RETRY_AFTER) if _SECONDS.fullmatch(text) else None


def error_code(error: HttpResponseError) -> str:
    """What the service calls the error: one word, or `no code`; its texts may hold anything."""
    code = str(getattr(error.error, "code", None) or "no code")
    return code if code.isalnum() else "no code"


def _may_pass(error: AzureError) -> bool:
    if isinstance(error, HttpResponseError):
        return error.status_code in _PASSING
    return isinstance(error, (ServiceRequestError, ServiceResponseError))


async def each[T](items: Iterable[T], work: Callable[[T], Awaitable[object]]) -> None:
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
