"""The operations on online meetings, which an app does in the name of a user."""

from http import HTTPStatus
from typing import cast

from aiohttp import web

from devstack.graph_emulator.answers import (
    bad_body,
    corrupted_meeting_id,
    meeting_not_found,
    meeting_of_another_user,
    no_access_policy,
    organizer_mismatch,
    unlicensed,
    user_not_found,
)
from devstack.graph_emulator.bodies import CreateBody, CreateOrGetBody, UpdateBody, read_body
from devstack.graph_emulator.gate import Gate
from devstack.graph_emulator.meetings import (
    Content,
    Meeting,
    new_meeting,
    organizer_in,
    updated,
)
from devstack.graph_emulator.odata import check_options, read_filter, selected
from devstack.graph_emulator.store import MeetingStore
from devstack.graph_emulator.tenant import Tenant, TenantUser
from devstack.issuer.audiences import MEETINGS_READ, MEETINGS_READ_WRITE

# For counts and faults.
OPERATIONS = ("create", "createOrGet", "get", "find", "update", "delete")

MEETINGS = "/v1.0/users/{user}/onlineMeetings"
MEETING = MEETINGS + "/{meeting}"

METADATA = "https://graph.microsoft.com/v1.0/$metadata"

# Members that were added to the enum later: a client that does not ask for such members gets
# UNKNOWN_MEMBER in their place.
LATE_SCOPES = ("invited", "organizationExcludingGuests")
UNKNOWN_MEMBER = "unknownFutureValue"
PREFERENCE = "include-unknown-enum-members"


class MeetingsApi:
    """The operations, for requests that the gate has admitted.

    [assumed] The body is checked before the user in the path.
    """

    def __init__(self, *, store: MeetingStore, tenant: Tenant) -> None:
        self._store = store
        self._tenant = tenant

    def routes(self, gate: Gate) -> list[web.RouteDef]:
        guard = gate.guard
        reading, writing = (MEETINGS_READ, MEETINGS_READ_WRITE), (MEETINGS_READ_WRITE,)
        return [
            web.post(MEETINGS, guard("create", writing, self.create)),
            web.post(f"{MEETINGS}/createOrGet", guard("createOrGet", writing, self.create_or_get)),
            web.get(MEETINGS, guard("find", reading, self.find), allow_head=False),
            web.get(MEETING, guard("get", reading, self.get), allow_head=False),
            web.patch(MEETING, guard("update", writing, self.update)),
            web.delete(MEETING, guard("delete", writing, self.delete)),
        ]

    async def create(self, request: web.Request) -> web.Response:
        """POST /users/{user}/onlineMeetings"""
        body = await read_body(request, CreateBody)
        options = self._tenant.join_options(body.passcode)
        meeting = new_meeting(self._user_of(request), body, options)
        self._store.add(meeting)
        return _entity(HTTPStatus.CREATED, meeting, request)

    async def create_or_get(self, request: web.Request) -> web.Response:
        """POST /users/{user}/onlineMeetings/createOrGet

        A meeting that exists is answered without any change, whatever else the body says.
        """
        body = await read_body(request, CreateOrGetBody)
        user = self._user_of(request)
        meeting = self._store.find_by_external_id(user.object_id, body.external_id)
        if meeting is not None:
            return _entity(HTTPStatus.OK, meeting, request)
        meeting = new_meeting(user, body, self._tenant.join_options())
        self._store.add(meeting)
        return _entity(HTTPStatus.CREATED, meeting, request)

    async def get(self, request: web.Request) -> web.Response:
        """GET /users/{user}/onlineMeetings/{meeting}"""
        check_options(request.query, ("$select",))
        return _entity(HTTPStatus.OK, self._meeting_of(request), request)

    async def find(self, request: web.Request) -> web.Response:
        """GET /users/{user}/onlineMeetings?$filter=...

        [assumed] A search without a result is answered with an empty collection.
        """
        check_options(request.query, ("$filter", "$select"))
        if "$filter" not in request.query:
            raise bad_body("Meetings cannot be listed, only found: give a $filter.")
        searched, value = read_filter(request.query["$filter"])
        user = self._user_of(request)
        meeting = self._store.find_by(searched, value)
        if meeting is not None and meeting.organizer != user.object_id:
            raise meeting_of_another_user()
        found = [] if meeting is None else [_content_for(meeting, request)]
        context = f"{METADATA}#users('{user.object_id}')/onlineMeetings"
        return _answer(HTTPStatus.OK, {"@odata.context": context, "value": [*found]}, request)

    async def update(self, request: web.Request) -> web.Response:
        """PATCH /users/{user}/onlineMeetings/{meeting}"""
        body = await read_body(request, UpdateBody)
        meeting = updated(self._meeting_of(request), body)
        self._store.replace(meeting)
        return _entity(HTTPStatus.OK, meeting, request)

    async def delete(self, request: web.Request) -> web.Response:
        """DELETE /users/{user}/onlineMeetings/{meeting}"""
        self._store.remove(self._meeting_of(request))
        return web.Response(status=HTTPStatus.NO_CONTENT)

    def _user_of(self, request: web.Request) -> TenantUser:
        """The user in the path, for whom the app may act.

        Await nothing between this check and the change that depends on it.
        """
        user = self._tenant.user(request.match_info["user"])
        if user is None:
            raise user_not_found()
        if not self._tenant.apps_may_act_for(user):
            raise no_access_policy(request["app-id"])
        if not self._tenant.is_licensed(user):
            raise unlicensed()
        return user

    def _meeting_of(self, request: web.Request) -> Meeting:
        """The meeting in the path, of the user in the path.

        Graph documents that attendees can read it too; here only the organizer can.
        """
        user = self._user_of(request)
        meeting_id = request.match_info["meeting"]
        match organizer_in(meeting_id):
            case None:
                raise corrupted_meeting_id()
            case organizer if organizer != user.object_id:
                raise organizer_mismatch(user.object_id)
        meeting = self._store.find(meeting_id)
        if meeting is None:
            raise meeting_not_found()
        return meeting


def _entity(status: HTTPStatus, meeting: Meeting, request: web.Request) -> web.Response:
    context = f"{METADATA}#users('{meeting.organizer}')/onlineMeetings/$entity"
    return _answer(status, {"@odata.context": context, **_content_for(meeting, request)}, request)


def _content_for(meeting: Meeting, request: web.Request) -> Content:
    content = dict(meeting.content)
    lobby = cast("Content", content["lobbyBypassSettings"])
    if lobby["scope"] in LATE_SCOPES and not _prefers_all_members(request):
        content["lobbyBypassSettings"] = {**lobby, "scope": UNKNOWN_MEMBER}
    return selected(content, request.query.get("$select"))


def _answer(status: HTTPStatus, body: Content, request: web.Request) -> web.Response:
    headers = {"Preference-Applied": PREFERENCE} if _prefers_all_members(request) else {}
    return web.json_response(body, status=status, headers=headers)


def _prefers_all_members(request: web.Request) -> bool:
    given = ",".join(request.headers.getall("Prefer", []))
    return PREFERENCE in (preference.strip().lower() for preference in given.split(","))
