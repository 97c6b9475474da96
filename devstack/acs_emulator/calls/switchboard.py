"""The calls that are in progress: how an app's connections to them begin, and how they end."""

import asyncio
import time
import uuid
from collections.abc import Callable

from pydantic import JsonValue

from devstack.acs_emulator.calls.answers import call_not_established, call_not_found
from devstack.acs_emulator.calls.bodies import AnswerCall, ConnectCall, CreateCall
from devstack.acs_emulator.calls.connections import (
    Call,
    CallConnection,
    CallConnectionState,
    Participant,
    new_call,
)
from devstack.acs_emulator.calls.events import CallEvents
from devstack.acs_emulator.calls.far_ends import FarEnds
from devstack.acs_emulator.calls.incoming_calls import IncomingCall
from devstack.acs_emulator.calls.player import Player
from devstack.acs_emulator.calls.results import (
    ENDED_BY_APP,
    ENDED_BY_RESTART,
    ENDED_WITH_CALL,
    ResultInformation,
)
from devstack.acs_emulator.calls.speech import Speech
from devstack.acs_emulator.calls.store import CallStore
from devstack.acs_emulator.calls.streams import Streams
from devstack.acs_emulator.calls.subscriptions import (
    MediaStreamingSubscription,
    TranscriptionSubscription,
    without_streams,
)
from devstack.acs_emulator.streams.sockets import AppSockets
from devstack.acs_emulator.wire.identifiers import ACS_USER
from devstack.emulation.background import BackgroundTasks
from devstack.emulation.database import Database


class Switchboard:
    """A call lives as long as this process, as a real call lives as long as its media servers: the
    next process ends the calls that it finds, and reports this to their apps.
    """

    def __init__(
        self,
        *,
        database: Database,
        store: CallStore,
        events: CallEvents,
        far_ends: FarEnds,
        sockets: AppSockets,
        resource_id: str,
    ) -> None:
        self.background = BackgroundTasks()
        self.streams = Streams(
            database=database,
            events=events,
            far_ends=far_ends,
            sockets=sockets,
            background=self.background,
            save=self.save,
        )
        self._database = database
        self._store = store
        self._events = events
        self._far_ends = far_ends
        self._identity_prefix = f"{ACS_USER}{resource_id}_"
        self._connections: dict[str, CallConnection] = {}
        self._players: dict[str, Player] = {}
        self._group_calls: dict[str, Call] = {}
        # Called for each call that ends, in the transaction of its end.
        self.call_ends: list[Callable[[Call], None]] = []

    def end_calls_of_earlier_process(self) -> None:
        for content in self._store.contents(live_only=True):
            ended = {
                **content,
                **without_streams(content),
                "callConnectionState": CallConnectionState.DISCONNECTED.value,
                "participants": [],
                "ringing": [],
                "resultInformation": ENDED_BY_RESTART.as_json(),
            }
            with self._database.transaction():
                self._store.save(
                    content["callConnectionId"], ended, live=False, now=int(time.time())
                )
                self._events.send_ended_by_restart(content)

    async def stop(self) -> None:
        await self.background.stop()

    def connection(self, connection_id: str) -> CallConnection:
        """A connection that has not ended.

        Raises:
            AcsError: there is none.
        """
        try:
            return self._connections[connection_id]
        except KeyError:
            raise call_not_found() from None

    def established(self, connection_id: str) -> CallConnection:
        """A connection that is connected.

        Raises:
            AcsError: there is none, or it is not connected yet.
        """
        connection = self.connection(connection_id)
        if connection.state is not CallConnectionState.CONNECTED:
            raise call_not_established()
        return connection

    def player(self, connection: CallConnection) -> Player:
        return self._players[connection.id]

    def find_call(self, server_call_id: str) -> Call | None:
        calls = (connection.call for connection in self._connections.values())
        return next((call for call in calls if call.server_call_id == server_call_id), None)

    def find_group_call(self, group_id: str) -> Call | None:
        calls = (connection.call for connection in self._connections.values())
        return next((call for call in calls if call.group_id == group_id), None)

    def group_call(self, group_id: str) -> Call:
        """The group call with that id; a new one if nobody is in it."""
        return self._group_calls.setdefault(group_id, new_call(group_id))

    # How connections begin

    def create(self, request: CreateCall) -> CallConnection:
        """A connection to a new call; nobody is called yet."""
        source = request.source_raw_id or self._new_app_identity()
        connection = CallConnection(
            call=new_call(teams_account=request.teams_account),
            callback_uri=request.callback_uri,
            app_raw_id=source,
            state=CallConnectionState.CONNECTING,
            operation_context=request.operation_context,
            speech_endpoint=request.speech_endpoint,
            media_streaming=MediaStreamingSubscription(request.media_streaming_options),
            transcription=TranscriptionSubscription(request.transcription_options),
            source=source,
            targets=list(dict.fromkeys(request.targets)),
            caller_id=request.source_caller_id_number,
            display_name=request.source_display_name,
        )
        self._open(connection)
        return connection

    def connect(self, request: ConnectCall, call: Call) -> CallConnection:
        """A further connection to a call, or the first one to a group call."""
        connection = CallConnection(
            call=call,
            callback_uri=request.callback_uri,
            app_raw_id=self._new_app_identity(),
            state=CallConnectionState.CONNECTING,
            operation_context=request.operation_context,
            speech_endpoint=request.speech_endpoint,
            media_streaming=MediaStreamingSubscription(request.media_streaming_options),
            transcription=TranscriptionSubscription(request.transcription_options),
            is_added=True,
        )
        self._open(connection)
        self.establish_soon(connection)
        return connection

    def answer(self, request: AnswerCall, incoming: IncomingCall) -> CallConnection:
        """The app's leg of a call that rang at it; the caller has to establish it."""
        if incoming.call.leg_of(incoming.caller) is None:  # else the app called itself
            caller = Participant(incoming.caller, presses=incoming.presses)
            incoming.call.participants[incoming.caller] = caller
        connection = CallConnection(
            call=incoming.call,
            callback_uri=request.callback_uri,
            app_raw_id=incoming.callee,
            state=CallConnectionState.UNKNOWN,
            operation_context=request.operation_context,
            speech_endpoint=request.speech_endpoint,
            media_streaming=MediaStreamingSubscription(request.media_streaming_options),
            transcription=TranscriptionSubscription(request.transcription_options),
            source=incoming.caller,
            targets=[incoming.callee],
            display_name=incoming.display_name,
            answered_by=request.answered_by or incoming.callee,
        )
        self._open(connection)
        return connection

    def establish_soon(self, connection: CallConnection) -> None:
        self.background.spawn(self._establish_soon(connection))

    def establish(self, connection: CallConnection) -> None:
        """Connect the app. The caller then has to report the participants."""
        connection.state = CallConnectionState.CONNECTED
        connection.call.participants[connection.app_raw_id] = Participant(connection.app_raw_id)
        self._events.send(connection, "CallConnected")
        self.streams.begin(connection)

    def report_participants(self, call: Call) -> None:
        """After their change: report the participants to all connections, and store them."""
        with self._database.transaction():
            self._events.send_participants(call)
            for connection in call.connections:
                self.save(connection)
        self.tell_clients(call)

    def tell_clients(self, call: Call) -> None:
        """After a change of a call: tell the clients of those who are or were in it."""
        self._far_ends.clients.changed(call)

    # How connections end

    def hang_up(self, connection: CallConnection) -> None:
        """The app leaves. A group call goes on, and a call with people and other connections."""
        call = connection.call
        with self._database.transaction():
            self.end(connection, ENDED_BY_APP)
            if call.connections:
                self.end_or_report(call, ENDED_WITH_CALL)
            elif not call.goes_on_without_apps:
                self._tell_of_end(call)
        self.tell_clients(call)
        self.forget_if_empty(call)

    def forget_if_empty(self, call: Call) -> None:
        """A group call in which nobody is begins anew when somebody joins it."""
        if call.group_id is not None and not call.connections and not call.participants:
            self._group_calls.pop(call.group_id, None)

    def end_without_apps(self, call: Call) -> None:
        """The last people left a call that goes on without apps."""
        with self._database.transaction():
            self._tell_of_end(call)
        call.participants.clear()
        self.forget_if_empty(call)

    def terminate(self, connection: CallConnection) -> None:
        """The call ends for everybody. Other connections see that the call ended under them."""
        call = connection.call
        call.left = dict.fromkeys(call.participants, "terminated")
        with self._database.transaction():
            self.end(connection, ENDED_BY_APP)
            self._end_call(call, ENDED_WITH_CALL)

    def end_if_over(self, call: Call, result: ResultInformation) -> bool:
        """[assumed] End a call that is over, see `Call.is_over`; returns whether it has ended."""
        if call.is_over:
            self._end_call(call, result)
        return not call.connections

    def end_or_report(self, call: Call, result: ResultInformation) -> None:
        """After somebody left: end the call if it is over, else report who is still there."""
        if not self.end_if_over(call, result):
            self.report_participants(call)

    def _end_call(self, call: Call, result: ResultInformation) -> None:
        with self._database.transaction():
            self._tell_of_end(call)
            call.participants.clear()
            for connection in list(call.connections):
                self.end(connection, result)
        if call.group_id is not None:
            self._group_calls.pop(call.group_id, None)
        self.tell_clients(call)

    def _tell_of_end(self, call: Call) -> None:
        for tell in self.call_ends:
            tell(call)

    def end(self, connection: CallConnection, result: ResultInformation) -> None:
        """End one connection; the call may go on without it."""
        self.player(connection).cancel_all()
        self.streams.end(connection)
        for invitation in connection.invitations.values():
            invitation.stop_ringing()
        connection.invitations.clear()
        connection.state, connection.end = CallConnectionState.DISCONNECTED, result
        connection.call.connections.remove(connection)
        connection.call.participants.pop(connection.app_raw_id, None)
        del self._connections[connection.id]
        del self._players[connection.id]
        self._events.send(connection, "CallDisconnected", result)
        self.save(connection)

    # For inspection

    def for_inspection(self) -> list[dict[str, JsonValue]]:
        """All connections, oldest first, also those that have ended."""
        contents = []
        for content in self._store.contents():
            connection_id = content["callConnectionId"]
            player = self._players.get(connection_id)
            media = player.for_inspection() if player else {"media": []}
            streams = self.streams.for_inspection(connection_id)
            contents.append({**content, **media, "streams": streams})
        return contents

    def press_key(self, call: Call, raw_id: str, tone: str) -> None:
        """A participant presses a key: every connection receives the tone."""
        for connection in call.connections:
            self.player(connection).receive_tone(raw_id, tone)
        self.streams.hear_key(call, raw_id, tone)

    def say(self, call: Call, raw_id: str, speech: Speech) -> None:
        """A participant says something: every connection hears it."""
        for connection in call.connections:
            self.player(connection).receive_speech(raw_id, speech)
        self.streams.hear_speech(call, raw_id, speech)

    def save(self, connection: CallConnection) -> None:
        self._store.save(
            connection.id,
            connection.for_inspection(),
            live=connection.state is not CallConnectionState.DISCONNECTED,
            now=int(time.time()),
        )

    def _open(self, connection: CallConnection) -> None:
        connection.call.connections.append(connection)
        self._connections[connection.id] = connection
        self._players[connection.id] = Player(
            connection,
            self._events,
            self._far_ends,
            lambda raw_id, tone: self.press_key(connection.call, raw_id, tone),
            lambda raw_id, speech: self.say(connection.call, raw_id, speech),
            self.background,
        )
        self.streams.open(connection)
        self.save(connection)

    async def _establish_soon(self, connection: CallConnection) -> None:
        await asyncio.sleep(self._far_ends.spec.default.after_ms / 1000)
        if connection.id in self._connections:
            with self._database.transaction():
                self.establish(connection)
                self.report_participants(connection.call)

    def _new_app_identity(self) -> str:
        # [assumed] The identity of an app that names none: one that was never created.
        return f"{self._identity_prefix}{uuid.uuid4()}"
