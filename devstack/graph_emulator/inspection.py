"""What there is in the emulated tenant, and how to change it, at `/_emulator`."""

from dataclasses import replace
from http import HTTPStatus

from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from devstack.emulation.faults import Faults, bad_request
from devstack.emulation.inspection import json_of
from devstack.graph_emulator.bodies import CreateBody
from devstack.graph_emulator.meetings import new_meeting
from devstack.graph_emulator.store import State
from devstack.graph_emulator.tenant import JoinWebUrls, Tenant, TenantSpec
from devstack.issuer.users import stack_user

OPERATIONS = ("create", "createOrGet", "get", "find", "update", "delete")


class MadeByHand(BaseModel):
    """A meeting as people make them in Outlook, Teams or Bookings.

    Args:
        user: one of the stack's users by name, or anybody in the tenant by object id.
        meeting: what an app could post. (Nothing tells the result from what an app made.)
        join_web_urls: None: as the tenant's other new meetings.
        join_meeting_id: without one it is a meeting from before there were any.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, alias_generator=to_camel)

    user: str
    meeting: CreateBody = CreateBody()
    join_web_urls: JoinWebUrls | None = None
    join_meeting_id: bool = True


class Inspection:
    def __init__(self, *, state: State, tenant: Tenant, faults: Faults) -> None:
        self._state = state
        self._tenant = tenant
        self._faults = faults

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/_emulator/state", self._show_state, allow_head=False),
            web.get("/_emulator/tenant", self._show_tenant, allow_head=False),
            web.put("/_emulator/tenant", self._set_tenant),
            web.post("/_emulator/meetings", self._make_meeting),
            web.post("/_emulator/reset", self._reset),
        ]

    async def _show_state(self, _request: web.Request) -> web.Response:
        counters = self._state.counters()
        return web.json_response(
            {
                "meetings": [meeting.content for meeting in self._state.meetings()],
                "created": counters.get("created", 0),
                "updated": counters.get("updated", 0),
                "deleted": counters.get("deleted", 0),
                "requests": self._state.requests(OPERATIONS),
            }
        )

    async def _show_tenant(self, _request: web.Request) -> web.Response:
        return web.json_response(self._tenant.spec.model_dump(by_alias=True))

    async def _set_tenant(self, request: web.Request) -> web.Response:
        try:
            self._tenant.spec = TenantSpec.model_validate(await json_of(request))
        except ValidationError as error:
            return _refused(error)
        return await self._show_tenant(request)

    async def _make_meeting(self, request: web.Request) -> web.Response:
        try:
            wanted = MadeByHand.model_validate(await json_of(request))
        except ValidationError as error:
            return _refused(error)
        known = stack_user(wanted.user)
        user = self._tenant.user(known.object_id if known else wanted.user)
        if user is None:
            return bad_request([{"field": "user", "message": "is nobody in the tenant"}])
        usual = self._tenant.look(wanted.meeting.passcode)
        look = replace(
            usual,
            join_web_urls=wanted.join_web_urls or usual.join_web_urls,
            passcode=usual.passcode if wanted.join_meeting_id else None,
        )
        meeting = new_meeting(user, wanted.meeting, look)
        self._state.add(meeting)
        return web.json_response(meeting.content, status=HTTPStatus.CREATED)

    async def _reset(self, _request: web.Request) -> web.Response:
        """As a new emulator: no meetings, counts or faults, and the tenant as it starts."""
        self._faults.clear()
        self._tenant.spec = TenantSpec()
        self._state.clear()
        return web.Response(status=HTTPStatus.NO_CONTENT)


def _refused(error: ValidationError) -> web.Response:
    return bad_request(
        [
            {"field": ".".join(str(step) for step in fault["loc"]), "message": fault["msg"]}
            for fault in error.errors(include_url=False)
        ]
    )
