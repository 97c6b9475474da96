"""The ACS emulator as one web application.

It is at the root of the package and not in `wire`, because it imports every package beside it.
"""

import time
import uuid
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from aiohttp import web

from devstack.acs_emulator.calling.plane import CallingPlane
from devstack.acs_emulator.calling.sockets import PATH as WINDOWS_PATH
from devstack.acs_emulator.calls.emulator import CallAutomationEmulator
from devstack.acs_emulator.event_grid.subscription import SubscriptionSpec
from devstack.acs_emulator.identity.api import IdentityApi
from devstack.acs_emulator.identity.assignments import AssignmentStore, TeamsAccount
from devstack.acs_emulator.identity.inspection import TokenInspection
from devstack.acs_emulator.identity.store import IdentityStore
from devstack.acs_emulator.identity.teams_extension import TeamsExtensionApi
from devstack.acs_emulator.identity.tokens import TokenMint
from devstack.acs_emulator.inspection import OPERATIONS, Inspection
from devstack.acs_emulator.wire.access_key import AccessKey
from devstack.acs_emulator.wire.answers import fault_body
from devstack.acs_emulator.wire.gate import Gate, supported_versions, time_requests
from devstack.acs_emulator.wire.limits import DOCUMENTED, Limits
from devstack.acs_emulator.wire.retired import retired_routes
from devstack.acs_emulator.wire.signing_key import SigningKey
from devstack.emulation.bearer import TrustedIssuer
from devstack.emulation.database import Database
from devstack.emulation.faults import Faults
from devstack.emulation.front_door import FrontDoor, Handler
from devstack.emulation.inspection import PREFIX, answer_spec_errors, loopback_only
from devstack.emulation.process import ProcessSettings, close_at_end
from devstack.well_known import EVENT_KEY_HEADER

# How long ended calls are kept for inspection, and answers to repeatable requests: a working day.
CALLS_KEPT_SECONDS = 24 * 3600


@dataclass(frozen=True, kw_only=True)
class Settings(ProcessSettings):
    """The settings of one emulator. `clock_skew` is in seconds, `access_key` in base64.

    Args:
        callback_issuer: the `iss` of the tokens that callbacks carry.
        caller_id: the phone number of the resource.
        teams_account: the resource accounts of Teams that have a number and consent at the start.
        voice_app: the ids of auto attendants and call queues of Teams, which windows may call.
        event_webhook: where Event Grid sends incoming calls, or None.
        event_key: the secret that it sends there in a header.
        fetch_files: whether the files that apps play are fetched.
        graph: the address of the Graph emulator, whose meetings windows may join.
    """

    key_file: Path
    callback_key_file: Path
    callback_issuer: str
    caller_id: str
    access_key: str
    resource_id: str
    teams_account: list[TeamsAccount]
    voice_app: list[str]
    clock_skew: int
    limits: bool
    event_webhook: str | None
    event_key: str
    fetch_files: bool
    graph: str | None

    @property
    def subscription(self) -> SubscriptionSpec | None:
        """The subscription of Event Grid at the start."""
        if self.event_webhook is None:
            return None
        return SubscriptionSpec(url=self.event_webhook, headers={EVENT_KEY_HEADER: self.event_key})


def build_app(settings: Settings) -> web.Application:
    """Open the database, and connect the parts."""
    now = int(time.time())
    database = Database(settings.database)
    identities = IdentityStore(database)
    identities.forget_tokens_expired_before(now)
    assignments = AssignmentStore(database)
    for account in settings.teams_account:
        if assignments.find(account.tenant_id, account.object_id) is None:
            assignments.put(account.consent())
    key = SigningKey(settings.key_file)
    issuer = TrustedIssuer(settings.issuer)
    limits = Limits()
    if settings.limits:
        limits.set(DOCUMENTED)
    faults = Faults(OPERATIONS, lambda status, _request: fault_body(status))
    mint = TokenMint(key, settings.resource_id)
    identity_api = IdentityApi(
        store=identities,
        mint=mint,
        issuer=issuer,
        resource_id=settings.resource_id,
    )
    teams_extension_api = TeamsExtensionApi(
        assignments=assignments,
        identities=identities,
        mint=mint,
        issuer=issuer,
        resource_id=settings.resource_id,
    )
    gate = Gate(
        access_key=AccessKey(
            settings.access_key, clock_skew=timedelta(seconds=settings.clock_skew)
        ),
        issuer=issuer,
        limits=limits,
        front_door=FrontDoor(database, faults),
    )
    calls = CallAutomationEmulator(
        database=database,
        identities=identities,
        assignments=assignments,
        callback_key=SigningKey(settings.callback_key_file),
        callback_issuer=settings.callback_issuer,
        resource_id=settings.resource_id,
        caller_id=settings.caller_id,
        teams_numbers={each.number: each.object_id for each in settings.teams_account},
        voice_apps=settings.voice_app,
        subscription=settings.subscription,
        fetch_files=settings.fetch_files,
    )
    calls.forget_before(now - CALLS_KEPT_SECONDS)
    plane = CallingPlane(calls=calls, identities=identities, key=key, graph=settings.graph)
    inspection = Inspection(
        database=database,
        identities=identities,
        assignments=assignments,
        limits=limits,
        calls=calls,
    )

    async def start_calls(_app: web.Application) -> None:
        await calls.start()
        await plane.start()

    async def stop_calls(_app: web.Application) -> None:
        await plane.stop()
        await calls.stop()

    async def close_windows(_app: web.Application) -> None:
        plane.close_windows()

    app = web.Application(middlewares=[time_requests, _keep_to_here, answer_spec_errors])
    app.add_routes(
        [
            *identity_api.routes(gate),
            *teams_extension_api.routes(gate),
            *calls.routes(gate),
            *plane.routes(),
            *retired_routes(),
            *inspection.routes(),
            *TokenInspection(store=identities, key=key).routes(),
            *faults.routes(),
        ]
    )
    app.on_response_prepare.append(_add_common_headers)
    app.on_startup.append(start_calls)
    app.on_shutdown.append(close_windows)
    app.on_cleanup.append(stop_calls)
    close_at_end(app, faults, database)
    return app


@web.middleware
async def _keep_to_here(request: web.Request, handler: Handler) -> web.StreamResponse:
    if request.path == WINDOWS_PATH:  # pages from elsewhere are told by how it closes
        return await handler(request)
    return await loopback_only(request, handler)


async def _add_common_headers(request: web.Request, response: web.StreamResponse) -> None:
    """The recorded headers that a client may look at.

    Strict-Transport-Security is left out on purpose: a browser would remember it for localhost.
    """
    if request.path.startswith(PREFIX):
        return
    headers = response.headers
    headers["api-supported-versions"] = ", ".join(supported_versions(request.path))
    headers["MS-CV"] = f"{uuid.uuid4().hex[:22]}.0"
    headers["X-Azure-Ref"] = uuid.uuid4().hex
    # A request that aiohttp refuses never reaches the middleware that notes the time.
    seconds = time.monotonic() - request.get("arrived", time.monotonic())
    headers["X-Processing-Time"] = f"{round(seconds * 1000)}ms"
    if client_request_id := request.headers.get("x-ms-client-request-id"):
        headers["x-ms-client-request-id"] = client_request_id
