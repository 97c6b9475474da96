"""`/_emulator`: what the real services do not have, for tests and for people.

Without credentials, and therefore for peers on loopback only, whatever the server is bound to.
"""

import ipaddress

from aiohttp import web
from pydantic import JsonValue

from devstack.emulation.front_door import Handler
from devstack.origins import may_ask

PREFIX = "/_emulator/"


@web.middleware
async def loopback_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse inspection to peers on other machines, and to web pages from elsewhere."""
    if request.path.startswith(PREFIX) and not (
        _is_loopback(request.remote) and may_ask(request.host, request.headers.get("Origin"))
    ):
        raise web.HTTPForbidden
    return await handler(request)


def _is_loopback(address: str | None) -> bool:
    return address is not None and ipaddress.ip_address(address).is_loopback


async def json_of(request: web.Request) -> JsonValue:
    """The body; None if it is no JSON, which no steering request accepts."""
    try:
        body: JsonValue = await request.json()
    except (ValueError, RecursionError):
        return None
    return body
