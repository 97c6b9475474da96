"""A load balancer in front of the hosts of a bad day: the one address at which ACS and Event Grid
reach the service."""

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from http import HTTPStatus

from aiohttp import web

from tests.support.lean_client import LeanClient
from tests.support.stack import Host

_HOP_HEADERS = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length"})
_OWN_HEADERS = _HOP_HEADERS | {"date", "server"}


@asynccontextmanager
async def balanced(hosts: Sequence[Host], port: int, chance: random.Random) -> AsyncIterator[None]:
    """Hand each request that comes to the port to any of the hosts, or to another if that one is
    dead. Half a request is not sent again: who sent it is told with a 502."""
    async with AsyncExitStack() as opened:
        clients = [
            await opened.enter_async_context(aclosing(LeanClient("127.0.0.1", host.port)))
            for host in hosts
        ]

        async def handle(request: web.Request) -> web.Response:
            headers = [(k, v) for k, v in request.headers.items() if k.lower() not in _HOP_HEADERS]
            body = await request.read()
            for client in chance.sample(clients, len(clients)):
                try:
                    answer = await client.request(request.method, request.raw_path, headers, body)
                except ConnectionRefusedError:
                    continue
                except (OSError, EOFError):
                    break
                response = web.Response(status=answer.status, body=answer.body)
                response.headers.popall("Content-Type", None)
                response.headers.extend(
                    [(k, v) for k, v in answer.headers if k.lower() not in _OWN_HEADERS]
                )
                return response
            return web.Response(status=HTTPStatus.BAD_GATEWAY)

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        opened.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield
