"""The calls that are under way: how an app's connections come about, and how they end."""

import asyncio
import time
import uuid

from pydantic import JsonValue

from devstack.acs_emulator.calls.answers import call_not_established, call_not_found
from devstack.acs_emulator.calls.bodies import AnswerCall, Connect, CreateCall
from devstack.acs_emulator.calls.connections import (
    Connection,
    ConnectionState,
    Conversation,
    Participant,
    new_conversation,
)
from devstack.acs_emulator.calls.events import Events
from devstack.acs_emulator.calls.far_ends import FarEnds
from devstack.acs_emulator.calls.incoming_calls import IncomingCall
from devstack.acs_emulator.calls.media import Player
from devstack.acs_emulator.calls.outcomes import ENDED_BY_APP, ENDED_BY_RESTART, Outcome
from devstack.acs_emulator.calls.store import CallState
from devstack.acs_emulator.wire.identifiers import ACS_USER
from devstack.emulation.background import Background


class Switchboard:
    """The calls that are under way. A call lives as long as the process, as a real one lives as
    long as its media servers: the next start ends what was left, and tells its app so.
    """

    def __init__(
        self, *, state: CallState, events: Events, far_ends: FarEnds, resource_id: str
    ) -> None:
        self.background = Background()
        self._state = state
        self._events = events
        self._far_ends = far_ends
        self._app_prefix = f"{ACS_USER}{resource_id}_"
        self._connections: dict[str, Connection] = {}
        self._players: dict[str, Player] = {}
        self._groups: dict[str, Conversation] = {}

    def end_leftovers(self) -> None:
        """Disconnect the calls of an earlier process."""
        for content in self._state.connections(live_only=True):
            ended = {
                **content,
                "callConnectionState": ConnectionState.DISCONNECTED.value,
                "participants": [],
                "ringing": [],
                "resultInformation": ENDED_BY_RESTART.described(),
            }
            with self._state.together():
                self._state.save_connection(
                    content["callConnectionId"], ended, live=False, now=int(time.time())
                )
                self._events.tell_restart(content)

    async def stop(self) -> None:
        await self.background.stop()

    def connection(self, connection_id: str) -> Connection:
        """A connection that has not ended.

        Raises:
            AcsError: there is none.
        """
        try:
            return self._connections[connection_id]
        except KeyError:
            raise call_not_found() from None

    def established(self, connection_id: str) -> Connection:
        """A connection whose call is connected.

        Raises:
            AcsError: there is none, or it is not that far.
        """
        connection = self.connection(connection_id)
        if connection.state is not ConnectionState.CONNECTED:
            raise call_not_established()
        return connection

    def player(self, connection: Connection) -> Player:
        return self._players[connection.id]

    def conversation_with(self, server_call_id: str) -> Conversation | None:
        conversations = (each.conversation for each in self._connections.values())
        return next((c for c in conversations if c.server_call_id == server_call_id), None)

    def group(self, group_id: str) -> Conversation:
        """The group call of that id, begun if nobody is in it."""
        return self._groups.setdefault(group_id, new_conversation(group_id))

    # How connections come about

    def place(self, request: CreateCall) -> Connection:
        """A call that nobody is called to yet."""
        source = request.source or self._new_app()
        connection = Connection(
            conversation=new_conversation(),
            callback_uri=request.callback_uri,
            own_id=source,
            state=ConnectionState.CONNECTING,
            operation_context=request.operation_context,
            speech_endpoint=request.speech_endpoint,
            source=source,
            targets=list(dict.fromkeys(request.targets)),
            caller_id=request.source_caller_id_number,
            display_name=request.source_display_name,
        )
        self._open(connection)
        return connection

    def connect(self, request: Connect, conversation: Conversation) -> Connection:
        """A further connection to a call, or the first to a group call."""
        connection = Connection(
            conversation=conversation,
            callback_uri=request.callback_uri,
            own_id=self._new_app(),
            state=ConnectionState.CONNECTING,
            operation_context=request.operation_context,
            speech_endpoint=request.speech_endpoint,
        )
        self._open(connection)
        self.background.spawn(self._establish_soon(connection))
        return connection

    def answer(self, request: AnswerCall, incoming: IncomingCall) -> Connection:
        caller = Participant(incoming.caller, presses=incoming.presses)
        incoming.conversation.participants[incoming.caller] = caller
        connection = Connection(
            conversation=incoming.conversation,
            callback_uri=request.callback_uri,
            own_id=incoming.callee,
            state=ConnectionState.UNKNOWN,
            operation_context=request.operation_context,
            speech_endpoint=request.speech_endpoint,
            source=incoming.caller,
            targets=[incoming.callee],
            display_name=incoming.display_name,
            answered_by=request.answered_by or incoming.callee,
        )
        self._open(connection)
        self.background.spawn(self._establish_soon(connection))
        return connection

    def establish(self, connection: Connection) -> None:
        """The app is in the call. Who else is has to be told after this."""
        connection.state = ConnectionState.CONNECTED
        connection.conversation.participants[connection.own_id] = Participant(connection.own_id)
        self._events.tell(connection, "CallConnected")

    def tell_participants(self, conversation: Conversation) -> None:
        """After a change of them: tell all connections, and keep it."""
        with self._state.together():
            self._events.tell_participants(conversation)
            for connection in conversation.connections:
                self.save(connection)

    # How they end

    def hang_up(self, connection: Connection) -> None:
        """The app leaves; a group call with people in it, or with another connection, goes on."""
        conversation = connection.conversation
        with self._state.together():
            self.end(connection, ENDED_BY_APP)
            if conversation.connections:
                self.tell_participants(conversation)
        is_over = not conversation.connections and not conversation.participants
        if is_over and conversation.group is not None:
            del self._groups[conversation.group]

    def terminate(self, connection: Connection) -> None:
        """The call ends for everybody."""
        self.end_all(connection.conversation, ENDED_BY_APP)

    def end_all(self, conversation: Conversation, outcome: Outcome) -> None:
        conversation.participants.clear()
        with self._state.together():
            for connection in list(conversation.connections):
                self.end(connection, outcome)
        if conversation.group is not None:
            self._groups.pop(conversation.group, None)

    def end(self, connection: Connection, outcome: Outcome) -> None:
        """One connection, whatever becomes of the call."""
        self.player(connection).cancel_all()
        for invitation in connection.invitations.values():
            invitation.stop_ringing()
        connection.invitations.clear()
        connection.state, connection.end = ConnectionState.DISCONNECTED, outcome
        connection.conversation.connections.remove(connection)
        connection.conversation.participants.pop(connection.own_id, None)
        del self._connections[connection.id]
        del self._players[connection.id]
        self._events.tell(connection, "CallDisconnected", outcome)
        self.save(connection)

    # What is seen of them

    def inspected(self) -> list[dict[str, JsonValue]]:
        """All calls, oldest first, with the callbacks of each."""
        calls = []
        for content in self._state.connections():
            connection_id = content["callConnectionId"]
            player = self._players.get(connection_id)
            calls.append(
                {
                    **content,
                    "media": player.inspected() if player else [],
                    "callbacks": self._state.events_of(connection_id),
                }
            )
        return calls

    def save(self, connection: Connection) -> None:
        self._state.save_connection(
            connection.id,
            connection.inspected(),
            live=connection.state is not ConnectionState.DISCONNECTED,
            now=int(time.time()),
        )

    def _open(self, connection: Connection) -> None:
        connection.conversation.connections.append(connection)
        self._connections[connection.id] = connection
        self._players[connection.id] = Player(
            connection,
            self._events,
            self._far_ends,
            lambda raw_id, tone: self.press(connection.conversation, raw_id, tone),
            self.background,
        )
        self.save(connection)

    def press(self, conversation: Conversation, raw_id: str, tone: str) -> None:
        """A participant presses a key: every connection hears it."""
        for connection in conversation.connections:
            self.player(connection).hear(raw_id, tone)

    async def _establish_soon(self, connection: Connection) -> None:
        await asyncio.sleep(self._far_ends.spec.default.after_ms / 1000)
        if connection.id in self._connections:
            with self._state.together():
                self.establish(connection)
                self.tell_participants(connection.conversation)

    def _new_app(self) -> str:
        # [assumed] Who the app is where it does not say so: an identity that nobody created.
        return f"{self._app_prefix}{uuid.uuid4()}"
