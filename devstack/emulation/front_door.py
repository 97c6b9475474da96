"""What comes before everything else for a request to an emulator: it is counted, then faulted."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from devstack.emulation.database import Database
from devstack.emulation.faults import Faults

type Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class FrontDoor:
    """A fault comes before any check of a credential, as trouble in Azure's front door does."""

    def __init__(self, database: Database, faults: Faults) -> None:
        self._database = database
        self._faults = faults

    def before(self, operation: str, handler: Handler) -> Handler:
        """The handler for the route of `operation`; `handler` has the effect, or refuses it."""

        async def serve(request: web.Request) -> web.StreamResponse:
            self._database.count_request(operation)

            async def effect() -> web.StreamResponse:
                return await handler(request)

            return await self._faults.around(operation, request, effect)

        return serve
