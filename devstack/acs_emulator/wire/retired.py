"""The APIs of Communication Services that Microsoft retires: they are refused, with the reason.

A 404 would look like a mistake of the client, or of its address.
"""

from http import HTTPStatus

from aiohttp import web

from devstack.acs_emulator.wire.answers import AcsError
from devstack.emulation.front_door import Handler

# By the beginning of the path; each name begins a sentence.
RETIRED = {
    "chat": "Chat",
    "rooms": "Rooms",
    "sms": "SMS",
    "phoneNumbers": "Phone numbers",
    "availablePhoneNumbers": "Phone numbers",
}


def retired_routes() -> list[web.RouteDef]:
    """Routes for every request to these APIs; no credential is asked for, because each has its own
    kind."""
    return [
        web.route("*", f"/{{api:{beginning}}}{{rest:(/.*)?}}", _refusal(name))
        for beginning, name in RETIRED.items()
    ]


def _refusal(name: str) -> Handler:
    answer = AcsError(
        HTTPStatus.NOT_IMPLEMENTED,
        "NotEmulated",
        f"{name}: Microsoft retires this part of Communication Services, so it is not emulated.",
    )

    async def refuse(_request: web.Request) -> web.Response:
        return answer.answer()

    return refuse
