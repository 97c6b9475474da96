"""What happens first to each API request of an emulator: it is counted, and may get a fault."""

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
        """A handler for the route of `operation` that does this first, and then calls `handler`.

        Args:
            handler: checks the request, and has its effect.
        """

        async def serve(request: web.Request) -> web.StreamResponse:
            self._database.count_request(operation)

            async def effect() -> web.StreamResponse:
                return await handler(request)

            return await self._faults.around(operation, request, effect)

        return serve
