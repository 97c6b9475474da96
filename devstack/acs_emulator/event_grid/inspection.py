"""Somebody calls the app, and Event Grid tells it so: at `/_emulator`."""

from http import HTTPStatus

from aiohttp import web
from pydantic import Field, JsonValue, ValidationError

from devstack.acs_emulator.calls.far_ends import Keys
from devstack.acs_emulator.calls.incoming_calls import IncomingCall, IncomingCalls
from devstack.acs_emulator.calls.inspection import RawId, refused
from devstack.acs_emulator.event_grid.delivery import EventGrid, HandshakeError, SubscriptionSpec
from devstack.acs_emulator.wire.identifiers import described
from devstack.emulation.faults import bad_request
from devstack.emulation.inspection import json_of
from devstack.emulation.specs import Spec

_PATH = "/_emulator/eventSubscription"


class IncomingSpec(Spec):
    """Somebody calls one of the app's identities or its number.

    Args:
        presses: what the caller presses, each time when tones begin to be collected from them; then
            what their far end always does.
    """

    caller: RawId
    callee: RawId
    display_name: str = ""
    presses: list[Keys] = Field(default_factory=list)


class IncomingInspection:
    def __init__(self, *, incoming: IncomingCalls, event_grid: EventGrid) -> None:
        self._incoming = incoming
        self._event_grid = event_grid

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/_emulator/incomingCalls", self._ring),
            web.get(_PATH, self._show, allow_head=False),
            web.put(_PATH, self._subscribe),
            web.delete(_PATH, self._reset),
        ]

    async def _ring(self, request: web.Request) -> web.Response:
        try:
            wanted = IncomingSpec.model_validate(await json_of(request))
        except ValidationError as error:
            return refused(error)
        call = self._incoming.ring(
            caller=wanted.caller,
            callee=wanted.callee,
            display_name=wanted.display_name,
            presses=wanted.presses,
        )
        data = _told_of(call)
        subject = f"/caller/{call.caller}/recipient/{call.callee}"
        event = self._event_grid.publish("Microsoft.Communication.IncomingCall", subject, data)
        return web.json_response({**data, "eventId": event}, status=HTTPStatus.CREATED)

    async def _show(self, _request: web.Request) -> web.Response:
        subscription = self._event_grid.subscription
        if subscription is None:
            return web.json_response({"subscription": None, "deliveries": []})
        return web.json_response(
            {
                # Its headers are secrets.
                "subscription": subscription.spec.model_dump(by_alias=True, exclude={"headers"}),
                "deliveries": [each.described() for each in subscription.deliveries],
            }
        )

    async def _subscribe(self, request: web.Request) -> web.Response:
        try:
            await self._event_grid.subscribe(
                SubscriptionSpec.model_validate(await json_of(request))
            )
        except ValidationError as error:
            return refused(error)
        except HandshakeError as error:
            return bad_request([{"field": "url", "message": str(error)}])
        return await self._show(request)

    async def _reset(self, _request: web.Request) -> web.Response:
        await self._event_grid.reset()
        return web.Response(status=HTTPStatus.NO_CONTENT)


def _told_of(call: IncomingCall) -> dict[str, JsonValue]:
    """The data of an IncomingCall event."""
    return {
        "to": described(call.callee),
        "from": described(call.caller),
        "serverCallId": call.conversation.server_call_id,
        "callerDisplayName": call.display_name,
        "incomingCallContext": call.context,
        "correlationId": call.conversation.correlation_id,
    }
