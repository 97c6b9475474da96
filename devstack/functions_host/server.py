"""The HTTP server in front of the functions."""

import json
import logging
import re
from collections.abc import Iterable
from pathlib import Path

from aiohttp import web

from . import functions, routes
from .timers import Timers

logger = logging.getLogger("host")

# Azure's front ends take requests of up to 100 MB; a bearer token may be 16 KiB.
_MOST_BODY_BYTES = 100 * 1024 * 1024
_MOST_HEADER_BYTES = 64 * 1024
_ADMIN_PATH = re.compile("/admin/functions/(?P<name>[^/]+)", re.IGNORECASE)


class Host:
    """Loads an app; then finds the function for each request and runs it.

    Raises:
        AppError, RouteError: the app cannot be hosted.
    """

    def __init__(self, app: Path, cors: frozenset[str]) -> None:
        self._prefix = [part.lower() for part in functions.route_prefix(app).split("/") if part]
        self._functions = functions.load_app(app)
        self._cors = cors
        self._timers: Timers | None = None

    def start_timers(self, *, by_schedule: bool) -> Timers:
        """Index the timers with the settings of now; the caller stops them.

        Args:
            by_schedule: whether they run by their schedules, or only when somebody asks.
        """
        self._timers = Timers(self._functions.timers)
        if by_schedule:
            self._timers.run_by_schedule()
        return self._timers

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one request; every answer has the CORS headers for its origin."""
        if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
            # As in Azure, a preflight is the platform's business and reaches no function.
            response = web.Response(status=204)
        else:
            response = await self._answer(request)
        self._allow_origin(request, response)
        return response

    async def _answer(self, request: web.Request) -> web.Response:
        if request.method == "POST" and (asked := _ADMIN_PATH.fullmatch(request.path)):
            return self._run_now(asked["name"], await request.read())
        found = self._find(request.method, request.raw_path.partition("?")[0])
        if found is None:
            return web.Response(status=404)
        function, route_values = found
        invocation_id, response = await functions.invoke(
            function,
            functions.Request(
                method=request.method,
                url=f"{request.scheme}://{request.host}{request.raw_path}",
                headers={name.lower(): value for name, value in _joined(request.headers.items())},
                # The URL has all of it; the parameters leave out empty values.
                query={name: value for name, value in _joined(request.query.items()) if value},
                route_values=route_values,
                body=await _body(request),
            ),
        )
        if response is None:
            logger.error("%s %s %s: 500", invocation_id, request.method, function.name)
            return web.Response(status=500)
        # The service logs a line of its own for each request that it answers.
        logger.debug("%s %s %s: %d", invocation_id, request.method, function.name, response.status)
        answer = web.Response(status=response.status, body=response.body)
        answer.headers.popall("Content-Type", None)
        for name, value in response.headers:
            answer.headers.add(name, value)
        return answer

    def _run_now(self, name: str, body: bytes) -> web.Response:
        """Answer a request for a run as Azure does: before the run. Azure also wants the master
        key; this host, like the Core Tools, wants none."""
        try:
            asked = json.loads(body)
        except ValueError:
            asked = None
        if not isinstance(asked, dict):
            return web.Response(status=400)
        found = self._timers is not None and self._timers.run_once(name)
        return web.Response(status=202 if found else 404)

    def _find(
        self, method: str, raw_path: str
    ) -> tuple[functions.HttpFunction, dict[str, str]] | None:
        segments = routes.split_path(raw_path)
        depth = len(self._prefix)
        if segments is None or [s.lower() for s in segments[:depth]] != self._prefix:
            return None
        for function in self._functions.http:
            if method in function.methods:
                values = function.route.match(segments[depth:])
                if values is not None:
                    return function, values
        return None  # also for a wrong method: Azure says 404, not 405

    def _allow_origin(self, request: web.Request, response: web.Response) -> None:
        origin = request.headers.get("Origin")
        if origin is None or not self._cors & {origin, "*"}:
            return
        response.headers["Access-Control-Allow-Origin"] = "*" if "*" in self._cors else origin
        if request.method == "OPTIONS":
            for asked in ("Method", "Headers"):
                wanted = request.headers.get(f"Access-Control-Request-{asked}")
                if wanted:
                    plural = "Methods" if asked == "Method" else asked
                    response.headers[f"Access-Control-Allow-{plural}"] = wanted


async def _body(request: web.Request) -> bytes:
    """Azure passes on no body without a length, and every other one as it was sent."""
    body = await request.read()
    return body if request.content_length else b""


def _joined(items: Iterable[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    """Azure hands over one value per name: repeated ones arrive joined by commas. Names compare
    without case, and are written as the first one is."""
    joined: dict[str, tuple[str, str]] = {}
    for name, value in items:
        first, earlier = joined.get(name.lower(), (name, None))
        joined[name.lower()] = first, value if earlier is None else f"{earlier},{value}"
    return joined.values()


async def start(host: Host, address: str, port: int) -> web.AppRunner:
    """Listen. The caller stops it with `cleanup()`."""
    server = web.Application(client_max_size=_MOST_BODY_BYTES)
    server.router.add_route("*", "/{path:.*}", host.handle)
    runner = web.AppRunner(
        server,
        access_log=None,
        auto_decompress=False,  # Azure inflates nothing either
        max_line_size=_MOST_HEADER_BYTES,
        max_field_size=_MOST_HEADER_BYTES,
    )
    await runner.setup()
    await web.TCPSite(runner, address, port).start()
    return runner
