"""The calls that ring at the windows of people. All windows of a person ring; the first one that
answers wins, whether it accepts or declines.
"""

import asyncio
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from pydantic import JsonValue

from devstack.acs_emulator.calling.messages import RefusedError
from devstack.acs_emulator.calling.seats import Seat, Seats, State
from devstack.acs_emulator.calling.windows import Window, Windows
from devstack.acs_emulator.calls.connections import Invitation


@dataclass(eq=False)
class Ring:
    """One invitation, as the windows of its target see it.

    Args:
        seat: of the window that accepted it.
    """

    invitation: Invitation
    id: str = field(default_factory=lambda: secrets.token_hex(8))
    windows: list[Window] = field(default_factory=list)
    seat: Seat | None = None
    is_over: bool = False

    @property
    def is_given_up(self) -> bool:
        return self.seat is not None and self.seat.state is State.ENDED

    def tell(self, window: Window) -> None:
        invitation = self.invitation
        self.windows.append(window)
        caller: JsonValue = {
            "user": invitation.caller,
            "displayName": invitation.display_name,
        }
        window.send("ring", ring=self.id, kind="call", **{"from": caller})

    def end(self, reason: str, winner: Window | None = None) -> None:
        """Stop ringing everywhere.

        Args:
            winner: the window that answered, to which `reason` applies; to the others,
                `answeredElsewhere`.
        """
        if self.is_over:
            return
        self.is_over = True
        for window in self.windows:
            is_other = winner is not None and window is not winner
            window.send(
                "ringEnded", ring=self.id, reason="answeredElsewhere" if is_other else reason
            )


class Rings:
    def __init__(self, windows: Windows, seats: Seats) -> None:
        self._windows = windows
        self._seats = seats
        self._rings: dict[str, Ring] = {}
        windows.opened.append(self._tell_of_all)

    @contextmanager
    def ringing(self, invitation: Invitation) -> Iterator[Ring]:
        """Ring at the windows of the target until the context ends."""
        ring = Ring(invitation)
        self._rings[ring.id] = ring
        for window in self._windows.of(invitation.target):
            ring.tell(window)
        try:
            yield ring
        except asyncio.CancelledError:  # an app answered, or nobody waits any more
            ring.end("answeredElsewhere" if invitation.is_answered_by_app else "canceled")
            if ring.seat is not None:
                self._seats.end(ring.seat, "hungUp")
            raise
        finally:
            del self._rings[ring.id]
            ring.end(_reason(invitation))

    def answer(self, window: Window, ring_id: str, *, accept: bool) -> None:
        """A window accepts or declines.

        Raises:
            RefusedError: it does not ring any more, or the window cannot enter the call.
        """
        ring = self._rings.get(ring_id)
        if ring is None or window not in ring.windows or ring.invitation.reaction.done():
            raise RefusedError("noSuchRing", "It does not ring any more.")
        if not accept:
            ring.invitation.reaction.set_result("decline")
            ring.end("declined")
            return
        call = ring.invitation.call
        if call is None:
            raise RefusedError("noSuchRing", "It does not ring any more.")
        self._seats.check_free(window)
        self._seats.check_room(call)
        ring.invitation.reaction.set_result("accept")
        ring.end("answered", window)
        ring.seat = self._seats.take(window, call, State.CONNECTING)

    def _tell_of_all(self, window: Window) -> None:
        for ring in self._rings.values():
            if ring.invitation.target == window.user and not ring.is_over:
                ring.tell(window)


def _reason(invitation: Invitation) -> str:
    """The reason why the call does not ring any more, if no window answered."""
    if not invitation.reaction.done():
        return "noAnswer"
    # Inspection answered in the person's place.
    return "answeredElsewhere" if invitation.reaction.result() == "accept" else "declined"
