"""The gate of the API: every request passes it on its way to its operation."""

import logging
import time
from collections.abc import Sequence
from http import HTTPStatus

from aiohttp import web

from devstack.acs_emulator.wire.access_key import AccessKey, CredentialError
from devstack.acs_emulator.wire.answers import (
    AcsError,
    denied,
    issuer_unreachable,
    too_many_requests,
)
from devstack.acs_emulator.wire.limits import Limits
from devstack.emulation.bearer import BearerError, IssuerUnreachableError, TrustedIssuer
from devstack.emulation.faults import phrase_code
from devstack.emulation.front_door import FrontDoor, Handler
from devstack.issuer.audiences import ACS_AUDIENCE

# The stable versions of the Identity API. Their differences (scopes since 2023-10-01, expiry since
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

# The versions of Call Automation; all behave like the newest one.
CALL_VERSIONS = (
    "2023-03-06",
    "2023-10-15",
    "2024-04-15",
    "2024-09-15",
    "2025-05-15",
    "2025-06-15",
    "2026-03-12",
)
CALLS_PATH = "/calling/"

# The versions of the Identity API that have the operations of Teams Phone.
TEAMS_PHONE_VERSIONS = API_VERSIONS[API_VERSIONS.index("2025-06-30") :]
TEAMS_PHONE_PATH = "/access/teamsExtension/"

log = logging.getLogger(__name__)


class Gate:
    """Admits requests by their credential, then their api-version, then the rate limits.

    In this order, so that a client without a valid credential learns nothing else.
    """

    def __init__(
        self,
        *,
        access_key: AccessKey,
        issuer: TrustedIssuer,
        limits: Limits,
        front_door: FrontDoor,
    ) -> None:
        self._access_key = access_key
        self._issuer = issuer
        self._limits = limits
        self._front_door = front_door

    def guard(self, operation: str, handler: Handler) -> Handler:
        """The handler for the route of `operation`; `handler` gets the admitted requests."""

        async def answer(request: web.Request) -> web.StreamResponse:
            return await self._answer(operation, request, handler)

        return self._front_door.before(operation, answer)

    def guard_client(self, operation: str, handler: Handler) -> Handler:
        """The same for requests of people's clients. They have no credential of the resource;
        `handler` verifies the token of the person.
        """

        async def answer(request: web.Request) -> web.StreamResponse:
            return await self._answer(operation, request, handler, by_resource=False)

        return self._front_door.before(operation, answer)

    def guard_storage(self, operation: str, handler: Handler) -> Handler:
        """The same for the storage of recordings. It has no api-versions, its errors have no body,
        and `x-ms-host` is the host that the client signs. Recorded: 401 for a wrong credential.
        """

        async def answer(request: web.Request) -> web.StreamResponse:
            try:
                await self._authenticate(request, _hosts_of_resource(request))
            except (CredentialError, BearerError) as refusal:
                log.warning("%s refused: %s", operation, refusal)
                return web.Response(status=HTTPStatus.UNAUTHORIZED)
            except IssuerUnreachableError as error:
                return issuer_unreachable(error).answer()
            return await handler(request)

        return self._front_door.before(operation, answer)

    async def _answer(
        self, operation: str, request: web.Request, handler: Handler, *, by_resource: bool = True
    ) -> web.StreamResponse:
        try:
            if by_resource:
                await self._authenticate(request)
            _check_api_version(request)
            wait_seconds = self._limits.admit(operation)
            if wait_seconds is not None:
                raise too_many_requests(wait_seconds)
            return await handler(request)
        except CredentialError as refusal:
            log.warning("%s refused: %s", operation, refusal)
            return refusal.answer.answer()
        except BearerError as refusal:
            log.warning("%s refused: %s", operation, refusal)
            return denied().answer()
        except IssuerUnreachableError as error:
            return issuer_unreachable(error).answer()
        except AcsError as error:
            # Readiness probes ask for an identity of another resource all the time; nobody needs to
            # read that in the log.
            level = logging.DEBUG if error.code == "IdentityNotOwned" else logging.INFO
            log.log(level, "%s answered %s: %s", operation, error.status, error)
            return error.answer()

    async def _authenticate(self, request: web.Request, hosts: Sequence[str] = ()) -> None:
        """
        Args:
            hosts: what may have been signed instead of the header Host.
        """
        scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            await self._issuer.claims_of(credentials.strip(), audiences=[ACS_AUDIENCE])
        elif scheme == "HMAC-SHA256":
            self._access_key.verify(
                method=request.method,
                target=request.raw_path,  # as on the wire; `path` is decoded
                headers=request.headers,
                body=await request.read(),
                hosts=hosts,
            )
        else:
            raise CredentialError(f"it has no HMAC-SHA256 or Bearer credential but {scheme!r}")


def _hosts_of_resource(request: web.Request) -> list[str]:
    """The hosts that a client of the storage may have signed: the resource's, by `x-ms-host`.

    Microsoft's client for Python leaves out the port there, although it signs the host with it.
    """
    host = request.headers.get("x-ms-host", "")
    port = request.transport.get_extra_info("sockname")[1] if request.transport else 0
    return [host, f"{host}:{port}"]


def supported_versions(path: str) -> tuple[str, ...]:
    """The api-versions that the API of a path supports."""
    if path.startswith(CALLS_PATH):
        return CALL_VERSIONS
    return TEAMS_PHONE_VERSIONS if path.startswith(TEAMS_PHONE_PATH) else API_VERSIONS


def _check_api_version(request: web.Request) -> None:
    match request.query.getall("api-version", []):
        case []:
            # As ASP.NET API Versioning answers; the answer below is recorded, and is its own, too.
            message = "An API version is required, but was not specified."
            raise AcsError(400, "ApiVersionUnspecified", message)
        case [version] if version in supported_versions(request.path):
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
    """Note when a request came, and answer requests without a route in the service's shape."""
    request["arrived"] = time.monotonic()
    try:
        return await handler(request)
    except web.HTTPException as error:
        answer = AcsError(error.status, phrase_code(error.reason), f"{error.reason}.").answer()
        if "Allow" in error.headers:
            answer.headers["Allow"] = error.headers["Allow"]
        return answer
