"""What every API request passes on its way to its operation."""

import logging
import time
from collections.abc import Awaitable, Callable

from aiohttp import web

from devstack.acs_emulator.access_key import AccessKey, CredentialError
from devstack.acs_emulator.answers import AcsError, too_many_requests
from devstack.acs_emulator.issuer import AUDIENCE, Issuer
from devstack.acs_emulator.limits import Limits
from devstack.acs_emulator.state import State
from devstack.faults import Faults

# The stable versions; the differences between them (scopes since 2023-10-01, expiry since
# 2022-10-01) are not enforced.
API_VERSIONS = (
    "2021-03-07",
    "2022-06-01",
    "2022-10-01",
    "2023-10-01",
    "2025-06-30",
    "2026-07-22",
    "2026-09-23",
)

type Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

log = logging.getLogger(__name__)


class Gate:
    """Counts a request, lets faults happen to it, and admits it by credential, version and limit.

    In that order: whoever is refused learns nothing but that, and a fault comes before everything,
    as trouble in Azure's front door does.
    """

    def __init__(
        self,
        *,
        access_key: AccessKey,
        issuer: Issuer,
        limits: Limits,
        faults: Faults,
        state: State,
    ) -> None:
        self._access_key = access_key
        self._issuer = issuer
        self._limits = limits
        self._faults = faults
        self._state = state

    def guard(self, operation: str, handler: Handler) -> Handler:
        """The handler for the route of `operation`; `handler` gets the admitted requests."""

        async def serve(request: web.Request) -> web.StreamResponse:
            self._state.count_request(operation)

            async def effect() -> web.StreamResponse:
                return await self._answer(operation, request, handler)

            return await self._faults.around(operation, request, effect)

        return serve

    async def _answer(
        self, operation: str, request: web.Request, handler: Handler
    ) -> web.StreamResponse:
        try:
            await self._authenticate(request)
            _check_api_version(request)
            wait_seconds = self._limits.admit(operation)
            if wait_seconds is not None:
                raise too_many_requests(wait_seconds)
            return await handler(request)
        except CredentialError as refusal:
            log.warning("%s refused: %s", operation, refusal)
            return refusal.answer.answer()
        except AcsError as error:
            # Readiness probes ask about nobody's identity all day long: no news in their answer.
            level = logging.DEBUG if error.code == "IdentityNotOwned" else logging.INFO
            log.log(level, "%s answered %s: %s", operation, error.status, error)
            return error.answer()

    async def _authenticate(self, request: web.Request) -> None:
        scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            await self._issuer.claims_of(credentials.strip(), audience=AUDIENCE)
        elif scheme == "HMAC-SHA256":
            self._access_key.verify(
                method=request.method,
                target=request.raw_path,  # as on the wire; `path` is decoded
                headers=request.headers,
                body=await request.read(),
            )
        else:
            raise CredentialError(f"it has no HMAC-SHA256 or Bearer credential but {scheme!r}")


def _check_api_version(request: web.Request) -> None:
    match request.query.getall("api-version", []):
        case []:
            # [assumed] ASP.NET's answer; the one below was recorded.
            message = "An API version is required, but was not specified."
            raise AcsError(400, "ApiVersionUnspecified", message)
        case [version] if version in API_VERSIONS:
            return
        case versions:
            raise AcsError(
                400,
                "UnsupportedApiVersion",
                f"The HTTP resource that matches the request URI '{request.url.with_query(None)}'"
                f" does not support the API version '{','.join(versions)}'.",
            )


@web.middleware
async def time_requests(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Note when a request came, and answer what no route answers in the service's shape."""
    request["arrived"] = time.monotonic()
    try:
        return await handler(request)
    except web.HTTPException as error:
        answer = AcsError(error.status, error.reason.replace(" ", ""), f"{error.reason}.").answer()
        if "Allow" in error.headers:
            answer.headers["Allow"] = error.headers["Allow"]
        return answer
