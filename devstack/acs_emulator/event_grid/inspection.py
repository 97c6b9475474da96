"""`/_emulator/eventSubscription`: the webhook that Event Grid sends to, and the events it sent."""

from http import HTTPStatus

from aiohttp import web

from devstack.acs_emulator.event_grid.delivery import EventGrid, HandshakeError
from devstack.acs_emulator.event_grid.subscription import SubscriptionSpec
from devstack.emulation.specs import mistake, read_spec

_PATH = "/_emulator/eventSubscription"


class EventGridInspection:
    def __init__(self, event_grid: EventGrid) -> None:
        self._event_grid = event_grid

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get(_PATH, self._show, allow_head=False),
            web.put(_PATH, self._subscribe),
            web.delete(_PATH, self._reset),
        ]

    async def _show(self, _request: web.Request) -> web.Response:
        subscription = self._event_grid.subscription
        if subscription is None:
            return web.json_response({"subscription": None, "deliveries": []})
        return web.json_response(
            {
                # The headers are left out: they are secrets.
                "subscription": subscription.spec.model_dump(by_alias=True, exclude={"headers"}),
                "deliveries": [delivery.as_json() for delivery in subscription.deliveries],
            }
        )

    async def _subscribe(self, request: web.Request) -> web.Response:
        spec = await read_spec(request, SubscriptionSpec)
        try:
            await self._event_grid.subscribe(spec)
        except HandshakeError as error:
            raise mistake("url", str(error)) from error
        return await self._show(request)

    async def _reset(self, _request: web.Request) -> web.Response:
        await self._event_grid.reset()
        return web.Response(status=HTTPStatus.NO_CONTENT)
