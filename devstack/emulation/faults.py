"""Faults on demand: what a test asks an emulator to get wrong.

A server gives each request to `Faults.around`, with the operation's name and the effect of the
request; tests post faults over HTTP to `Faults.routes`. Nothing here knows which service is
emulated.
"""

import asyncio
import contextlib
import json
import random
from collections.abc import Awaitable, Callable, Collection
from http import HTTPStatus

from aiohttp import web
from pydantic import JsonValue

from devstack.emulation.fault_spec import ANY_OPERATION, FaultSpec, read_fault
from devstack.emulation.holding import HeldCount, answer_when_held
from devstack.emulation.specs import SpecError, mistake

# How often a held request checks whether its client is still there: aiohttp does not tell a handler
# that the client has left. (It can cancel handlers then, but only for the whole server, and a
# delayed request must have its effect even if nobody waits for it.)
CHECK_CLIENT_SECONDS = 0.05

type Effect = Callable[[], Awaitable[web.StreamResponse]]


class _DroppedError(Exception):
    """The connection is to be closed without an answer."""


class Fault:
    """One fault, and the requests that it has happened to."""

    def __init__(self, spec: FaultSpec) -> None:
        self.spec = spec
        self.hits = 0
        self.held = HeldCount()
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
        """Happen to no more requests, and release those that are held (or drop them)."""
        self._drop_held = drop_held
        self._ended.set()

    async def hold(self, request: web.Request) -> None:
        """Wait for the end of the fault.

        Raises:
            _DroppedError: the request must not go on: its client has left, or the server stops.
        """
        self.held.number += 1
        try:
            while not self._ended.is_set() and not _has_left(request):
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._ended.wait(), CHECK_CLIENT_SECONDS)
        finally:
            self.held.number -= 1
        if self._drop_held or _has_left(request):
            raise _DroppedError

    def as_json(self) -> dict[str, object]:
        spec = self.spec.model_dump(by_alias=True, exclude_none=True)
        return {**spec, "hits": self.hits, "held": self.held.number}


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
        self._last_id = 0

    async def around(
        self, operation: str, request: web.Request, effect: Effect
    ) -> web.StreamResponse:
        """Answer `request` with the result of `effect`, unless a fault happens to it.

        The oldest fault that claims the request decides. The order is: delay, hold before, drop
        before, the effect, hold after, drop after, answer. A status replaces the effect, which then
        does not happen; with `hold: after` the effect happens, and the status replaces its answer
        once the request is released. If the client leaves while its request is held before the
        effect, the effect never happens. A delayed request has its effect all the same, as on a
        slow server.
        """
        try:
            await request.read()  # whole, so that a client that leaves later is noticed
        except ConnectionError:
            return _drop(request)  # the client left in the middle of its request
        fault = next((f for f in self._faults.values() if f.claim(operation)), None)
        if fault is None:
            return await effect()
        try:
            return await self._answer_with_fault(fault, request, effect)
        except _DroppedError:
            return _drop(request)

    async def _answer_with_fault(
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
        """Drop what is held, without its effect, so that the server can stop."""
        for fault in self._faults.values():
            fault.end(drop_held=True)

    def clear(self) -> None:
        """End all faults, and release what they hold."""
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
        except SpecError as error:
            return error.answer()
        except ValueError:
            return mistake("", "the body is not JSON").answer()
        self._last_id += 1
        self._faults[str(self._last_id)] = Fault(spec)
        return web.json_response({"id": str(self._last_id)}, status=HTTPStatus.CREATED)

    async def _list(self, _request: web.Request) -> web.Response:
        faults = [{"id": id_, **fault.as_json()} for id_, fault in self._faults.items()]
        return web.json_response({"faults": faults})

    async def _remove(self, request: web.Request) -> web.Response:
        self._take(request).end()
        return web.Response(status=HTTPStatus.NO_CONTENT)

    async def _remove_all(self, _request: web.Request) -> web.Response:
        self.clear()
        return web.Response(status=HTTPStatus.NO_CONTENT)

    async def _release(self, request: web.Request) -> web.Response:
        fault = self._take(request)
        released = fault.held.number
        fault.end()
        return web.json_response({"released": released})

    async def _wait(self, request: web.Request) -> web.Response:
        return await answer_when_held(request, self._find(request).held)

    def _find(self, request: web.Request) -> Fault:
        fault = self._faults.get(request.match_info["id"])
        if fault is None:
            raise web.HTTPNotFound(text="no such fault")
        return fault

    def _take(self, request: web.Request) -> Fault:
        fault = self._find(request)
        del self._faults[request.match_info["id"]]
        return fault


def error_phrase(status: int) -> tuple[str, str]:
    """The code and message of a fault that gives no body: the HTTP phrase of its status."""
    try:
        known = HTTPStatus(status)
    except ValueError:
        return str(status), f"Fault {status} on demand."
    return phrase_code(known.phrase), f"{known.phrase}."


def phrase_code(phrase: str) -> str:
    """An HTTP phrase as an error code: `NotFound`."""
    return phrase.replace(" ", "")


def _has_left(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()


def _drop(request: web.Request) -> web.Response:
    """Close the connection without an answer: the response returned can no longer be sent."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=HTTPStatus.SERVICE_UNAVAILABLE)
