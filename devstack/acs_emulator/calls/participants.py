"""Who is called, comes, is muted and goes."""

import asyncio

from devstack.acs_emulator.calls.bodies import (
    AddParticipant,
    CancelAddParticipant,
    MuteParticipants,
    Operation,
    RemoveParticipant,
)
from devstack.acs_emulator.calls.connections import (
    Connection,
    ConnectionState,
    Conversation,
    Invitation,
    Participant,
)
from devstack.acs_emulator.calls.events import Events, participant
from devstack.acs_emulator.calls.far_ends import USUAL_INVITATION_SECONDS, FarEnds
from devstack.acs_emulator.calls.outcomes import (
    ALREADY_THERE,
    CANCELED_INVITATION,
    ENDED_BY_APP,
    ENDED_BY_PHONE,
    ENDED_BY_REMOVAL,
    ENDED_BY_USER,
    NO_SUCH_INVITATION,
    NOT_IN_CALL,
    SUCCESS,
    Outcome,
)
from devstack.acs_emulator.calls.store import CallState
from devstack.acs_emulator.calls.switchboard import Switchboard
from devstack.acs_emulator.wire.identifiers import is_phone


class Participants:
    def __init__(
        self, *, switchboard: Switchboard, state: CallState, events: Events, far_ends: FarEnds
    ) -> None:
        self._switchboard = switchboard
        self._state = state
        self._events = events
        self._far_ends = far_ends

    def call_targets(self, connection: Connection) -> None:
        """Ring at everybody whom a new call is for, at once; whoever answers is in it."""
        for target in connection.targets:
            self._ring(connection, target, USUAL_INVITATION_SECONDS, None)

    def add(self, connection: Connection, request: AddParticipant) -> Invitation:
        """Ring at one more."""
        seconds = request.invitation_timeout_in_seconds
        if seconds is None:
            seconds = USUAL_INVITATION_SECONDS
        return self._ring(connection, request.participant_to_add, seconds, request)

    def cancel(self, connection: Connection, request: CancelAddParticipant) -> None:
        invitation = connection.invitations.pop(request.invitation_id, None)
        name, outcome = "CancelAddParticipantSucceeded", CANCELED_INVITATION
        if invitation is None:
            name, outcome = "CancelAddParticipantFailed", NO_SUCH_INVITATION
        else:
            invitation.stop_ringing()
        self._events.tell_operation(
            connection, request, name, outcome, {"invitationId": request.invitation_id}
        )
        self._switchboard.save(connection)
        self._end_if_over(connection.conversation, ENDED_BY_APP)

    def remove(self, connection: Connection, request: RemoveParticipant) -> None:
        raw_id = request.participant_to_remove
        people = connection.conversation.people()
        # [assumed] The app itself leaves by hanging up, and is none to be removed.
        is_there = raw_id in people
        self._events.tell_operation(
            connection,
            request,
            "RemoveParticipantSucceeded" if is_there else "RemoveParticipantFailed",
            SUCCESS if is_there else NOT_IN_CALL,
            participant(raw_id),
        )
        if is_there:
            self._leave(connection.conversation, raw_id, ENDED_BY_REMOVAL)

    def mute(self, connection: Connection, request: MuteParticipants) -> None:
        """Mute those who are there; the caller has seen that they are."""
        for raw_id in request.target_participants:
            connection.conversation.participants[raw_id].is_muted = True
        self._switchboard.tell_participants(connection.conversation)

    # What the far end does by itself

    def join(self, conversation: Conversation, raw_id: str) -> None:
        """Somebody joins, as people join a group call."""
        conversation.participants[raw_id] = Participant(raw_id)
        self._switchboard.tell_participants(conversation)

    def hang_up(self, conversation: Conversation, raw_id: str) -> None:
        self._leave(conversation, raw_id, ENDED_BY_PHONE if is_phone(raw_id) else ENDED_BY_USER)

    def _leave(self, conversation: Conversation, raw_id: str, outcome: Outcome) -> None:
        del conversation.participants[raw_id]
        if not self._end_if_over(conversation, outcome):
            self._switchboard.tell_participants(conversation)

    def _end_if_over(self, conversation: Conversation, outcome: Outcome) -> bool:
        """[assumed] A call ends with the last who was in it besides the app, or is called to it.

        A group call does not: its app waits for whoever comes.
        """
        is_over = not conversation.people() and not conversation.invitations()
        if is_over and conversation.group is None:
            self._switchboard.end_all(conversation, outcome)
        return is_over and conversation.group is None

    def _ring(
        self, connection: Connection, target: str, seconds: int, addition: Operation | None
    ) -> Invitation:
        invitation = Invitation(
            target=target,
            timeout_seconds=seconds,
            addition=addition,
            decided=asyncio.get_running_loop().create_future(),
        )
        connection.invitations[invitation.id] = invitation
        invitation.ringing = self._switchboard.background.spawn(
            self._await_reaction(connection, invitation)
        )
        self._switchboard.save(connection)
        return invitation

    async def _await_reaction(self, connection: Connection, invitation: Invitation) -> None:
        participants, refusal = connection.conversation.participants, None
        if invitation.target not in participants:
            refusal = await self._far_ends.reaction(invitation)
        if refusal is None and invitation.target in participants:
            refusal = ALREADY_THERE  # perhaps only by now, by another invitation
        with self._state.together():
            del connection.invitations[invitation.id]
            if refusal is None:
                self._accept(connection, invitation)
            else:
                self._refuse(connection, invitation, refusal)

    def _accept(self, connection: Connection, invitation: Invitation) -> None:
        conversation, target = connection.conversation, invitation.target
        conversation.participants[target] = Participant(target)
        if connection.state is ConnectionState.CONNECTING:
            self._switchboard.establish(connection)
        if invitation.addition is not None:
            self._events.tell_operation(
                connection,
                invitation.addition,
                "AddParticipantSucceeded",
                SUCCESS,
                participant(target),
            )
        self._switchboard.tell_participants(conversation)

    def _refuse(self, connection: Connection, invitation: Invitation, refusal: Outcome) -> None:
        if invitation.addition is not None:
            self._events.tell_operation(
                connection,
                invitation.addition,
                "AddParticipantFailed",
                refusal,
                participant(invitation.target),
            )
        self._switchboard.save(connection)
        conversation = connection.conversation
        # Of several who were called at first, nothing is told of those who did not come.
        is_last = not conversation.invitations() and not conversation.people()
        if is_last and connection.state is ConnectionState.CONNECTING:
            # [assumed] that both are sent, as reports have the one or the other.
            self._events.tell(connection, "CreateCallFailed", refusal)
        self._end_if_over(conversation, refusal)
