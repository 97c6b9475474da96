"""The emulator put together, and served over http and TLS."""

import ssl
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from aiohttp import web

from devstack.acs_emulator.access_key import AccessKey
from devstack.acs_emulator.answers import fault_body
from devstack.acs_emulator.gate import API_VERSIONS, Gate, time_requests
from devstack.acs_emulator.identity_api import IdentityApi
from devstack.acs_emulator.inspection import PREFIX, Inspection, loopback_only
from devstack.acs_emulator.issuer import Issuer
from devstack.acs_emulator.limits import DOCUMENTED, Limits
from devstack.acs_emulator.state import State
from devstack.acs_emulator.tokens import SigningKey, TokenMint
from devstack.faults import Faults

# Bearer tokens may be 16 KiB; aiohttp's own limit is 8,190 bytes for one header.
LONGEST_HEADER_BYTES = 65_536
STOP_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How one emulator is run. Times in seconds, `access_key` in base64, ports on `host`."""

    host: str
    port: int
    tls_port: int | None
    certificate: Path | None
    database: Path
    key_file: Path
    issuer: str
    access_key: str
    resource_id: str
    clock_skew: int
    limits: bool


def build_app(settings: Settings) -> web.Application:
    """Open the state and wire the parts; one app serves every port, so all see the same state."""
    state = State(settings.database)
    state.forget_tokens_expired_before(int(time.time()))
    key = SigningKey(settings.key_file)
    issuer = Issuer(settings.issuer)
    limits = Limits()
    if settings.limits:
        limits.set(DOCUMENTED)
    faults = Faults(list(DOCUMENTED), fault_body)
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
        faults=faults,
        state=state,
    )

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
            *Inspection(state=state, key=key, limits=limits).routes(),
            *faults.routes(),
        ]
    )
    app.on_response_prepare.append(_add_usual_headers)
    app.on_shutdown.append(release_the_held)
    app.on_cleanup.append(close_state)
    return app


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[list[str]]:
    """Listen, and stop listening at the end; yields the base URLs.

    Raises:
        OSError: a port is taken, or a file cannot be used.
    """
    runner = web.AppRunner(
        build_app(settings),
        access_log=None,
        max_line_size=LONGEST_HEADER_BYTES,
        max_field_size=LONGEST_HEADER_BYTES,
        shutdown_timeout=STOP_SECONDS,
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, settings.host, settings.port).start()
        urls = [f"http://{settings.host}:{settings.port}"]
        if settings.tls_port is not None and settings.certificate is not None:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(settings.certificate)
            site = web.TCPSite(runner, settings.host, settings.tls_port, ssl_context=context)
            await site.start()
            urls.append(f"https://{settings.host}:{settings.tls_port}")
        yield urls
    finally:
        await runner.cleanup()


async def _add_usual_headers(request: web.Request, response: web.StreamResponse) -> None:
    """The recorded headers that a client may look at.

    Strict-Transport-Security is left out on purpose: a browser would remember it for localhost.
    """
    if request.path.startswith(PREFIX):
        return
    headers = response.headers
    headers["api-supported-versions"] = ", ".join(API_VERSIONS)
    headers["MS-CV"] = f"{uuid.uuid4().hex[:22]}.0"
    headers["X-Azure-Ref"] = uuid.uuid4().hex
    # Requests that aiohttp refuses itself never reached the middleware that notes the time.
    seconds = time.monotonic() - request.get("arrived", time.monotonic())
    headers["X-Processing-Time"] = f"{round(seconds * 1000)}ms"
    if client_request_id := request.headers.get("x-ms-client-request-id"):
        headers["x-ms-client-request-id"] = client_request_id
