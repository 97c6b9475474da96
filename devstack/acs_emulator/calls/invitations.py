"""How people and identities are called: they ring, and accept, or do not.

An identity may be called in two ways at once: as a person with a client, which is its far end, and
as an app, which Event Grid tells. The one that answers first is in the call.
"""

import asyncio

from devstack.acs_emulator.calls.bodies import (
    AddParticipant,
    CustomCallingContext,
    Operation,
    TransferToParticipant,
)
from devstack.acs_emulator.calls.connections import (
    CallConnection,
    CallConnectionState,
    Invitation,
    Participant,
    new_call,
)
from devstack.acs_emulator.calls.events import CallEvents, participant_field
from devstack.acs_emulator.calls.far_ends import DEFAULT_INVITATION_SECONDS, FarEnds
from devstack.acs_emulator.calls.incoming_calls import IncomingCall, IncomingCalls
from devstack.acs_emulator.calls.results import (
    ALREADY_IN_CALL,
    DECLINED,
    ENDED_WITH_CALL,
    SUCCESS,
    ResultInformation,
)
from devstack.acs_emulator.calls.switchboard import Switchboard
from devstack.acs_emulator.wire.identifiers import identifier_json
from devstack.emulation.database import Database


class Invitations:
    def __init__(
        self,
        *,
        database: Database,
        switchboard: Switchboard,
        events: CallEvents,
        far_ends: FarEnds,
        incoming: IncomingCalls,
    ) -> None:
        self._database = database
        self._switchboard = switchboard
        self._events = events
        self._far_ends = far_ends
        self._incoming = incoming

    def call_targets(self, connection: CallConnection) -> None:
        """Call all targets of a new call at the same time; those who accept are in the call."""
        for target in connection.targets:
            self._ring(connection, _invitation(target))

    def add(self, connection: CallConnection, request: AddParticipant) -> Invitation:
        """Call one more participant."""
        invitation = _invitation(
            request.participant_to_add, request, request.invitation_timeout_in_seconds
        )
        self._ring(connection, invitation)
        return invitation

    def transfer(self, connection: CallConnection, request: TransferToParticipant) -> None:
        """Call whom a participant is transferred to; `request` names that participant, who stays in
        the call until they accept."""
        self._ring(connection, _invitation(request.target_participant, request))

    # What an app does with a call that rings at it

    def answer(self, incoming: IncomingCall, leg: CallConnection) -> None:
        """The app answered by `leg`, which is connected at once, and so is the caller's."""
        calling, invitation = incoming.calling, incoming.invitation
        if calling is None or invitation is None:
            if incoming.client_call is not None:
                incoming.client_call.answer()
            self._switchboard.establish_soon(leg)
            return
        invitation.is_answered_by_app = True
        invitation.stop_ringing()
        del calling.invitations[invitation.id]
        self._switchboard.establish(leg)
        if invitation.transfer is not None:
            self._switchboard.report_participants(leg.call)
        self._accept(calling, invitation)

    def redirect(self, incoming: IncomingCall, target: str) -> None:
        """The call rings at somebody else. The far end of a phone call that was redirected is not
        seen any more, but Event Grid tells where it rings if that is an identity."""
        calling, invitation = incoming.calling, incoming.invitation
        if calling is not None and invitation is not None:
            invitation.stop_ringing()
            again = _invitation(target, invitation.addition, invitation.timeout_seconds)
            again.id = invitation.id  # the app that calls may still cancel it
            self._ring(calling, again)
        elif incoming.client_call is not None:
            incoming.client_call.redirect(target)
        elif self._far_ends.has_user(target):
            self._incoming.ring(
                caller=incoming.caller,
                callee=target,
                display_name=incoming.display_name,
                presses=incoming.presses,
                call=incoming.call,
            )

    def reject(self, incoming: IncomingCall) -> None:
        if incoming.invitation is not None:
            # Recorded without a reason; [assumed] whatever reason the app gives.
            incoming.invitation.reaction.set_result("decline")
        elif incoming.client_call is not None:
            incoming.client_call.reject()

    def _ring(self, connection: CallConnection, invitation: Invitation) -> None:
        connection.invitations[invitation.id] = invitation
        connection.remember("calls", invitation.target)
        invitation.caller = connection.app_raw_id
        invitation.display_name = connection.display_name or ""
        invitation.call = connection.call
        if invitation.transfer is not None:  # a call of its own, which only clients see
            invitation.caller = invitation.transfer.transferee or invitation.caller
            invitation.call = new_call()
        if self._far_ends.has_user(invitation.target):
            self._incoming.ring_for(connection, invitation, _custom(invitation.addition))
        invitation.ringing = self._switchboard.background.spawn(
            self._await_reaction(connection, invitation)
        )
        self._switchboard.save(connection)

    async def _await_reaction(self, connection: CallConnection, invitation: Invitation) -> None:
        participants, failure = connection.call.participants, None
        if invitation.target not in participants:
            failure = await self._far_ends.reaction(invitation)
        if failure is None and invitation.target in participants:
            failure = ALREADY_IN_CALL  # perhaps since a moment ago, by another invitation
        with self._database.transaction():
            del connection.invitations[invitation.id]
            if failure is None:
                self._accept(connection, invitation)
            else:
                self._fail(connection, invitation, failure)
        self._switchboard.tell_clients(connection.call)

    def _accept(self, connection: CallConnection, invitation: Invitation) -> None:
        if invitation.transfer is not None:
            self._complete_transfer(connection, invitation, invitation.transfer)
            return
        call, target = connection.call, invitation.target
        call.participants.setdefault(target, Participant(target))
        if connection.state is CallConnectionState.CONNECTING:
            self._switchboard.establish(connection)
        if invitation.addition is not None:
            self._events.send_for_operation(
                connection,
                invitation.addition,
                "AddParticipantSucceeded",
                SUCCESS,
                participant_field(target),
            )
        self._switchboard.report_participants(call)

    def _complete_transfer(
        self, connection: CallConnection, invitation: Invitation, request: TransferToParticipant
    ) -> None:
        """The participant leaves for the other call. [assumed] That ends a call which they leave
        empty as their removal does."""
        transferee = request.transferee
        assert transferee is not None  # noqa: S101  the API names them
        self._events.send_for_operation(
            connection,
            request,
            "CallTransferAccepted",
            SUCCESS,
            {
                "transferTarget": identifier_json(request.target_participant),
                "transferee": identifier_json(transferee),
            },
        )
        person = connection.call.participants.pop(transferee, None)
        if person is not None and invitation.call is not None:
            onward = invitation.call
            for raw_id in (transferee, request.target_participant):
                onward.participants.setdefault(raw_id, Participant(raw_id))
            self._far_ends.clients.moved(transferee, connection.call, onward)
        self._switchboard.end_or_report(connection.call, ENDED_WITH_CALL)

    def _fail(
        self, connection: CallConnection, invitation: Invitation, failure: ResultInformation
    ) -> None:
        self._switchboard.save(connection)
        if invitation.transfer is not None:
            self._events.send_for_operation(
                connection, invitation.transfer, "CallTransferFailed", failure
            )
        elif invitation.addition is not None:
            self._events.send_for_operation(
                connection,
                invitation.addition,
                "AddParticipantFailed",
                failure,
                participant_field(invitation.target),
            )
        if failure is DECLINED:
            failure = ENDED_WITH_CALL
        call, was_connecting = connection.call, connection.state is CallConnectionState.CONNECTING
        # Of several targets of a new call, only the last failure is reported.
        if self._switchboard.end_if_over(call, failure) and was_connecting:
            # Recorded: both events come, and this one later, though its time is earlier.
            self._events.send(connection, "CreateCallFailed", failure)


def _invitation(
    target: str, addition: Operation | None = None, seconds: int | None = None
) -> Invitation:
    return Invitation(
        target=target,
        timeout_seconds=DEFAULT_INVITATION_SECONDS if seconds is None else seconds,
        addition=addition,
        reaction=asyncio.get_running_loop().create_future(),
    )


def _custom(addition: Operation | None) -> CustomCallingContext:
    if isinstance(addition, AddParticipant | TransferToParticipant):
        return addition.custom_calling_context
    return CustomCallingContext()
