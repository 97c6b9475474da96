"""The Call Automation emulator: its parts, how they start, and how they stop."""

from collections.abc import Collection, Mapping

from aiohttp import web
from pydantic import JsonValue

from devstack.acs_emulator.callbacks.delivery import CallbackDelivery
from devstack.acs_emulator.callbacks.inspection import CallbackInspection
from devstack.acs_emulator.callbacks.store import EventStore
from devstack.acs_emulator.callbacks.tokens import CallbackTokens
from devstack.acs_emulator.calls.api import CallsApi
from devstack.acs_emulator.calls.events import CallEvents
from devstack.acs_emulator.calls.far_ends import FarEnds
from devstack.acs_emulator.calls.files import AudioFiles
from devstack.acs_emulator.calls.incoming_calls import IncomingCalls
from devstack.acs_emulator.calls.inspection import CallInspection
from devstack.acs_emulator.calls.invitations import Invitations
from devstack.acs_emulator.calls.media_api import MediaApi
from devstack.acs_emulator.calls.moving_api import MovingApi
from devstack.acs_emulator.calls.participants import Participants
from devstack.acs_emulator.calls.recording_api import RECORDING_OPERATIONS, RecordingApi
from devstack.acs_emulator.calls.recording_events import RecordingEvents
from devstack.acs_emulator.calls.recording_store import RecordingStore
from devstack.acs_emulator.calls.recordings import Recordings
from devstack.acs_emulator.calls.repeatability import Repeatability
from devstack.acs_emulator.calls.store import CallStore
from devstack.acs_emulator.calls.streaming_api import StreamingApi
from devstack.acs_emulator.calls.switchboard import Switchboard
from devstack.acs_emulator.calls.teams_accounts import TeamsAccounts
from devstack.acs_emulator.event_grid.delivery import EventGrid
from devstack.acs_emulator.event_grid.inspection import EventGridInspection
from devstack.acs_emulator.event_grid.subscription import SubscriptionSpec
from devstack.acs_emulator.identity.assignments import AssignmentStore
from devstack.acs_emulator.identity.store import IdentityStore
from devstack.acs_emulator.streams.sockets import AppSockets
from devstack.acs_emulator.wire.gate import Gate
from devstack.acs_emulator.wire.signing_key import SigningKey
from devstack.emulation.database import Database

# For counts and faults.
CALL_OPERATIONS = (
    "createCall",
    "answerCall",
    "connectCall",
    "redirectCall",
    "rejectCall",
    "getCall",
    "hangUp",
    "terminateCall",
    "transferCall",
    "listParticipants",
    "getParticipant",
    "addParticipant",
    "removeParticipant",
    "muteParticipants",
    "cancelAddParticipant",
    "play",
    "recognize",
    "cancelMedia",
    "startContinuousDtmf",
    "stopContinuousDtmf",
    "sendDtmf",
    "hold",
    "unhold",
    "startMediaStreaming",
    "stopMediaStreaming",
    "startTranscription",
    "stopTranscription",
    "updateTranscription",
    "moveParticipants",
    *RECORDING_OPERATIONS,
)


