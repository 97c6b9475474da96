"""Which window is in which call, and in which state: each window is in one call at most."""

from dataclasses import dataclass
from enum import StrEnum

from pydantic import JsonValue

from devstack.acs_emulator.calling.messages import RefusedError
from devstack.acs_emulator.calling.windows import Window
from devstack.acs_emulator.calls.connections import Call, CallConnectionState, Participant
from devstack.acs_emulator.calls.participants import Participants
from devstack.acs_emulator.calls.switchboard import Switchboard

# Each window sends to each: eight of them never connected on a machine with two cores.
MAX_WINDOWS = 5


class State(StrEnum):
    RINGING = "ringing"
    CONNECTING = "connecting"
    LOBBY = "lobby"
    CONNECTED = "connected"
    ENDED = "ended"


@dataclass(eq=False)
class Seat:
    """A window in a call."""

    window: Window
    call: Call
    state: State
    muted: bool = False

    @property
    def user(self) -> str:
        return self.window.user


class Seats:
    """The participants of a call are people: a person is in it as long as one window is."""

    def __init__(self, switchboard: Switchboard, participants: Participants) -> None:
        self._switchboard = switchboard
        self._participants = participants
        self._seats: dict[str, Seat] = {}  # by window
        self._meeting_links: dict[str, str] = {}  # by server call id
        # Of people without a window, by raw id.
        self.names: dict[str, str] = {}

    def name_meeting(self, call: Call, link: str) -> None:
        self._meeting_links[call.server_call_id] = link

    def forget_meeting(self, call: Call) -> None:
        self._meeting_links.pop(call.server_call_id, None)

    def find(self, window: Window) -> Seat | None:
        return self._seats.get(window.id)

    def get(self, window: Window) -> Seat:
        """The seat of a window.

        Raises:
            RefusedError: it is in no call.
        """
        seat = self.find(window)
        if seat is None:
            raise RefusedError("notInCall", "This window is in no call.")
        return seat

    def of(self, call: Call) -> list[Seat]:
        return [seat for seat in self._seats.values() if seat.call is call]

    def connected(self, call: Call) -> list[Seat]:
        return [seat for seat in self.of(call) if seat.state is State.CONNECTED]

    def check_free(self, window: Window) -> None:
        """Check that a window may enter a call.

        Raises:
            RefusedError: it is in one.
        """
        if self.find(window) is not None:
            raise RefusedError("inCall", "This window is in a call already: leave it first.")

    def check_room(self, call: Call) -> None:
        """Check that a call has room for one more window.

        Raises:
            RefusedError: too many windows are in it.
        """
        if len(self.of(call)) >= MAX_WINDOWS:
            raise RefusedError(
                "callFull",
                f"{MAX_WINDOWS} windows are in this call already. Each sends to each, so there"
                " can be no more.",
            )

    def take(self, window: Window, call: Call, state: State) -> Seat:
        """Seat a window in a call, and tell it so; the caller has checked that it may enter."""
        seat = self._seats[window.id] = Seat(window, call, state)
        call.has_clients = True
        self.tell(seat)
        return seat

    def enter(self, seat: Seat) -> None:
        """The person of the seat is in the call from now on."""
        seat.state = State.CONNECTING
        self.tell(seat)
        if seat.user in seat.call.participants:
            self.sync(seat.call)
        else:
            self._participants.join(seat.call, seat.user)

    def mute(self, seat: Seat, *, is_muted: bool) -> None:
        """A window says that it is muted, or not. A person is muted if all their windows are."""
        seat.muted = is_muted
        if seat.state is State.CONNECTED:
            self._update_muted(seat)
            self._switchboard.report_participants(seat.call)

    def leave(self, seat: Seat, reason: str = "left") -> None:
        """A window leaves. With their last window, the person does."""
        was_in_call = seat.state in (State.CONNECTING, State.CONNECTED)
        self.end(seat, reason)
        call, user = seat.call, seat.user
        if was_in_call and user in call.participants:
            if any(other.user == user for other in self.connected(call)):
                self.sync(call)
            elif call.connections:
                self._participants.hang_up(call, user)
            else:
                del call.participants[user]
                self.sync(call)
        self._end_if_deserted(call)

    def end(self, seat: Seat, reason: str) -> None:
        """The call is over for a window; who is in the call does not change by this."""
        if seat.state is State.ENDED:
            return
        seat.state = State.ENDED
        self._seats.pop(seat.window.id, None)
        seat.call.has_clients = bool(self.of(seat.call))
        self.tell(seat, reason)

    def move(self, user: str, there: Call, here: Call) -> None:
        """An app moved a person to another call, with all their windows."""
        for seat in self.of(there):
            if seat.user == user:
                self.end(seat, "moved")
                if seat.window.is_open:
                    self._seats[seat.window.id] = Seat(seat.window, here, State.CONNECTING)
                    here.has_clients = True

    def sync(self, call: Call) -> None:
        """Somebody has joined or left: tell the windows, and end the call if one person is left."""
        reasons, call.left = call.left, {}
        if not self.of(call):
            return
        apps = call.connections
        is_up = not apps or any(app.state is CallConnectionState.CONNECTED for app in apps)
        for seat in self.of(call):
            is_in = seat.user in call.participants
            if seat.state is State.CONNECTING and is_in and is_up:
                seat.state = State.CONNECTED
                self._update_muted(seat)
            elif seat.state is State.CONNECTED and not is_in:
                self.end(seat, reasons.get(seat.user, "hungUp"))
            elif seat.state is State.CONNECTED and call.participants[seat.user].is_muted:
                seat.muted = True  # an app has muted the person
        if self._is_direct(call) and not apps and len(call.participants) <= 1:
            for seat in self.of(call):
                self.end(seat, "hungUp")
            self._switchboard.end_without_apps(call)
            return
        for seat in self.connected(call):
            self.tell(seat)

    def tell(self, seat: Seat, reason: str | None = None) -> None:
        """Send a window the state of its call."""
        call = seat.call
        link = self._meeting_links.get(call.server_call_id)
        kind = "meeting" if link else "group" if call.group_id else "direct"
        is_connected = seat.state is State.CONNECTED
        seat.window.send(
            "call",
            call=call.correlation_id,
            kind=kind,
            locator=link or call.group_id,
            state=seat.state.value,
            reason=reason,
            participants=self._participants_json(call) if is_connected else [],
        )

    def _participants_json(self, call: Call) -> list[JsonValue]:
        return [
            entry
            for participant in call.participants.values()
            for entry in self._entries(call, participant)
        ]

    def _entries(self, call: Call, participant: Participant) -> list[JsonValue]:
        """One for each window of a person, or one without a window."""
        user, on_hold = participant.raw_id, participant.is_on_hold
        seats = [seat for seat in self.connected(call) if seat.user == user]
        if not seats:
            name, is_muted = self.names.get(user, ""), participant.is_muted
            return [_entry(user, None, name, muted=is_muted, on_hold=on_hold)]
        return [
            _entry(
                user, seat.window.id, seat.window.display_name, muted=seat.muted, on_hold=on_hold
            )
            for seat in seats
        ]

    def _update_muted(self, seat: Seat) -> None:
        own = [one for one in self.connected(seat.call) if one.user == seat.user]
        seat.call.participants[seat.user].is_muted = all(one.muted for one in own)

    def _is_direct(self, call: Call) -> bool:
        return call.group_id is None and call.server_call_id not in self._meeting_links

    def _end_if_deserted(self, call: Call) -> None:
        if not call.connections and not call.participants and not self.of(call):
            self._switchboard.end_without_apps(call)


def _entry(user: str, window: str | None, name: str, *, muted: bool, on_hold: bool) -> JsonValue:
    return {
        "user": user,
        "window": window,
        "displayName": name,
        "muted": muted,
        "onHold": on_hold,
    }
