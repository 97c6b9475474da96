"""Teams meetings as rooms. Inspection is the Teams user who opens the lobby.

Documented: a user of ACS is not let in before a Teams user is there, whatever the meeting's
lobbyBypassSettings say.
"""

from dataclasses import dataclass, field
from http import HTTPStatus

import aiohttp

from devstack.acs_emulator.calling.messages import RefusedError
from devstack.acs_emulator.calling.seats import Seat, Seats, State
from devstack.acs_emulator.calling.windows import Window
from devstack.acs_emulator.calls.connections import Call, Participant, new_call
from devstack.acs_emulator.calls.switchboard import Switchboard
from devstack.acs_emulator.wire.identifiers import TEAMS_USER

ANSWER_SECONDS = 5


@dataclass(eq=False)
class Room:
    """A meeting in which somebody is or waits.

    Args:
        lets_everyone_in: nobody waits as soon as a Teams user is there.
    """

    link: str
    lets_everyone_in: bool = False
    call: Call = field(default_factory=new_call)

    @property
    def is_open(self) -> bool:
        return any(raw_id.startswith(TEAMS_USER) for raw_id in self.call.participants)


class MeetingLinks:
    """Asks the Graph emulator for meetings.

    Args:
        graph: its address; None: there is none.
    """

    def __init__(self, graph: str | None) -> None:
        self._graph = graph
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
        self._session = aiohttp.ClientSession(timeout=timeout)

    async def stop(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def lobby_bypass(self, link: str) -> str:
        """The scope of the meeting's lobbyBypassSettings.

        Raises:
            RefusedError: there is no such meeting, or the Graph emulator does not say.
        """
        if self._session is None or self._graph is None:
            raise RefusedError("unavailable", "There is no Graph emulator here to ask.")
        url, params = f"{self._graph}/_emulator/meetings", {"joinWebUrl": link}
        try:
            async with self._session.get(url, params=params) as answer:
                if answer.status == HTTPStatus.NOT_FOUND:
                    raise RefusedError("noSuchMeeting", "There is no meeting with this link.")
                match await answer.json():
                    case {"lobbyBypassSettings": {"scope": str(scope)}}:
                        return scope
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise RefusedError("unavailable", "The Graph emulator does not answer.") from error
        raise RefusedError("unavailable", "The Graph emulator does not say who may enter.")


class Meetings:
    def __init__(self, seats: Seats, switchboard: Switchboard, links: MeetingLinks) -> None:
        self._seats = seats
        self._switchboard = switchboard
        self._links = links
        self._rooms: dict[str, Room] = {}

    async def join(self, window: Window, link: str) -> None:
        """A window waits in the lobby, or is in the meeting at once.

        Raises:
            RefusedError: there is no such meeting, or the window cannot enter it.
        """
        self._seats.check_free(window)
        bypass = await self._links.lobby_bypass(link)
        if not window.is_open:
            return
        self._seats.check_free(window)  # also after the wait
        room = self._room(link)
        room.lets_everyone_in = bypass == "everyone"
        self._seats.check_room(room.call)
        seat = self._seats.take(window, room.call, State.CONNECTING)
        if seat.user.startswith(TEAMS_USER):
            self._seats.enter(seat)
            self._admit_if_open(room)
        elif room.is_open and room.lets_everyone_in:
            self._seats.enter(seat)
        else:
            seat.state = State.LOBBY
            self._seats.tell(seat)

    # What inspection does; each raises RefusedError if that cannot be done.

    async def let_teams_user_join(self, link: str, raw_id: str, name: str) -> None:
        bypass = await self._links.lobby_bypass(link)
        room = self._room(link)
        room.lets_everyone_in = bypass == "everyone"
        self._seats.names[raw_id] = name
        room.call.participants.setdefault(raw_id, Participant(raw_id))
        self._switchboard.report_participants(room.call)
        self._admit_if_open(room)

    def let_teams_user_leave(self, link: str, raw_id: str) -> None:
        room = self._joined(link, raw_id)
        del room.call.participants[raw_id]
        self._switchboard.report_participants(room.call)
        self.forget_empty()

    def admit(self, link: str, user: str | None) -> None:
        """Admit everybody who waits, or one user."""
        for seat in self._waiting(self._open_room(link), user):
            self._seats.enter(seat)

    def deny(self, link: str, user: str | None) -> None:
        for seat in self._waiting(self._open_room(link), user):
            self._seats.end(seat, "denied")
        self.forget_empty()

    def forget_empty(self) -> None:
        """When somebody joins an empty meeting, it begins anew."""
        for link, room in list(self._rooms.items()):
            if not self._seats.of(room.call) and not room.call.participants:
                self._seats.forget_meeting(room.call)
                del self._rooms[link]

    def _room(self, link: str) -> Room:
        room = self._rooms.setdefault(link, Room(link))
        self._seats.name_meeting(room.call, link)
        return room

    def _open_room(self, link: str) -> Room:
        room = self._rooms.get(link)
        if room is None or not room.is_open:
            raise RefusedError("noTeamsUser", "No Teams user is in the meeting to decide that.")
        return room

    def _joined(self, link: str, raw_id: str) -> Room:
        room = self._rooms.get(link)
        if room is None or raw_id not in room.call.participants:
            raise RefusedError("noTeamsUser", "That Teams user is not in the meeting.")
        return room

    def _waiting(self, room: Room, user: str | None) -> list[Seat]:
        return [
            seat
            for seat in self._seats.of(room.call)
            if seat.state is State.LOBBY and user in (None, seat.user)
        ]

    def _admit_if_open(self, room: Room) -> None:
        if room.is_open and room.lets_everyone_in:
            for seat in self._waiting(room, None):
                self._seats.enter(seat)
