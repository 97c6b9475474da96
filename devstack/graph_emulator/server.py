"""The emulator put together."""

from aiohttp import web

from devstack.emulation.bearer import TrustedIssuer
from devstack.emulation.faults import Faults
from devstack.emulation.front_door import FrontDoor
from devstack.emulation.inspection import PREFIX, loopback_only
from devstack.emulation.process import ProcessSettings
from devstack.graph_emulator.answers import fault_body, request_ids
from devstack.graph_emulator.api import MeetingsApi
from devstack.graph_emulator.gate import READ, READ_WRITE, Gate, identify_requests
from devstack.graph_emulator.inspection import OPERATIONS, Inspection
from devstack.graph_emulator.store import State
from devstack.graph_emulator.tenant import Tenant

MEETINGS = "/v1.0/users/{user}/onlineMeetings"
MEETING = MEETINGS + "/{meeting}"


def build_app(settings: ProcessSettings) -> web.Application:
    """Open the state and wire the parts."""
    state = State(settings.database)
    tenant = Tenant()
    faults = Faults(OPERATIONS, fault_body)
    api = MeetingsApi(state=state, tenant=tenant)
    guard = Gate(issuer=TrustedIssuer(settings.issuer), front_door=FrontDoor(state, faults)).guard
    reading, writing = (READ, READ_WRITE), (READ_WRITE,)

    async def release_the_held(_app: web.Application) -> None:
        faults.close()

    async def close_state(_app: web.Application) -> None:
        state.close()

    app = web.Application(middlewares=[identify_requests, loopback_only])
    app.add_routes(
        [
            web.post(MEETINGS, guard("create", writing, api.create)),
            web.post(f"{MEETINGS}/createOrGet", guard("createOrGet", writing, api.create_or_get)),
            web.get(MEETINGS, guard("find", reading, api.find), allow_head=False),
            web.get(MEETING, guard("get", reading, api.get), allow_head=False),
            web.patch(MEETING, guard("update", writing, api.update)),
            web.delete(MEETING, guard("delete", writing, api.delete)),
            *Inspection(state=state, tenant=tenant, faults=faults).routes(),
            *faults.routes(),
        ]
    )
    app.on_response_prepare.append(_add_usual_headers)
    app.on_shutdown.append(release_the_held)
    app.on_cleanup.append(close_state)
    return app


async def _add_usual_headers(request: web.Request, response: web.StreamResponse) -> None:
    # Requests that aiohttp refuses itself never reached the middleware that gives them their id.
    if not request.path.startswith(PREFIX) and "request-id" in request:
        response.headers.update({**request_ids(request), "Cache-Control": "private"})
