"""A proxy in front of Azurite that counts requests and gets them wrong on demand.

Its faults are those of the emulators (devstack/emulation/faults.py), for the operations `get`,
`query`, `insert`, `update`, `remove`, `batch` and `tables`.
"""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

from aiohttp import web
from yarl import URL

from devstack.emulation.faults import Faults
from tests.support.lean_client import LeanClient

OPERATIONS = ("get", "query", "insert", "update", "remove", "batch", "tables")
_HOP_HEADERS = frozenset({"host", "connection", "keep-alive", "transfer-encoding"})
_SENT_ANEW = _HOP_HEADERS | {"content-length"}
_OWN_HEADERS = _HOP_HEADERS | {"content-length", "content-encoding", "date", "server"}


class TableProxy:
    """Stands at `url` in the place of `connection_string`'s endpoint.

    Attributes:
        requests: how many of each operation have come, refused ones included.
    """

    def __init__(self, connection_string: str) -> None:
        parts = dict(part.split("=", 1) for part in connection_string.strip(";").split(";"))
        self._target = URL(parts["TableEndpoint"])
        self._parts = parts
        self.requests: Counter[str] = Counter()
        self.url = ""

    @property
    def connection_string(self) -> str:
        parts = {**self._parts, "TableEndpoint": f"{self.url}{self._target.path}"}
        return "".join(f"{name}={value};" for name, value in parts.items())

    @asynccontextmanager
    async def running(self) -> AsyncIterator["TableProxy"]:
        faults = Faults(OPERATIONS, lambda status, _: {"odata.error": {"code": f"Fault{status}"}})
        target = LeanClient(str(self._target.host), int(self._target.port or 80))
        async with aclosing(target) as client:

            async def handle(request: web.Request) -> web.StreamResponse:
                operation = _operation(request)
                self.requests[operation] += 1
                return await faults.around(
                    operation, request, lambda: self._forward(client, request)
                )

            app = web.Application()
            app.add_routes(faults.routes())
            app.router.add_route("*", "/{path:.*}", handle)
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            try:
                yield self
            finally:
                faults.close()
                await runner.cleanup()

    async def _forward(self, client: LeanClient, request: web.Request) -> web.StreamResponse:
        headers = [(k, v) for k, v in request.headers.items() if k.lower() not in _SENT_ANEW]
        answer = await client.request(
            request.method, request.raw_path, headers, await request.read()
        )
        response = web.Response(status=answer.status, body=answer.body)
        response.headers.popall("Content-Type", None)
        response.headers.extend(
            [(k, v) for k, v in answer.headers if k.lower() not in _OWN_HEADERS]
        )
        return response


def _operation(request: web.Request) -> str:
    path, method = request.raw_path.partition("?")[0], request.method
    if path.endswith("$batch"):
        return "batch"
    if "/Tables" in path:
        return "tables"
    if method == "GET":
        return "get" if "RowKey" in path else "query"
    return {"POST": "insert", "DELETE": "remove"}.get(method, "update")
