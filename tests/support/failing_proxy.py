"""A proxy in front of what hosts ask, which gets requests wrong on demand.

Its faults are those of the emulators (devstack/emulation/faults.py).
"""

from collections.abc import AsyncIterator, Collection
from contextlib import aclosing, asynccontextmanager
from typing import Self

from aiohttp import web
from pydantic import JsonValue
from yarl import URL

from devstack.emulation.faults import Faults
from tests.support.lean_client import LeanClient

_HOP_HEADERS = frozenset({"connection", "keep-alive", "transfer-encoding"})
_SENT_ANEW = _HOP_HEADERS | {"content-length"}
_OWN_HEADERS = _HOP_HEADERS | {"content-length", "content-encoding", "date", "server"}


class FailingProxy:
    """Stands at `url` in the place of a server. It asks on as it was asked, also for which host."""

    # What a fault may be for, besides `*`.
    operations: Collection[str] = ()

    def __init__(self, target: str) -> None:
        self._target = URL(target)
        self.faults = Faults(self.operations, lambda status, _: self.error_body(status))
        self.url = ""

    def operation(self, _request: web.Request) -> str:
        return "any"

    def error_body(self, status: int) -> JsonValue:
        """Of a fault, as the server would write it."""
        return {"error": {"code": f"Fault{status}", "message": "A fault on demand."}}

    def headers(self, request: web.Request) -> list[tuple[str, str]]:
        """What is asked on with, besides the length."""
        return [(k, v) for k, v in request.headers.items() if k.lower() not in _SENT_ANEW]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        target = LeanClient(str(self._target.host), int(self._target.port or 80))
        async with aclosing(target) as client:

            async def handle(request: web.Request) -> web.StreamResponse:
                return await self.faults.around(
                    self.operation(request), request, lambda: self._forward(client, request)
                )

            app = web.Application()
            app.add_routes(self.faults.routes())
            app.router.add_route("*", "/{path:.*}", handle)
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            try:
                yield self
            finally:
                self.faults.close()
                await runner.cleanup()

    async def _forward(self, client: LeanClient, request: web.Request) -> web.StreamResponse:
        answer = await client.request(
            request.method, request.raw_path, self.headers(request), await request.read()
        )
        response = web.Response(status=answer.status, body=answer.body)
        response.headers.popall("Content-Type", None)
        response.headers.extend(
            [(k, v) for k, v in answer.headers if k.lower() not in _OWN_HEADERS]
        )
        return response
