"""The gate of the API: every request passes it on its way to its operation."""

import logging
from collections.abc import Collection

from aiohttp import web

from devstack.emulation.bearer import BearerError, IssuerUnreachableError, TrustedIssuer
from devstack.emulation.front_door import FrontDoor, Handler
from devstack.emulation.inspection import PREFIX
from devstack.graph_emulator.answers import (
    GraphError,
    issuer_unreachable,
    missing_role,
    name_request,
    no_such_route,
    no_token,
    refused_token,
)
from devstack.issuer.audiences import GRAPH_AUDIENCE

AUDIENCES = (GRAPH_AUDIENCE, f"{GRAPH_AUDIENCE}/")

log = logging.getLogger(__name__)


class Gate:
    """Admits requests by the bearer token of an app and its roles: tokens of users have none."""

    def __init__(self, *, issuer: TrustedIssuer, front_door: FrontDoor) -> None:
        self._issuer = issuer
        self._front_door = front_door

    def guard(self, operation: str, roles: Collection[str], handler: Handler) -> Handler:
        """The handler for the route of `operation`.

        Args:
            roles: one of them is enough.
            handler: gets the admitted requests; `request["app-id"]` is the app that sent it.
        """

        async def answer(request: web.Request) -> web.StreamResponse:
            try:
                request["app-id"] = await self._admit(request, roles)
                return await handler(request)
            except BearerError as refusal:
                log.warning("%s refused: %s", operation, refusal)
                return refused_token(refusal.flaw).answer(request)
            except IssuerUnreachableError as error:
                return issuer_unreachable(error).answer(request)
            except GraphError as error:
                log.info("%s answered %s %s: %s", operation, error.status, error.code, error)
                return error.answer(request)

        return self._front_door.before(operation, answer)

    async def _admit(self, request: web.Request, roles: Collection[str]) -> str:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise no_token()
        claims = await self._issuer.claims_of(token.strip(), audiences=AUDIENCES)
        granted = claims.get("roles")
        if not isinstance(granted, list) or not any(role in granted for role in roles):
            raise missing_role()
        return str(claims.get("appid") or claims.get("azp"))  # v1 and v2 of Entra


@web.middleware
async def identify_requests(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give each request its id, and answer requests without a route in Graph's shape."""
    name_request(request)
    try:
        return await handler(request)
    except web.HTTPException as error:
        if request.path.startswith(PREFIX):
            raise
        answer = no_such_route(error.status, error.reason).answer(request)
        if "Allow" in error.headers:
            answer.headers["Allow"] = error.headers["Allow"]
        return answer
