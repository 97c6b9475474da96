"""`/_emulator/callbacks`: how callbacks are delivered, and the release of held ones."""

from aiohttp import web

from devstack.acs_emulator.callbacks.delivery import CallbackDelivery
from devstack.acs_emulator.callbacks.modes import CallbackMode, ReleaseSpec
from devstack.emulation.holding import answer_when_held
from devstack.emulation.specs import read_json, read_spec, validated


class CallbackInspection:
    def __init__(self, delivery: CallbackDelivery) -> None:
        self._delivery = delivery

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/_emulator/callbacks", self._show, allow_head=False),
            web.put("/_emulator/callbacks", self._set_mode),
            web.post("/_emulator/callbacks/release", self._release),
            web.get("/_emulator/callbacks/wait", self._wait, allow_head=False),
        ]

    async def _show(self, _request: web.Request) -> web.Response:
        held = [
            {"id": event.id, "type": event.type, "callConnectionId": event.connection_id}
            for event in self._delivery.held
        ]
        return web.json_response({**self._delivery.mode.model_dump(by_alias=True), "held": held})

    async def _set_mode(self, request: web.Request) -> web.Response:
        await self._delivery.set_mode(await read_spec(request, CallbackMode))
        return await self._show(request)

    async def _release(self, request: web.Request) -> web.Response:
        # A request without a body releases all events.
        spec = validated(await read_json(request) or {}, ReleaseSpec)
        return web.json_response({"released": await self._delivery.release(spec)})

    async def _wait(self, request: web.Request) -> web.Response:
        return await answer_when_held(request, self._delivery.held_count)
