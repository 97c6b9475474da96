"""The emulator put together."""

import time
import uuid
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from aiohttp import web

from devstack.acs_emulator.calls.emulator import CALL_OPERATIONS, CallAutomation
from devstack.acs_emulator.calls.store import CallState
from devstack.acs_emulator.event_grid.delivery import SubscriptionSpec
from devstack.acs_emulator.identity.api import IdentityApi
from devstack.acs_emulator.identity.tokens import SigningKey, TokenMint
from devstack.acs_emulator.inspection import Inspection
from devstack.acs_emulator.wire.access_key import AccessKey
from devstack.acs_emulator.wire.answers import fault_body
from devstack.acs_emulator.wire.gate import Gate, supported_versions, time_requests
from devstack.acs_emulator.wire.limits import DOCUMENTED, Limits
from devstack.emulation.bearer import TrustedIssuer
from devstack.emulation.faults import Faults
from devstack.emulation.front_door import FrontDoor
from devstack.emulation.inspection import PREFIX, loopback_only
from devstack.emulation.process import ProcessSettings
from devstack.well_known import EVENT_KEY_HEADER

# Ended calls are kept for inspection, and the answers to repeatable requests: a day's work.
CALLS_KEPT_SECONDS = 24 * 3600


@dataclass(frozen=True, kw_only=True)
class Settings(ProcessSettings):
    """How one emulator is run. `clock_skew` in seconds, `access_key` in base64.

    Args:
        callback_issuer: the `iss` of the tokens that callbacks carry.
        caller_id: the phone number that the resource has.
        event_webhook: where Event Grid tells of calls that ring, or None.
        event_key: what it proves itself with there.
    """

    key_file: Path
    callback_key_file: Path
    callback_issuer: str
    caller_id: str
    access_key: str
    resource_id: str
    clock_skew: int
    limits: bool
    event_webhook: str | None
    event_key: str

    @property
    def subscription(self) -> SubscriptionSpec | None:
        """The subscription that there is from the start."""
        if self.event_webhook is None:
            return None
        return SubscriptionSpec(url=self.event_webhook, headers={EVENT_KEY_HEADER: self.event_key})


def build_app(settings: Settings) -> web.Application:
    """Open the state and wire the parts."""
    state = CallState(settings.database)
    state.forget_tokens_expired_before(int(time.time()))
    state.forget_calls_before(int(time.time()) - CALLS_KEPT_SECONDS)
    key = SigningKey(settings.key_file)
    issuer = TrustedIssuer(settings.issuer)
    limits = Limits()
    if settings.limits:
        limits.set(DOCUMENTED)
    operations = [*DOCUMENTED, *CALL_OPERATIONS]
    faults = Faults(operations, lambda status, _request: fault_body(status))
    api = IdentityApi(
        state=state,
        mint=TokenMint(key, settings.resource_id),
        issuer=issuer,
        resource_id=settings.resource_id,
    )
    gate = Gate(
        access_key=AccessKey(
            settings.access_key, clock_skew=timedelta(seconds=settings.clock_skew)
        ),
        issuer=issuer,
        limits=limits,
        front_door=FrontDoor(state, faults),
    )

    calls = CallAutomation(
        state=state,
        callback_key=SigningKey(settings.callback_key_file),
        callback_issuer=settings.callback_issuer,
        resource_id=settings.resource_id,
        caller_id=settings.caller_id,
        subscription=settings.subscription,
    )

    async def start_calls(_app: web.Application) -> None:
        await calls.start()

    async def stop_calls(_app: web.Application) -> None:
        await calls.stop()

    async def release_the_held(_app: web.Application) -> None:
        faults.close()

    async def close_state(_app: web.Application) -> None:
        state.close()

    app = web.Application(middlewares=[time_requests, loopback_only])
    app.add_routes(
        [
            web.post("/identities", gate.guard("create", api.create)),
            web.delete("/identities/{id}", gate.guard("delete", api.delete)),
            web.post("/identities/{id}/:revokeAccessTokens", gate.guard("revoke", api.revoke)),
            web.post("/identities/{id}/:issueAccessToken", gate.guard("issue", api.issue)),
            web.post(
                "/teamsUser/:exchangeAccessToken", gate.guard("exchangeTeams", api.exchange_teams)
            ),
            *calls.routes(gate),
            *Inspection(state=state, key=key, limits=limits, calls=calls).routes(),
            *faults.routes(),
        ]
    )
    app.on_response_prepare.append(_add_usual_headers)
    app.on_startup.append(start_calls)
    app.on_shutdown.append(release_the_held)
    app.on_cleanup.append(stop_calls)
    app.on_cleanup.append(close_state)
    return app


async def _add_usual_headers(request: web.Request, response: web.StreamResponse) -> None:
    """The recorded headers that a client may look at.

    Strict-Transport-Security is left out on purpose: a browser would remember it for localhost.
    """
    if request.path.startswith(PREFIX):
        return
    headers = response.headers
    headers["api-supported-versions"] = ", ".join(supported_versions(request.path))
    headers["MS-CV"] = f"{uuid.uuid4().hex[:22]}.0"
    headers["X-Azure-Ref"] = uuid.uuid4().hex
    # Requests that aiohttp refuses itself never reached the middleware that notes the time.
    seconds = time.monotonic() - request.get("arrived", time.monotonic())
    headers["X-Processing-Time"] = f"{round(seconds * 1000)}ms"
    if client_request_id := request.headers.get("x-ms-client-request-id"):
        headers["x-ms-client-request-id"] = client_request_id
