"""What hosts ask on a bad day of the whole suite: ACS, Graph and the tables, each behind a proxy
that gets one request of ten wrong."""

import asyncio
import random
import threading
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from typing import Any, override

from aiohttp import web

from tests.bad_day import trouble
from tests.bad_day.aftermath import suite_settled_and_sound
from tests.support.control import Control
from tests.support.failing_proxy import FailingProxy
from tests.support.stack import Stack
from tests.support.table_proxy import TableProxy

_START_SECONDS = 60.0


@contextmanager
def bad_days(stack: Stack) -> Iterator["FailingUpstreams"]:
    """The stack's hosts ask what fails from now on; in the end all that is stored agrees."""
    with FailingUpstreams(stack).running() as upstreams:
        stack.instead = upstreams.instead
        yield upstreams
        asyncio.run(suite_settled_and_sound(stack))


class _AcsProxy(FailingProxy):
    """Stands in the place of ACS and of its storage of recordings."""

    @override
    def headers(self, request: web.Request) -> list[tuple[str, str]]:
        """Microsoft's client for Python signs the host with its port, and tells storage the host
        without: the emulator adds its own port, where the proxy's was signed."""
        return [
            (name, request.host if name.lower() == "x-ms-host" else value)
            for name, value in super().headers(request)
        ]


class FailingUpstreams:
    """The proxies of a run. They have a thread and an event loop of their own: each test has
    another loop. What tests ask of the emulators themselves goes past them.

    Attributes:
        instead: for the value of each setting of the stack that names one of them, the value that
            names its proxy.
    """

    def __init__(self, stack: Stack) -> None:
        settings = stack.settings
        self._tables = TableProxy(settings["TABLES_CONNECTION_STRING"])
        self._acs = _AcsProxy(stack.values["acs"])
        self._graph = FailingProxy(stack.values["graph"])
        self._settings = settings
        self._controls: dict[str, Control] = {}
        self.instead: Mapping[str, str] = {}
        self._loop = asyncio.new_event_loop()

    @contextmanager
    def running(self) -> Iterator["FailingUpstreams"]:
        """Nothing fails before the first test begins."""
        thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        thread.start()
        opened = AsyncExitStack()
        try:
            self._do(self._open(opened))
            yield self
        finally:
            self._do(opened.aclose())
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join()
            self._loop.close()

    def begin(self, seed: str) -> None:
        """Have requests fail anew; which ones follows from the seed."""
        self._do(self._begin(random.Random(seed)))

    def end(self) -> dict[str, int]:
        """Have nothing fail any more; how many requests to each have failed."""
        return self._do(self._end())

    async def _open(self, opened: AsyncExitStack) -> None:
        proxies = {"tables": self._tables, "acs": self._acs, "graph": self._graph}
        for name, proxy in proxies.items():
            await opened.enter_async_context(proxy.running())
            self._controls[name] = await opened.enter_async_context(Control(proxy.url))
        acs = self._settings["COMMUNICATION_CONNECTION_STRING"]
        endpoint = acs.removeprefix("endpoint=").partition("/;")[0]
        self.instead = {
            self._settings["TABLES_CONNECTION_STRING"]: self._tables.connection_string,
            acs: acs.replace(endpoint, self._acs.url),
            # The files of recordings: the same server has them.
            self._settings["RECORDING_STORAGE_URL"]: self._acs.url,
            self._settings["GRAPH_ENDPOINT"]: self._graph.url,
        }

    async def _begin(self, chance: random.Random) -> None:
        await trouble.end(self._controls)
        await trouble.begin(self._controls, chance)

    async def _end(self) -> dict[str, int]:
        failed = await trouble.hits(self._controls)
        await trouble.end(self._controls)
        return failed

    def _do[T](self, task: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(task, self._loop).result(_START_SECONDS)
