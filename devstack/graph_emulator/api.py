"""Online meetings in the name of a user: create, createOrGet, get, find, update, delete."""

from http import HTTPStatus
from typing import cast

from aiohttp import web

from devstack.graph_emulator.answers import (
    bad_body,
    corrupted_meeting_id,
    meeting_not_found,
    no_access_policy,
    organizer_mismatch,
    somebody_elses_meeting,
    unlicensed,
    user_not_found,
)
from devstack.graph_emulator.bodies import CreateBody, CreateOrGetBody, UpdateBody, read_body
from devstack.graph_emulator.meetings import (
    Content,
    Meeting,
    new_meeting,
    organizer_in,
    updated,
)
from devstack.graph_emulator.odata import check_options, read_filter, selected
from devstack.graph_emulator.store import State
from devstack.graph_emulator.tenant import Tenant, TenantUser

METADATA = "https://graph.microsoft.com/v1.0/$metadata"

# Members that came after the enum: who does not ask for such reads another value instead.
LATE_SCOPES = ("invited", "organizationExcludingGuests")
UNKNOWN_MEMBER = "unknownFutureValue"
PREFERENCE = "include-unknown-enum-members"


class MeetingsApi:
    """The effects of the operations, for requests that were already admitted.

    [assumed] A body is judged before the user in the path is.
    """

    def __init__(self, *, state: State, tenant: Tenant) -> None:
        self._state = state
        self._tenant = tenant

    async def create(self, request: web.Request) -> web.Response:
        """POST /users/{user}/onlineMeetings"""
        body = await read_body(request, CreateBody)
        look = self._tenant.look(body.passcode)
        meeting = new_meeting(self._user_of(request), body, look)
        self._state.add(meeting)
        return _entity(HTTPStatus.CREATED, meeting, request)

    async def create_or_get(self, request: web.Request) -> web.Response:
        """POST /users/{user}/onlineMeetings/createOrGet

        Who gets an existing meeting gets it as it is, whatever else the body says.
        """
        body = await read_body(request, CreateOrGetBody)
        user = self._user_of(request)
        meeting = self._state.find_by_external_id(user.object_id, body.external_id)
        if meeting is not None:
            return _entity(HTTPStatus.OK, meeting, request)
        meeting = new_meeting(user, body, self._tenant.look())
        self._state.add(meeting)
        return _entity(HTTPStatus.CREATED, meeting, request)

    async def get(self, request: web.Request) -> web.Response:
        """GET /users/{user}/onlineMeetings/{meeting}"""
        check_options(request.query, ("$select",))
        return _entity(HTTPStatus.OK, self._meeting_of(request), request)

    async def find(self, request: web.Request) -> web.Response:
        """GET /users/{user}/onlineMeetings?$filter=...

        [assumed] A search that finds nothing finds an empty collection.
        """
        check_options(request.query, ("$filter", "$select"))
        if "$filter" not in request.query:
            raise bad_body("Meetings cannot be listed, only found: give a $filter.")
        by, text = read_filter(request.query["$filter"])
        user = self._user_of(request)
        meeting = self._state.find_by(by, text)
        if meeting is not None and meeting.organizer != user.object_id:
            raise somebody_elses_meeting()
        found = [] if meeting is None else [_shown(meeting, request)]
        context = f"{METADATA}#users('{user.object_id}')/onlineMeetings"
        return _answer(HTTPStatus.OK, {"@odata.context": context, "value": [*found]}, request)

    async def update(self, request: web.Request) -> web.Response:
        """PATCH /users/{user}/onlineMeetings/{meeting}"""
        body = await read_body(request, UpdateBody)
        meeting = updated(self._meeting_of(request), body)
        self._state.replace(meeting)
        return _entity(HTTPStatus.OK, meeting, request)

    async def delete(self, request: web.Request) -> web.Response:
        """DELETE /users/{user}/onlineMeetings/{meeting}"""
        self._state.remove(self._meeting_of(request))
        return web.Response(status=HTTPStatus.NO_CONTENT)

    def _user_of(self, request: web.Request) -> TenantUser:
        """The user in the path, in whose name the app may act.

        Nothing may be awaited between this and the change that it is for.
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

        Graph documents that attendees may read it too; here nobody but the organizer does.
        """
        user = self._user_of(request)
        meeting_id = request.match_info["meeting"]
        match organizer_in(meeting_id):
            case None:
                raise corrupted_meeting_id()
            case organizer if organizer != user.object_id:
                raise organizer_mismatch(user.object_id)
        meeting = self._state.find(meeting_id)
        if meeting is None:
            raise meeting_not_found()
        return meeting


def _entity(status: HTTPStatus, meeting: Meeting, request: web.Request) -> web.Response:
    context = f"{METADATA}#users('{meeting.organizer}')/onlineMeetings/$entity"
    return _answer(status, {"@odata.context": context, **_shown(meeting, request)}, request)


def _shown(meeting: Meeting, request: web.Request) -> Content:
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
