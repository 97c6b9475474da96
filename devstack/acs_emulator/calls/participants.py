"""The participants of calls: how they are called, join, are muted and leave."""

import asyncio

from devstack.acs_emulator.calls.bodies import (
    AddParticipant,
    CancelAddParticipant,
    MuteParticipants,
    Operation,
    RemoveParticipant,
)
from devstack.acs_emulator.calls.connections import (
    Call,
    CallConnection,
    CallConnectionState,
    Invitation,
    Participant,
)
from devstack.acs_emulator.calls.events import CallEvents, participant_field
from devstack.acs_emulator.calls.far_ends import DEFAULT_INVITATION_SECONDS, FarEnds
from devstack.acs_emulator.calls.results import (
    ALREADY_IN_CALL,
    CANCELED_INVITATION,
    ENDED_BY_APP,
    ENDED_BY_PHONE,
    ENDED_BY_REMOVAL,
    ENDED_BY_USER,
    NO_SUCH_INVITATION,
    NOT_IN_CALL,
    SUCCESS,
    ResultInformation,
)
from devstack.acs_emulator.calls.switchboard import Switchboard
from devstack.acs_emulator.wire.identifiers import is_phone
from devstack.emulation.database import Database


class Participants:
    def __init__(
        self,
        *,
        database: Database,
        switchboard: Switchboard,
        events: CallEvents,
        far_ends: FarEnds,
    ) -> None:
        self._switchboard = switchboard
        self._database = database
        self._events = events
        self._far_ends = far_ends

    def call_targets(self, connection: CallConnection) -> None:
        """Call all targets of a new call at the same time; those who accept are in the call."""
        for target in connection.targets:
            self._ring(connection, target, DEFAULT_INVITATION_SECONDS, None)

    def add(self, connection: CallConnection, request: AddParticipant) -> Invitation:
        """Call one more participant."""
        seconds = request.invitation_timeout_in_seconds
        if seconds is None:
            seconds = DEFAULT_INVITATION_SECONDS
        return self._ring(connection, request.participant_to_add, seconds, request)

    def cancel(self, connection: CallConnection, request: CancelAddParticipant) -> None:
        invitation = connection.invitations.pop(request.invitation_id, None)
        name, result = "CancelAddParticipantSucceeded", CANCELED_INVITATION
        if invitation is None:
            name, result = "CancelAddParticipantFailed", NO_SUCH_INVITATION
        else:
            invitation.stop_ringing()
        self._events.send_for_operation(
            connection, request, name, result, {"invitationId": request.invitation_id}
        )
        self._switchboard.save(connection)
        self._end_if_empty(connection.call, ENDED_BY_APP)

    def remove(self, connection: CallConnection, request: RemoveParticipant) -> None:
        raw_id = request.participant_to_remove
        people = connection.call.people()
        # [assumed] The app cannot be removed: it leaves by hanging up.
        is_in_call = raw_id in people
        self._events.send_for_operation(
            connection,
            request,
            "RemoveParticipantSucceeded" if is_in_call else "RemoveParticipantFailed",
            SUCCESS if is_in_call else NOT_IN_CALL,
            participant_field(raw_id),
        )
        if is_in_call:
            self._leave(connection.call, raw_id, ENDED_BY_REMOVAL)

    def mute(self, connection: CallConnection, request: MuteParticipants) -> None:
        """Mute the targets; the caller has checked that they are in the call."""
        for raw_id in request.target_participants:
            connection.call.participants[raw_id].is_muted = True
        self._switchboard.report_participants(connection.call)

    # What the far end does on its own

    def join(self, call: Call, raw_id: str) -> None:
        """Somebody joins without being called, as people join a group call."""
        call.participants[raw_id] = Participant(raw_id)
        self._switchboard.report_participants(call)

    def hang_up(self, call: Call, raw_id: str) -> None:
        self._leave(call, raw_id, ENDED_BY_PHONE if is_phone(raw_id) else ENDED_BY_USER)

    def _leave(self, call: Call, raw_id: str, result: ResultInformation) -> None:
        del call.participants[raw_id]
        if not self._end_if_empty(call, result):
            self._switchboard.report_participants(call)

    def _end_if_empty(self, call: Call, result: ResultInformation) -> bool:
        """[assumed] End a call without participants and invitations; returns whether it has ended.

        A group call does not end: people may still join it.
        """
        is_empty = not call.people() and not call.invitations()
        if is_empty and call.group_id is None:
            self._switchboard.end_call(call, result)
        return is_empty and call.group_id is None

    def _ring(
        self, connection: CallConnection, target: str, seconds: int, addition: Operation | None
    ) -> Invitation:
        invitation = Invitation(
            target=target,
            timeout_seconds=seconds,
            addition=addition,
            reaction=asyncio.get_running_loop().create_future(),
        )
        connection.invitations[invitation.id] = invitation
        invitation.ringing = self._switchboard.background.spawn(
            self._await_reaction(connection, invitation)
        )
        self._switchboard.save(connection)
        return invitation

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

    def _accept(self, connection: CallConnection, invitation: Invitation) -> None:
        call, target = connection.call, invitation.target
        call.participants[target] = Participant(target)
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

    def _fail(
        self, connection: CallConnection, invitation: Invitation, failure: ResultInformation
    ) -> None:
        if invitation.addition is not None:
            self._events.send_for_operation(
                connection,
                invitation.addition,
                "AddParticipantFailed",
                failure,
                participant_field(invitation.target),
            )
        self._switchboard.save(connection)
        call = connection.call
        # Of several targets of a new call, only the last failure is reported.
        is_last = not call.invitations() and not call.people()
        if is_last and connection.state is CallConnectionState.CONNECTING:
            # [assumed] Both events are sent: people report one of them or the other.
            self._events.send(connection, "CreateCallFailed", failure)
        self._end_if_empty(call, failure)
