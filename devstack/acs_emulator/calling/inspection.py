"""`/_emulator/calling/...`: the files that pages hear, the Teams users of meetings, the windows."""

from http import HTTPStatus
from typing import Annotated, Literal

from aiohttp import web
from pydantic import AfterValidator, JsonValue

from devstack.acs_emulator.calling.meetings import Meetings
from devstack.acs_emulator.calling.messages import RefusedError
from devstack.acs_emulator.calling.seats import Seats
from devstack.acs_emulator.calling.sounds import FILES_PATH, Sounds
from devstack.acs_emulator.calling.windows import Windows
from devstack.acs_emulator.wire.identifiers import TEAMS_USER, checked_raw_id
from devstack.emulation.specs import Spec, mistake, read_spec
from devstack.issuer.users import object_id, stack_user


class MeetingEventSpec(Spec):
    """The body of `POST /_emulator/calling/meetings`: what a Teams user does.

    Args:
        name: of the Teams user who joins or leaves: a user of the stack, or anybody.
        participant: the person who is admitted or denied; None: everybody who waits.
    """

    meeting_link: str
    event: Literal["teamsUserJoins", "teamsUserLeaves", "admits", "denies"]
    name: str = "Teams user"
    participant: Annotated[str, AfterValidator(checked_raw_id)] | None = None

    @property
    def raw_id(self) -> str:
        return f"{TEAMS_USER}{object_id(self.name)}"

    @property
    def display_name(self) -> str:
        user = stack_user(self.name)
        return user.display_name if user else self.name


class PlaneInspection:
    def __init__(
        self, *, windows: Windows, seats: Seats, meetings: Meetings, sounds: Sounds
    ) -> None:
        self._windows = windows
        self._seats = seats
        self._meetings = meetings
        self._sounds = sounds

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get(FILES_PATH + "/{id}", self._show_file, allow_head=False),
            web.get("/_emulator/calling/windows", self._show_windows, allow_head=False),
            web.post("/_emulator/calling/meetings", self._change_meeting),
        ]

    async def _show_file(self, request: web.Request) -> web.Response:
        content = self._sounds.file(request.match_info["id"])
        if content is None:
            raise web.HTTPNotFound
        kind = "audio/wav" if content.startswith(b"RIFF") else "audio/mpeg"
        headers = {"Content-Type": kind, "Cache-Control": "no-store"}
        # Requests of pages from elsewhere are refused before.
        headers["Access-Control-Allow-Origin"] = request.headers.get("Origin", "*")
        return web.Response(body=content, headers=headers)

    async def _show_windows(self, _request: web.Request) -> web.Response:
        windows: list[JsonValue] = []
        for window in self._windows.all():
            seat, access = self._seats.find(window), window.access
            windows.append(
                {
                    "window": window.id,
                    "user": window.user,
                    "displayName": window.display_name,
                    "scopes": list(access.scopes),
                    "expiresAt": access.expires_at,
                    "call": seat.call.correlation_id if seat else None,
                    "state": seat.state.value if seat else None,
                }
            )
        return web.json_response({"windows": windows})

    async def _change_meeting(self, request: web.Request) -> web.Response:
        spec = await read_spec(request, MeetingEventSpec)
        link = spec.meeting_link
        try:
            match spec.event:
                case "teamsUserJoins":
                    await self._meetings.let_teams_user_join(link, spec.raw_id, spec.display_name)
                case "teamsUserLeaves":
                    self._meetings.let_teams_user_leave(link, spec.raw_id)
                case "admits":
                    self._meetings.admit(link, spec.participant)
                case "denies":
                    self._meetings.deny(link, spec.participant)
        except RefusedError as refusal:
            raise mistake("meetingLink", refusal.message) from None
        return web.Response(status=HTTPStatus.NO_CONTENT)
