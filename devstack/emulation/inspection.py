"""`/_emulator`: requests that the real services do not have, for tests and for people.

They need no credentials. Therefore only this machine may send them, whatever address the server
listens on.
"""

import ipaddress

from aiohttp import web

from devstack.emulation.front_door import Handler
from devstack.emulation.specs import SpecError
from devstack.origins import is_from_this_machine

PREFIX = "/_emulator/"


@web.middleware
async def loopback_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse inspection to other machines, and to web pages from elsewhere."""
    if request.path.startswith(PREFIX) and not is_from_here(request):
        raise web.HTTPForbidden
    return await handler(request)


def is_from_here(request: web.Request) -> bool:
    """Whether a program or a page of this machine sent it."""
    return _is_loopback(request.remote) and is_from_this_machine(
        request.host, request.headers.get("Origin")
    )


@web.middleware
async def answer_spec_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer 400 with every mistake of a wrong inspection request."""
    try:
        return await handler(request)
    except SpecError as error:
        return error.answer()


def _is_loopback(address: str | None) -> bool:
    return address is not None and ipaddress.ip_address(address).is_loopback
