"""Calls that ring at the app, until it answers, redirects or rejects them, or they end.

Event Grid tells the app about each. A call that inspection lets somebody make rings for 30 s; a
call that an app makes to an identity rings as long as its invitation.
"""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from pydantic import JsonValue

from devstack.acs_emulator.calls.answers import incoming_call_gone
from devstack.acs_emulator.calls.bodies import CustomCallingContext
from devstack.acs_emulator.calls.clients import ClientCall
from devstack.acs_emulator.calls.connections import Call, CallConnection, Invitation, new_call
from devstack.acs_emulator.calls.far_ends import FarEnds
from devstack.acs_emulator.calls.teams_accounts import TeamsAccounts, account_of
from devstack.acs_emulator.event_grid.delivery import EventGrid
from devstack.acs_emulator.wire.identifiers import identifier_json

RINGING_SECONDS = 30  # documented


@dataclass(frozen=True, kw_only=True)
class IncomingCall:
    """A call that rings.

    Args:
        context: the app gets it with the event, and sends it back to answer.
        presses: the keys that the caller will press, one list for each time that the app begins to
            collect tones from them.
        rings_until: by the clock of IncomingCalls; None: as long as the invitation.
        calling: the connection of the app that calls; None: inspection let somebody call.
        invitation: by which that app calls, or None.
        client_call: the call, if a person makes it with a client.
    """

    context: str = field(default_factory=lambda: secrets.token_urlsafe(96))
    caller: str
    callee: str
    display_name: str
    presses: list[list[str]]
    call: Call
    rings_until: float | None = None
    calling: CallConnection | None = None
    invitation: Invitation | None = None
    client_call: ClientCall | None = None
    custom: CustomCallingContext = field(default_factory=CustomCallingContext)

    def is_ringing(self, now: float) -> bool:
        if self.rings_until is not None and self.rings_until <= now:
            return False
        if self.client_call is not None:
            return self.client_call.is_ringing
        if self.calling is None or self.invitation is None:
            return True
        rings_still = self.calling.invitations.get(self.invitation.id) is self.invitation
        return rings_still and not self.invitation.reaction.done()

    def event_data(self) -> dict[str, JsonValue]:
        """The data of the IncomingCall event."""
        data: dict[str, JsonValue] = {
            "to": _callee_json(self.callee),
            "from": identifier_json(self.caller),
            "serverCallId": self.call.server_call_id,
            "callerDisplayName": self.display_name,
            "incomingCallContext": self.context,
            "correlationId": self.call.correlation_id,
        }
        if self.custom.voip_headers or self.custom.sip_headers:
            data["customContext"] = {
                "voipHeaders": {**self.custom.voip_headers},
                "sipHeaders": {**self.custom.sip_headers},
            }
        return data


class IncomingCalls:
    """The calls that ring now. They do not survive a restart: they ring for minutes at most.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        far_ends: FarEnds,
        event_grid: EventGrid,
        accounts: TeamsAccounts,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._far_ends = far_ends
        self._accounts = accounts
        self._event_grid = event_grid
        self._clock = clock
        self._ringing: dict[str, IncomingCall] = {}

    def ring(
        self,
        *,
        caller: str,
        callee: str,
        display_name: str,
        presses: list[list[str]],
        call: Call | None = None,
        client_call: ClientCall | None = None,
    ) -> tuple[IncomingCall, str | None]:
        """Somebody calls; returns their call, and the id of its event: None if nobody subscribed,
        or a Teams account is called that has not consented.

        Args:
            call: the one that was redirected, or that a client makes; None: a new one.
            client_call: set if a client makes it: it rings as long as that says.
        """
        return self._announce(
            IncomingCall(
                caller=caller,
                callee=callee,
                display_name=display_name,
                presses=presses,
                call=call or new_call(teams_account=account_of(callee)),
                rings_until=None
                if client_call
                else self._clock() + self._far_ends.seconds(RINGING_SECONDS),
                client_call=client_call,
            )
        )

    def ring_for(
        self, calling: CallConnection, invitation: Invitation, custom: CustomCallingContext
    ) -> None:
        """An app calls an identity, or transfers somebody to it, which is a call of its own."""
        transfer = invitation.transfer
        caller, call = calling.app_raw_id, calling.call
        if transfer is not None and transfer.transferee is not None:
            caller, call = transfer.transferee, invitation.call or new_call()
        person = calling.call.participants.get(caller)
        _, event_id = self._announce(
            IncomingCall(
                caller=caller,
                callee=invitation.target,
                display_name=calling.display_name or "",
                presses=person.presses if person else [],
                call=call,
                calling=calling,
                invitation=invitation,
                custom=custom,
            )
        )
        invitation.is_announced = event_id is not None

    def take(self, context: str) -> IncomingCall:
        """The call with that context, which then stops ringing.

        Raises:
            AcsError: no such call rings.
        """
        self._forget_ended()
        incoming = self._ringing.pop(context, None)
        if incoming is None:
            raise incoming_call_gone()
        return incoming

    def _announce(self, incoming: IncomingCall) -> tuple[IncomingCall, str | None]:
        self._forget_ended()
        self._ringing[incoming.context] = incoming
        if not self._accounts.may_ring(incoming.callee):
            return incoming, None
        event_id = self._event_grid.publish(
            "Microsoft.Communication.IncomingCall",
            f"/caller/{incoming.caller}/recipient/{incoming.callee}",
            incoming.event_data(),
        )
        return incoming, event_id

    def _forget_ended(self) -> None:
        now = self._clock()
        self._ringing = {
            context: incoming
            for context, incoming in self._ringing.items()
            if incoming.is_ringing(now)
        }


def _callee_json(callee: str) -> dict[str, JsonValue]:
    """Documented: in this event, a Teams resource account is of no kind that is known."""
    if account_of(callee) is not None:
        return {"kind": "unknown", "rawId": callee}
    return identifier_json(callee)
