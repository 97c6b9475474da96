"""Counts held requests or events, so that a test can wait for them and need not sleep."""

import asyncio
from http import HTTPStatus

from aiohttp import web

from devstack.emulation.specs import MAX_MS, mistake


class HeldCount:
    """How many requests or events are held right now."""

    def __init__(self) -> None:
        self._number = 0
        self._changed = asyncio.Event()

    @property
    def number(self) -> int:
        return self._number

    @number.setter
    def number(self, number: int) -> None:
        self._number = number
        self._changed.set()
        self._changed = asyncio.Event()

    async def until(self, number: int) -> None:
        """Return as soon as at least `number` are held."""
        while self._number < number:
            await self._changed.wait()


async def answer_when_held(request: web.Request, count: HeldCount) -> web.Response:
    """`GET .../wait?held=1&timeoutMs=5000`: 200 as soon as so many are held, else 408."""
    try:
        number = int(request.query.get("held", "1"))
        timeout_ms = int(request.query.get("timeoutMs", "5000"))
    except ValueError:
        return mistake("", "held and timeoutMs are integers").answer()
    status = HTTPStatus.OK
    try:
        async with asyncio.timeout(min(timeout_ms, MAX_MS) / 1000):
            await count.until(number)
    except TimeoutError:
        status = HTTPStatus.REQUEST_TIMEOUT
    return web.json_response({"held": count.number}, status=status)
