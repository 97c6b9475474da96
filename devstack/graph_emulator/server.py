"""The Graph emulator as one web application."""

from aiohttp import web

from devstack.emulation.bearer import TrustedIssuer
from devstack.emulation.database import Database
from devstack.emulation.faults import Faults
from devstack.emulation.front_door import FrontDoor
from devstack.emulation.inspection import PREFIX, answer_spec_errors, loopback_only
from devstack.emulation.process import ProcessSettings, close_at_end
from devstack.graph_emulator import api, applications
from devstack.graph_emulator.answers import fault_body, request_ids
from devstack.graph_emulator.api import MeetingsApi
from devstack.graph_emulator.applications import ApplicationsApi
from devstack.graph_emulator.gate import Gate, identify_requests
from devstack.graph_emulator.inspection import Inspection
from devstack.graph_emulator.store import MeetingStore
from devstack.graph_emulator.tenant import Tenant


def build_app(settings: ProcessSettings) -> web.Application:
    """Open the database, and connect the parts."""
    database = Database(settings.database)
    store = MeetingStore(database)
    tenant = Tenant()
    registrations = ApplicationsApi(database)
    faults = Faults((*api.OPERATIONS, *applications.OPERATIONS), fault_body)
    gate = Gate(issuer=TrustedIssuer(settings.issuer), front_door=FrontDoor(database, faults))
    inspection = Inspection(
        database=database,
        store=store,
        tenant=tenant,
        registrations=registrations,
        faults=faults,
    )

    app = web.Application(middlewares=[identify_requests, loopback_only, answer_spec_errors])
    app.add_routes(
        [
            *MeetingsApi(store=store, tenant=tenant).routes(gate),
            *registrations.routes(gate),
            *inspection.routes(),
            *faults.routes(),
        ]
    )
    app.on_response_prepare.append(_add_common_headers)
    close_at_end(app, faults, database)
    return app


async def _add_common_headers(request: web.Request, response: web.StreamResponse) -> None:
    # A request that aiohttp refuses never reaches the middleware that gives it an id.
    if not request.path.startswith(PREFIX) and "request-id" in request:
        response.headers.update({**request_ids(request), "Cache-Control": "private"})
