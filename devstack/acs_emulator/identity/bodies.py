"""How the bodies of the Identity API are read."""

import json

from aiohttp import web
from pydantic import JsonValue

from devstack.acs_emulator.identity.tokens import IssuedToken
from devstack.acs_emulator.wire.answers import unsupported_media_type, validation_error


def token_json(token: IssuedToken) -> dict[str, JsonValue]:
    return {"token": token.token, "expiresOn": token.expires_on}


async def read_object(request: web.Request) -> dict[str, JsonValue]:
    """The body; an empty one is an empty object, because SDKs send no body as JSON.

    [assumed] All answers here are ASP.NET's usual ones: 415 for another content type than JSON, 400
    for a body that is not JSON.
    """
    raw = await request.read()
    if not raw:
        return {}
    if request.content_type != "application/json":
        raise unsupported_media_type()
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        raise validation_error("The request body is not valid JSON.") from None
    if body is None:
        return {}
    if not isinstance(body, dict):
        raise validation_error("The request body must be a JSON object.")
    return body
