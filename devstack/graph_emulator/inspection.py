"""`/_emulator` of the Graph emulator: what is in the emulated tenant, and how to change it."""

from dataclasses import replace
from http import HTTPStatus

from aiohttp import web

from devstack.emulation.database import Database
from devstack.emulation.faults import Faults
from devstack.emulation.specs import Spec, mistake, read_spec
from devstack.graph_emulator.api import OPERATIONS
from devstack.graph_emulator.applications import ApplicationsApi
from devstack.graph_emulator.bodies import CreateBody
from devstack.graph_emulator.meetings import new_meeting
from devstack.graph_emulator.odata import SearchProperty
from devstack.graph_emulator.store import MeetingStore
from devstack.graph_emulator.tenant import JoinWebUrls, Tenant, TenantSpec
from devstack.issuer.users import stack_user


class MeetingSpec(Spec):
    """The body of `POST /_emulator/meetings`: a meeting as people make them in Outlook, Teams or
    Bookings.

    Args:
        user: a user of the stack by name, or anybody in the tenant by object id.
        meeting: what an app could post. (The result looks like a meeting that an app made.)
        join_web_urls: None: the same as for other new meetings of the tenant.
        join_meeting_id: whether it has one; meetings from before there were such ids have none.
    """

    user: str
    meeting: CreateBody = CreateBody()
    join_web_urls: JoinWebUrls | None = None
    join_meeting_id: bool = True


class Inspection:
    def __init__(
        self,
        *,
        database: Database,
        store: MeetingStore,
        tenant: Tenant,
        registrations: ApplicationsApi,
        faults: Faults,
    ) -> None:
        self._database = database
        self._store = store
        self._tenant = tenant
        self._registrations = registrations
        self._faults = faults

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/_emulator/state", self._show_state, allow_head=False),
            web.get("/_emulator/tenant", self._show_tenant, allow_head=False),
            web.put("/_emulator/tenant", self._set_tenant),
            web.get("/_emulator/meetings", self._show_meeting, allow_head=False),
            web.post("/_emulator/meetings", self._add_meeting),
            web.post("/_emulator/reset", self._reset),
        ]

    async def _show_state(self, _request: web.Request) -> web.Response:
        counters = self._database.counters()
        return web.json_response(
            {
                "meetings": [meeting.content for meeting in self._store.meetings()],
                "created": counters.get("created", 0),
                "updated": counters.get("updated", 0),
                "deleted": counters.get("deleted", 0),
                "requests": self._database.requests(OPERATIONS),
            }
        )

    async def _show_tenant(self, _request: web.Request) -> web.Response:
        return web.json_response(self._tenant.spec.model_dump(by_alias=True))

    async def _set_tenant(self, request: web.Request) -> web.Response:
        self._tenant.spec = await read_spec(request, TenantSpec)
        return await self._show_tenant(request)

    async def _show_meeting(self, request: web.Request) -> web.Response:
        """The meeting with the link in `joinWebUrl`, as people in Teams have it."""
        link = request.query.get("joinWebUrl", "")
        meeting = self._store.find_by(SearchProperty.JOIN_WEB_URL, link)
        if meeting is None:
            raise web.HTTPNotFound
        return web.json_response(meeting.content)

    async def _add_meeting(self, request: web.Request) -> web.Response:
        spec = await read_spec(request, MeetingSpec)
        known = stack_user(spec.user)
        user = self._tenant.user(known.object_id if known else spec.user)
        if user is None:
            raise mistake("user", "is nobody in the tenant")
        usual = self._tenant.join_options(spec.meeting.passcode)
        options = replace(
            usual,
            join_web_urls=spec.join_web_urls or usual.join_web_urls,
            passcode=usual.passcode if spec.join_meeting_id else None,
        )
        meeting = new_meeting(user, spec.meeting, options)
        self._store.add(meeting)
        return web.json_response(meeting.content, status=HTTPStatus.CREATED)

    async def _reset(self, _request: web.Request) -> web.Response:
        """As a new emulator: without meetings, counts and faults, the tenant as it starts."""
        self._faults.clear()
        self._tenant.spec = TenantSpec()
        self._store.clear()
        self._registrations.clear()
        return web.Response(status=HTTPStatus.NO_CONTENT)
