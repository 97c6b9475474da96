"""Call Automation put together."""

from aiohttp import web
from pydantic import JsonValue

from devstack.acs_emulator.callbacks.delivery import Callbacks
from devstack.acs_emulator.callbacks.tokens import CallbackTokens
from devstack.acs_emulator.calls.api import CallsApi
from devstack.acs_emulator.calls.events import Events
from devstack.acs_emulator.calls.far_ends import FarEnds
from devstack.acs_emulator.calls.incoming_calls import IncomingCalls
from devstack.acs_emulator.calls.inspection import CallInspection
from devstack.acs_emulator.calls.media_api import MediaApi
from devstack.acs_emulator.calls.participants import Participants
from devstack.acs_emulator.calls.repeatability import Repeatability
from devstack.acs_emulator.calls.store import CallState
from devstack.acs_emulator.calls.switchboard import Switchboard
from devstack.acs_emulator.event_grid.delivery import EventGrid, SubscriptionSpec
from devstack.acs_emulator.event_grid.inspection import IncomingInspection
from devstack.acs_emulator.identity.tokens import SigningKey
from devstack.acs_emulator.wire.gate import Gate

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
    "notEmulated",
)


class CallAutomation:
    """The parts, and what starts and ends them."""

    def __init__(
        self,
        *,
        state: CallState,
        callback_key: SigningKey,
        callback_issuer: str,
        resource_id: str,
        caller_id: str,
        subscription: SubscriptionSpec | None,
    ) -> None:
        self._tokens = CallbackTokens(callback_key, issuer=callback_issuer, resource_id=resource_id)
        self._callbacks = Callbacks(state, self._tokens)
        far_ends = FarEnds(state, resource_id)
        events = Events(self._callbacks)
        self._switchboard = Switchboard(
            state=state, events=events, far_ends=far_ends, resource_id=resource_id
        )
        participants = Participants(
            switchboard=self._switchboard, state=state, events=events, far_ends=far_ends
        )
        incoming = IncomingCalls(far_ends)
        repeatability = Repeatability(state)
        self._calls_api = CallsApi(
            switchboard=self._switchboard,
            participants=participants,
            incoming=incoming,
            repeatability=repeatability,
            caller_id=caller_id,
        )
        self._media_api = MediaApi(
            switchboard=self._switchboard, events=events, repeatability=repeatability
        )
        self._inspection = CallInspection(
            switchboard=self._switchboard,
            participants=participants,
            far_ends=far_ends,
            callbacks=self._callbacks,
        )
        self._event_grid = EventGrid(subscription)
        self._incoming_inspection = IncomingInspection(
            incoming=incoming, event_grid=self._event_grid
        )

    def routes(self, gate: Gate) -> list[web.RouteDef]:
        return [
            *self._calls_api.routes(gate),
            *self._media_api.routes(gate),
            *self._tokens.routes(),
            *self._inspection.routes(),
            *self._incoming_inspection.routes(),
        ]

    async def start(self) -> None:
        """Deliver what an earlier process left, and end its calls."""
        await self._callbacks.start()
        await self._event_grid.start()
        self._switchboard.end_leftovers()

    async def stop(self) -> None:
        await self._event_grid.stop()
        await self._switchboard.stop()
        await self._callbacks.stop()

    def inspected(self) -> list[dict[str, JsonValue]]:
        return self._switchboard.inspected()
