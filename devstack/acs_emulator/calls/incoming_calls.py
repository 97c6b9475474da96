"""Calls that ring at the app, until it answers, redirects or rejects them, or 30 s are over."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from devstack.acs_emulator.calls.answers import incoming_call_gone
from devstack.acs_emulator.calls.connections import Conversation, new_conversation
from devstack.acs_emulator.calls.far_ends import FarEnds

RINGING_SECONDS = 30  # documented


@dataclass(frozen=True, kw_only=True)
class IncomingCall:
    """`context` is what an app gets, and shows to answer; `until` is when it stops ringing.
    `presses` are the caller's keys, one list for each time that tones are collected."""

    context: str
    caller: str
    callee: str
    display_name: str
    presses: list[list[str]]
    conversation: Conversation
    until: float


class IncomingCalls:
    """Those that ring now. Nothing of them survives a restart: in 30 s they would be gone anyway.

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
        self._forget_the_late()
        call = IncomingCall(
            context=secrets.token_urlsafe(96),
            caller=caller,
            callee=callee,
            display_name=display_name,
            presses=presses,
            conversation=new_conversation(),
            until=self._clock() + self._far_ends.seconds(RINGING_SECONDS),
        )
        self._ringing[call.context] = call
        return call

    def take(self, context: str) -> IncomingCall:
        """The call, which rings no more.

        Raises:
            AcsError: it does not ring.
        """
        self._forget_the_late()
        call = self._ringing.pop(context, None)
        if call is None:
            raise incoming_call_gone()
        return call

    def _forget_the_late(self) -> None:
        now = self._clock()
        self._ringing = {c: call for c, call in self._ringing.items() if call.until > now}
