"""Faults on demand: what a test asks a stand-in for a service to get wrong.

A server gives each request to `Faults.around`, with the operation's name and the effect to have;
tests steer it over HTTP through `Faults.routes`. Nothing here knows which service is stood in for.
"""

import asyncio
import contextlib
import json
import random
from collections.abc import Awaitable, Callable, Collection
from http import HTTPStatus

from aiohttp import web
from pydantic import JsonValue

from devstack.emulation.fault_spec import (
    ANY_OPERATION,
    LONGEST_WAIT_MS,
    FaultSpec,
    FaultSpecError,
    read_fault,
)

# aiohttp tells a handler nothing of a client that left. (It can cancel handlers instead, but then
# for the whole server, and a delayed request must have its effect even if nobody waits for it.)
LOOK_FOR_CLIENT_SECONDS = 0.05

type Effect = Callable[[], Awaitable[web.StreamResponse]]


class _DroppedError(Exception):
    """The connection is to be closed without an answer."""


class Fault:
    """One fault that was asked for, and what came of it so far."""

    def __init__(self, spec: FaultSpec) -> None:
        self.spec = spec
        self.hits = 0
        self.held = 0
        self._held_changed = asyncio.Event()
        self._ended = asyncio.Event()
        self._drop_held = False
        self._chance = random.Random(spec.seed)  # noqa: S311  repeatable, on purpose

    def claim(self, operation: str) -> bool:
        """Decide, once per request, whether this fault happens to it."""
        spec = self.spec
        if self._ended.is_set() or spec.operation not in {operation, ANY_OPERATION}:
            return False
        if spec.times is not None and self.hits >= spec.times:
            return False
        if spec.share is not None and self._chance.random() >= spec.share:
            return False
        self.hits += 1
        return True

    def end(self, *, drop_held: bool = False) -> None:
        """Happen to no more requests, and let the held ones go (or drop them)."""
        self._drop_held = drop_held
        self._ended.set()

    async def hold(self, request: web.Request) -> None:
        """Wait for the end of the fault.

        Raises:
            _DroppedError: the request must not go on: its client has left, or the server stops.
        """
        self._count_held(1)
        try:
            while not self._ended.is_set() and not _has_left(request):
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._ended.wait(), LOOK_FOR_CLIENT_SECONDS)
        finally:
            self._count_held(-1)
        if self._drop_held or _has_left(request):
            raise _DroppedError

    async def until_held(self, number: int) -> None:
        while self.held < number:
            await self._held_changed.wait()

    def _count_held(self, change: int) -> None:
        self.held += change
        self._held_changed.set()
        self._held_changed = asyncio.Event()

    def described(self) -> dict[str, object]:
        spec = self.spec.model_dump(by_alias=True, exclude_none=True)
        return {**spec, "hits": self.hits, "held": self.held}


