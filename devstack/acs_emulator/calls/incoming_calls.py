"""Calls that ring at the app, until it answers, redirects or rejects them, or 30 s have passed."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from devstack.acs_emulator.calls.answers import incoming_call_gone
from devstack.acs_emulator.calls.connections import Call, new_call
from devstack.acs_emulator.calls.far_ends import FarEnds

RINGING_SECONDS = 30  # documented


@dataclass(frozen=True, kw_only=True)
class IncomingCall:
    """A call that rings.

    Args:
        context: the app gets it with the event, and sends it back to answer.
        presses: the keys that the caller will press, one list for each time that the app begins to
            collect tones from them.
        rings_until: by the clock of IncomingCalls.
    """

    context: str
    caller: str
    callee: str
    display_name: str
    presses: list[list[str]]
    call: Call
    rings_until: float


class IncomingCalls:
    """The calls that ring now. They do not survive a restart: they ring for 30 s at most.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, far_ends: FarEnds, clock: Callable[[], float] = time.monotonic) -> None:
        self._far_ends = far_ends
        self._clock = clock
        self._ringing: dict[str, IncomingCall] = {}

    def ring(
        self, *, caller: str, callee: str, display_name: str, presses: list[list[str]]
    ) -> IncomingCall:
        self._forget_expired()
        incoming = IncomingCall(
            context=secrets.token_urlsafe(96),
            caller=caller,
            callee=callee,
            display_name=display_name,
            presses=presses,
            call=new_call(),
            rings_until=self._clock() + self._far_ends.seconds(RINGING_SECONDS),
        )
        self._ringing[incoming.context] = incoming
        return incoming

    def take(self, context: str) -> IncomingCall:
        """The call with that context, which then stops ringing.

        Raises:
            AcsError: no such call rings.
        """
        self._forget_expired()
        incoming = self._ringing.pop(context, None)
        if incoming is None:
            raise incoming_call_gone()
        return incoming

    def _forget_expired(self) -> None:
        now = self._clock()
        self._ringing = {
            context: incoming
            for context, incoming in self._ringing.items()
            if incoming.rings_until > now
        }