class CallAutomationEmulator:
    """Call Automation of one resource. What is public, the calling plane works with.

    Args:
        callback_key: signs the tokens of callbacks.
        caller_id: the phone number of the resource.
        teams_numbers: of Teams resource accounts: object id by number.
        voice_apps: ids of auto attendants and call queues of Teams.
        subscription: the subscription of Event Grid at the start.
        fetch_files: whether the files that apps play are fetched.
    """

    def __init__(
        self,
        *,
        database: Database,
        identities: IdentityStore,
        assignments: AssignmentStore,
        callback_key: SigningKey,
        callback_issuer: str,
        resource_id: str,
        caller_id: str,
        teams_numbers: Mapping[str, str],
        voice_apps: Collection[str],
        subscription: SubscriptionSpec | None,
        fetch_files: bool,
    ) -> None:
        self._database = database
        self._call_store = CallStore(database)
        self._event_store = EventStore(database)
        self._repeatability = Repeatability(database)
        self._tokens = CallbackTokens(callback_key, issuer=callback_issuer, resource_id=resource_id)
        self._callbacks = CallbackDelivery(self._event_store, self._tokens)
        self._event_grid = EventGrid(subscription)
        self.files = AudioFiles(are_fetched=fetch_files)
        self._sockets = AppSockets(self._tokens.issue_for_socket)
        self.accounts = accounts = TeamsAccounts(
            assignments,
            resource_id=resource_id,
            caller_id=caller_id,
            numbers=teams_numbers,
            voice_apps=voice_apps,
        )
        self.far_ends = far_ends = FarEnds(identities, self.files, accounts, resource_id)
        events = CallEvents(self._callbacks)
        self.switchboard = Switchboard(
            database=database,
            store=self._call_store,
            events=events,
            far_ends=far_ends,
            sockets=self._sockets,
            resource_id=resource_id,
        )
        self.participants = participants = Participants(
            database=database, switchboard=self.switchboard, events=events, far_ends=far_ends
        )
        self.incoming = incoming = IncomingCalls(far_ends, self._event_grid, accounts)
        invitations = Invitations(
            database=database,
            switchboard=self.switchboard,
            events=events,
            far_ends=far_ends,
            incoming=incoming,
        )
        self._calls_api = CallsApi(
            switchboard=self.switchboard,
            participants=participants,
            invitations=invitations,
            incoming=incoming,
            repeatability=self._repeatability,
            accounts=accounts,
        )
        self._media_api = MediaApi(
            switchboard=self.switchboard,
            participants=participants,
            events=events,
            repeatability=self._repeatability,
        )
        self._streaming_api = StreamingApi(self.switchboard)
        self._moving_api = MovingApi(
            switchboard=self.switchboard,
            participants=participants,
            repeatability=self._repeatability,
        )
        self._recording_store = RecordingStore(database)
        self._recordings = Recordings(
            database=database,
            store=self._recording_store,
            switchboard=self.switchboard,
            events=RecordingEvents(self._callbacks, self._event_grid),
            resource_id=resource_id,
        )
        self._recording_api = RecordingApi(
            recordings=self._recordings,
            store=self._recording_store,
            repeatability=self._repeatability,
            resource_id=resource_id,
        )
        self._inspection = CallInspection(
            switchboard=self.switchboard,
            participants=participants,
            far_ends=far_ends,
            incoming=incoming,
            accounts=accounts,
        )

    def routes(self, gate: Gate) -> list[web.RouteDef]:
        return [
            *self._calls_api.routes(gate),
            *self._media_api.routes(gate),
            *self._streaming_api.routes(gate),
            *self._moving_api.routes(gate),
            *self._recording_api.routes(gate),
            *self._tokens.routes(),
            *self._inspection.routes(),
            *CallbackInspection(self._callbacks).routes(),
            *EventGridInspection(self._event_grid).routes(),
        ]

    async def start(self) -> None:
        """Deliver the events that an earlier process did not deliver, and end its calls."""
        await self._callbacks.start()
        await self._event_grid.start()
        await self.files.start()
        await self._sockets.start()
        self.switchboard.end_calls_of_earlier_process()
        self._recordings.end_those_of_earlier_process()

    async def stop(self) -> None:
        await self._event_grid.stop()
        await self.switchboard.stop()
        await self.files.stop()
        await self._sockets.stop()
        await self._callbacks.stop()

    def forget_before(self, then: int) -> None:
        """Delete calls that ended before `then`, their events, and answers older than that; and
        recordings, which Azure, too, is documented to keep for a day."""
        with self._database.transaction():
            self._event_store.forget(self._call_store.forget_ended_before(then))
            self._event_store.forget(self._recording_store.forget_before(then))
            self._repeatability.forget_before(then)

    def for_inspection(
        self, *, callback_end: str = "", server_call_id: str = ""
    ) -> list[dict[str, JsonValue]]:
        """Calls, oldest first, each with its callbacks.

        Args:
            callback_end: only calls whose callback URI ends so.
            server_call_id: only connections of this call, unless empty.
        """
        return [
            {**call, "callbacks": self._event_store.of_connection(str(call["callConnectionId"]))}
            for call in self.switchboard.for_inspection()
            if str(call["callbackUri"]).endswith(callback_end)
            and server_call_id in ("", call["serverCallId"])
        ]