class Faults:
    """The faults of one server, oldest first; at most one happens to a request."""

    def __init__(
        self, operations: Collection[str], default_body: Callable[[int, web.Request], JsonValue]
    ) -> None:
        """
        Args:
            operations: the names that a fault may be for, besides `*`.
            default_body: the service's own error body for a status and a request, for faults that
                give none.
        """
        self._operations = operations
        self._default_body = default_body
        self._faults: dict[str, Fault] = {}
        self._made = 0

    async def around(
        self, operation: str, request: web.Request, effect: Effect
    ) -> web.StreamResponse:
        """Answer `request` by `effect`, or get that wrong as the first fault that claims it says.

        In this order: delay, hold before, drop before, the effect, hold after, drop after, answer.
        A status stands in for the effect, which then does not happen; with `hold: after` the effect
        happens and the status replaces its answer once released. A request whose client has left
        while it was held before its effect never has it. A delayed one does, as on a slow server.
        """
        try:
            await request.read()  # all of it, so that whoever leaves from here on is seen leaving
        except ConnectionError:
            return _drop(request)  # left in the middle of the request
        fault = next((f for f in self._faults.values() if f.claim(operation)), None)
        if fault is None:
            return await effect()
        try:
            return await self._go_wrong(fault, request, effect)
        except _DroppedError:
            return _drop(request)

    async def _go_wrong(
        self, fault: Fault, request: web.Request, effect: Effect
    ) -> web.StreamResponse:
        spec = fault.spec
        if spec.delay_ms:
            await asyncio.sleep(spec.delay_ms / 1000)
        if spec.hold == "before":
            await fault.hold(request)
        if spec.drop == "before":
            raise _DroppedError
        if spec.status is not None and spec.hold != "after":
            return self._answer(spec.status, spec, request)
        answer = await effect()
        if spec.hold == "after":
            await fault.hold(request)
        if spec.drop == "after":
            raise _DroppedError
        return answer if spec.status is None else self._answer(spec.status, spec, request)

    def _answer(self, status: int, spec: FaultSpec, request: web.Request) -> web.Response:
        body = spec.body
        if body is None and status >= HTTPStatus.BAD_REQUEST:
            body = self._default_body(status, request)
        headers = {} if spec.retry_after is None else {"Retry-After": str(spec.retry_after)}
        if isinstance(body, str):  # such as the HTML of a gateway
            return web.Response(status=status, text=body, headers=headers)
        headers["Content-Type"] = "application/json"
        text = "" if body is None else json.dumps(body)
        return web.Response(status=status, body=text.encode(), headers=headers)

    def close(self) -> None:
        """Let nobody hold the server up while it stops: the held are dropped, without effect."""
        for fault in self._faults.values():
            fault.end(drop_held=True)

    def clear(self) -> None:
        """End all faults, and let the held go."""
        for fault in self._faults.values():
            fault.end()
        self._faults.clear()

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/_emulator/faults", self._post),
            web.get("/_emulator/faults", self._list, allow_head=False),
            web.delete("/_emulator/faults", self._remove_all),
            web.delete("/_emulator/faults/{id}", self._remove),
            web.post("/_emulator/faults/{id}/release", self._release),
            web.get("/_emulator/faults/{id}/wait", self._wait, allow_head=False),
        ]

    async def _post(self, request: web.Request) -> web.Response:
        try:
            spec = read_fault(await request.json(), self._operations)
        except FaultSpecError as error:
            return bad_request(error.errors)
        except ValueError:
            return bad_request([{"field": "", "message": "the body is not JSON"}])
        self._made += 1
        self._faults[str(self._made)] = Fault(spec)
        return web.json_response({"id": str(self._made)}, status=HTTPStatus.CREATED)

    async def _list(self, _request: web.Request) -> web.Response:
        faults = [{"id": id_, **fault.described()} for id_, fault in self._faults.items()]
        return web.json_response({"faults": faults})

    async def _remove(self, request: web.Request) -> web.Response:
        self._take(request).end()
        return web.Response(status=HTTPStatus.NO_CONTENT)

    async def _remove_all(self, _request: web.Request) -> web.Response:
        self.clear()
        return web.Response(status=HTTPStatus.NO_CONTENT)

    async def _release(self, request: web.Request) -> web.Response:
        fault = self._take(request)
        released = fault.held
        fault.end()
        return web.json_response({"released": released})

    async def _wait(self, request: web.Request) -> web.Response:
        fault = self._find(request)
        try:
            number = int(request.query.get("held", "1"))
            timeout_ms = int(request.query.get("timeoutMs", "5000"))
        except ValueError:
            return bad_request([{"field": "", "message": "held and timeoutMs are integers"}])
        try:
            async with asyncio.timeout(min(timeout_ms, LONGEST_WAIT_MS) / 1000):
                await fault.until_held(number)
        except TimeoutError:
            return web.json_response({"held": fault.held}, status=HTTPStatus.REQUEST_TIMEOUT)
        return web.json_response({"held": fault.held})

    def _find(self, request: web.Request) -> Fault:
        fault = self._faults.get(request.match_info["id"])
        if fault is None:
            raise web.HTTPNotFound(text="no such fault")
        return fault

    def _take(self, request: web.Request) -> Fault:
        fault = self._find(request)
        del self._faults[request.match_info["id"]]
        return fault


def bad_request(errors: list[dict[str, str]]) -> web.Response:
    """How every steering request under `/_emulator` is told what is wrong with it.

    Args:
        errors: `field`, empty for the whole, and `message`.
    """
    return web.json_response({"errors": errors}, status=HTTPStatus.BAD_REQUEST)


def _has_left(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()


def _drop(request: web.Request) -> web.Response:
    """Close the connection without a word. The response returned can no longer be sent."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=HTTPStatus.SERVICE_UNAVAILABLE)
