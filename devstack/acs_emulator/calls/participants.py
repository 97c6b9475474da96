"""The participants of calls: how they are muted, wait, leave and are moved to another call;
`invitations` lets them come.
"""

from collections.abc import Sequence

from devstack.acs_emulator.calls.bodies import (
    CancelAddParticipant,
    Hold,
    MuteParticipants,
    Operation,
    PlaySource,
    RemoveParticipant,
    Unhold,
)
from devstack.acs_emulator.calls.connections import (
    Call,
    CallConnection,
    CallConnectionState,
    Participant,
)
from devstack.acs_emulator.calls.events import CallEvents, participant_field
from devstack.acs_emulator.calls.far_ends import FarEnds
from devstack.acs_emulator.calls.results import (
    ALREADY_IN_CALL,
    CANCELED_INVITATION,
    ENDED_BY_APP,
    ENDED_BY_PHONE,
    ENDED_BY_REMOVAL,
    ENDED_BY_USER,
    ENDED_WITH_CALL,
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
        self._switchboard.end_if_over(connection.call, ENDED_BY_APP)

    def remove(self, connection: CallConnection, request: RemoveParticipant) -> None:
        raw_id, call = request.participant_to_remove, connection.call
        # [assumed] The app cannot remove itself: it leaves by hanging up.
        is_in_call = raw_id in call.participants and raw_id != connection.app_raw_id
        self._events.send_for_operation(
            connection,
            request,
            "RemoveParticipantSucceeded" if is_in_call else "RemoveParticipantFailed",
            SUCCESS if is_in_call else NOT_IN_CALL,
            participant_field(raw_id),
        )
        if not is_in_call:
            return
        call.left[raw_id] = "removed"
        leg = call.leg_of(raw_id)
        if leg is None:
            self._leave(call, raw_id, ENDED_WITH_CALL)
        else:
            with self._database.transaction():
                self._switchboard.end(leg, ENDED_BY_REMOVAL)
                self._switchboard.end_or_report(call, ENDED_WITH_CALL)

    def mute(self, connection: CallConnection, request: MuteParticipants) -> None:
        """Mute the targets; the caller has checked that they are in the call."""
        for raw_id in request.target_participants:
            connection.call.participants[raw_id].is_muted = True
        self._switchboard.report_participants(connection.call)

    def hold(self, connection: CallConnection, request: Hold) -> None:
        """Let a participant wait; the caller has checked that they are in the call.

        Recorded: if what they should hear meanwhile cannot be played, they wait for a moment only.
        """
        self._set_on_hold(connection, request.target_participant, is_on_hold=True)
        if source := request.play_source_info:
            self._switchboard.background.spawn(self._play_on_hold(connection, request, source))

    async def _play_on_hold(
        self, connection: CallConnection, request: Hold, source: PlaySource
    ) -> None:
        error, raw_id = await self._far_ends.source_error(source), request.target_participant
        is_over = connection.state is not CallConnectionState.CONNECTED
        if error is None or is_over or raw_id not in connection.call.participants:
            return
        self._events.send_for_operation(connection, request, "HoldFailed", error)
        self._set_on_hold(connection, raw_id, is_on_hold=False)

    def unhold(self, connection: CallConnection, request: Unhold) -> None:
        """End their wait; the caller has checked that they are in the call."""
        self._set_on_hold(connection, request.target_participant, is_on_hold=False)

    def _set_on_hold(self, connection: CallConnection, raw_id: str, *, is_on_hold: bool) -> None:
        connection.call.participants[raw_id].is_on_hold = is_on_hold
        self._switchboard.report_participants(connection.call)

    def move(
        self,
        here: CallConnection,
        there: CallConnection,
        request: Operation,
        raw_ids: Sequence[str],
    ) -> None:
        """Move participants into the call of `here`, with an event for each.

        [assumed] They keep neither mute nor hold. Their leaving ends a call which it leaves empty,
        as their removal does.
        """
        moved = False
        for raw_id in dict.fromkeys(raw_ids):
            participant = there.call.participants.get(raw_id)
            failure = None
            if participant is None:
                failure = NOT_IN_CALL
            elif raw_id in here.call.participants:
                failure = ALREADY_IN_CALL
            else:
                del there.call.participants[raw_id]
                here.call.participants[raw_id] = Participant(raw_id, presses=participant.presses)
                self._far_ends.clients.moved(raw_id, there.call, here.call)
                moved = True
            self._events.send_for_operation(
                here,
                request,
                "MoveParticipantFailed" if failure else "MoveParticipantSucceeded",
                failure or SUCCESS,
                {**participant_field(raw_id), "fromCall": there.id},
            )
        if moved:
            self._switchboard.report_participants(here.call)
            self._switchboard.end_or_report(there.call, ENDED_WITH_CALL)

    # What the far end does on its own

    def join(self, call: Call, raw_id: str) -> None:
        """Somebody joins without being called, as people join a group call."""
        call.participants[raw_id] = Participant(raw_id)
        self._switchboard.report_participants(call)

    def hang_up(self, call: Call, raw_id: str) -> None:
        self._leave(call, raw_id, ENDED_BY_PHONE if is_phone(raw_id) else ENDED_BY_USER)

    def _leave(self, call: Call, raw_id: str, result: ResultInformation) -> None:
        del call.participants[raw_id]
        self._switchboard.end_or_report(call, result)
