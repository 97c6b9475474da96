"""The calls that windows make: to people, whose windows ring, and to bots, whose app learns of the
call by Event Grid.
"""

import asyncio

from devstack.acs_emulator.calling.messages import RefusedError
from devstack.acs_emulator.calling.seats import Seat, Seats, State
from devstack.acs_emulator.calling.windows import Window
from devstack.acs_emulator.calls.connections import Invitation, Participant, new_call
from devstack.acs_emulator.calls.far_ends import FAILURES, FarEnds
from devstack.acs_emulator.calls.incoming_calls import RINGING_SECONDS, IncomingCalls
from devstack.emulation.background import BackgroundTasks

REASONS = {
    FAILURES["busy"]: "busy",
    FAILURES["decline"]: "declined",
    FAILURES["none"]: "noAnswer",
    FAILURES["unreachable"]: "unreachable",
}


class OutgoingCalls:
    def __init__(
        self,
        *,
        seats: Seats,
        far_ends: FarEnds,
        incoming: IncomingCalls,
        background: BackgroundTasks,
    ) -> None:
        self._seats = seats
        self._far_ends = far_ends
        self._incoming = incoming
        self._background = background
        self._calls: dict[Seat, OutgoingCall] = {}

    def start(self, window: Window, target: str) -> None:
        """A window calls somebody.

        Raises:
            RefusedError: its token does not allow that, it is in a call, or the target is its user.
        """
        if not window.access.may_call:
            raise RefusedError("scope", "The token may join calls, and not begin any.")
        if target == window.user:
            raise RefusedError("badMessage", "Nobody calls themselves.")
        self._seats.check_free(window)
        seat = self._seats.take(window, new_call(), State.RINGING)
        call = self._calls[seat] = OutgoingCall(seat, self)
        call.ring(target)

    def give_up(self, seat: Seat) -> None:
        """The window leaves, so all ringing for it stops."""
        call = self._calls.pop(seat, None)
        if call is not None:
            call.stop()

    def run(self, call: "OutgoingCall", invitation: Invitation) -> asyncio.Task[None]:
        """Let it ring until somebody answers, or nobody does."""
        target = invitation.target
        if self._far_ends.has_user(target):
            _, event_id = self._incoming.ring(
                caller=call.seat.user,
                callee=target,
                display_name=call.seat.window.display_name,
                presses=[],
                call=call.seat.call,
                client_call=call,
            )
            invitation.is_announced = event_id is not None
        return self._background.spawn(self._run(call, invitation))

    async def _run(self, call: "OutgoingCall", invitation: Invitation) -> None:
        failure = await self._far_ends.reaction(invitation)
        seat = call.seat
        self._calls.pop(seat, None)
        if failure is not None:
            self._seats.end(seat, REASONS[failure])
            return
        for raw_id in (seat.user, invitation.target):
            seat.call.participants.setdefault(raw_id, Participant(raw_id))
        seat.state = State.CONNECTING
        self._seats.sync(seat.call)

    def answered_by_app(self, call: "OutgoingCall") -> None:
        """The app's leg is in the call, and will be connected in a moment."""
        self._calls.pop(call.seat, None)
        call.seat.state = State.CONNECTING
        self._seats.tell(call.seat)


class OutgoingCall:
    """One call, as long as it rings; an app that Event Grid told of it may answer."""

    def __init__(self, seat: Seat, calls: OutgoingCalls) -> None:
        self.seat = seat
        self._calls = calls
        self._invitation: Invitation | None = None

    @property
    def is_ringing(self) -> bool:
        invitation = self._invitation
        return (
            self.seat.state is State.RINGING
            and invitation is not None
            and not invitation.reaction.done()
        )

    def ring(self, target: str) -> None:
        invitation = self._invitation = Invitation(
            target=target,
            timeout_seconds=RINGING_SECONDS,
            addition=None,
            reaction=asyncio.get_running_loop().create_future(),
            caller=self.seat.user,
            display_name=self.seat.window.display_name,
            call=self.seat.call,
            is_made_by_client=True,
        )
        invitation.ringing = self._calls.run(self, invitation)

    def stop(self) -> None:
        if self._invitation is not None:
            self._invitation.stop_ringing()

    def answer(self) -> None:
        if self._invitation is not None:
            self._invitation.is_answered_by_app = True
        self.stop()
        self._calls.answered_by_app(self)

    def redirect(self, target: str) -> None:
        self.stop()
        self.ring(target)

    def reject(self) -> None:
        if self._invitation is not None and not self._invitation.reaction.done():
            self._invitation.reaction.set_result("decline")
