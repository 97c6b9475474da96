"""The calling plane: its parts, and what each message of a window does."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager

from aiohttp import web

from devstack.acs_emulator.calling.access import AccessTokens
from devstack.acs_emulator.calling.inspection import PlaneInspection
from devstack.acs_emulator.calling.meetings import MeetingLinks, Meetings
from devstack.acs_emulator.calling.messages import (
    AnswerRing,
    CallUser,
    Join,
    Leave,
    Mute,
    Press,
    RefusedError,
    Signal,
    WindowMessage,
)
from devstack.acs_emulator.calling.outgoing import OutgoingCalls
from devstack.acs_emulator.calling.rings import Ring, Rings
from devstack.acs_emulator.calling.seats import Seats, State
from devstack.acs_emulator.calling.sockets import WindowSockets
from devstack.acs_emulator.calling.sounds import Sounds
from devstack.acs_emulator.calling.windows import STOPPING, Window, Windows
from devstack.acs_emulator.calls.bodies import TONES, PlaySource
from devstack.acs_emulator.calls.connections import Call, Invitation
from devstack.acs_emulator.calls.emulator import CallAutomationEmulator
from devstack.acs_emulator.identity.store import IdentityStore
from devstack.acs_emulator.wire.signing_key import SigningKey
from devstack.emulation.background import BackgroundTasks


class CallingPlane:
    """The calling plane of one resource; it is `Clients` for the calls of apps.

    Args:
        graph: the address of the Graph emulator, which knows the meetings; None: there are none.
    """

    def __init__(
        self,
        *,
        calls: CallAutomationEmulator,
        identities: IdentityStore,
        key: SigningKey,
        graph: str | None,
    ) -> None:
        self._switchboard = calls.switchboard
        self._background = BackgroundTasks()
        self._windows = Windows()
        self._seats = Seats(calls.switchboard, calls.participants)
        self._rings = Rings(self._windows, self._seats)
        self._links = MeetingLinks(graph)
        self._meetings = Meetings(self._seats, calls.switchboard, self._links)
        self._sounds = Sounds(self._seats, calls.files)
        self._outgoing = OutgoingCalls(
            seats=self._seats,
            far_ends=calls.far_ends,
            incoming=calls.incoming,
            background=self._background,
        )
        self._sockets = WindowSockets(self._windows, AccessTokens(identities, key), self.handle)
        self._inspection = PlaneInspection(
            windows=self._windows, seats=self._seats, meetings=self._meetings, sounds=self._sounds
        )
        self._windows.closed.append(self._leave)
        identities.revocations.append(self._windows.close_all_of)
        calls.far_ends.clients = self

    def routes(self) -> list[web.RouteDef]:
        return [*self._sockets.routes(), *self._inspection.routes()]

    async def start(self) -> None:
        await self._links.start()

    def close_windows(self) -> None:
        """The server stops: it ends each connection before it waits for them."""
        for window in self._windows.all():
            window.close(STOPPING, "The emulator stops.")

    async def stop(self) -> None:
        await self._background.stop()
        await self._links.stop()

    async def handle(self, window: Window, message: WindowMessage) -> None:
        """Do what a window asks for, except to renew its token.

        Raises:
            RefusedError: it cannot be done.
        """
        match message:
            case Join(group_id=str(group_id)):
                self._join_group(window, group_id)
            case Join(meeting_link=str(link)):
                await self._meetings.join(window, link)
            case CallUser():
                self._outgoing.start(window, message.to)
            case AnswerRing():
                self._rings.answer(window, message.ring, accept=message.accept)
            case Press():
                self._press(window, message.key)
            case Mute():
                self._seats.mute(self._seats.get(window), is_muted=message.muted)
            case Leave():
                self._seats.get(window)
                self._leave(window)
            case Signal():
                self._signal(window, message)

    def _join_group(self, window: Window, group_id: str) -> None:
        """Everybody who knows the id may join, as at ACS."""
        self._seats.check_free(window)
        call = self._switchboard.group_call(group_id)
        self._seats.check_room(call)
        self._seats.enter(self._seats.take(window, call, State.CONNECTING))

    def _press(self, window: Window, key: str) -> None:
        seat = self._seats.get(window)
        if seat.state is not State.CONNECTED:
            raise RefusedError("notInCall", "This window is not connected yet.")
        self._switchboard.press_key(seat.call, window.user, TONES[key])

    def _signal(self, window: Window, signal: Signal) -> None:
        seat = self._seats.get(window)
        peers = [peer.window for peer in self._seats.connected(seat.call) if peer is not seat]
        peer = next((one for one in peers if one.id == signal.to), None)
        if seat.state is not State.CONNECTED or peer is None:
            raise RefusedError("notInCall", "That window is not in the call of this one.")
        peer.send("signal", **{"from": window.id}, data=signal.data)

    def _leave(self, window: Window) -> None:
        seat = self._seats.find(window)
        if seat is not None:
            self._outgoing.give_up(seat)
            self._seats.leave(seat)
            self._meetings.forget_empty()

    # What calls need to know of windows: see `Clients`.

    def has(self, raw_id: str) -> bool:
        return bool(self._windows.of(raw_id))

    def ringing(self, invitation: Invitation) -> AbstractContextManager[Ring]:
        return self._rings.ringing(invitation)

    def changed(self, call: Call) -> None:
        self._seats.sync(call)

    def moved(self, raw_id: str, there: Call, here: Call) -> None:
        self._seats.move(raw_id, there, here)
        self._seats.sync(here)

    def playing(
        self, call: Call, listeners: Sequence[str], source: PlaySource
    ) -> AbstractAsyncContextManager[float | None]:
        return self._sounds.playing(call, listeners, source)
