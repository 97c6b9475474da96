"""The stage of the scenes: a stack, a clock, and hosts that die at a chosen moment."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from shared.app import App
from shared.bot_calls.event_grid import read_grid_events
from shared.calls.events import read_events
from shared.principals import Caller, Principal
from tests.golden.product import START, golden_app, golden_environment, signed_in
from tests.support.control import Control
from tests.support.stack import ROOT, Stack
from tests.support.table_proxy import TableProxy

_SECONDS = 20.0
# ACS rings, and plays, for no time.
_QUICK = {"default": {"afterMs": 5}, "playMs": 5}


@dataclass(frozen=True)
class Step:
    """A moment of a request: `before` or `after` the effect of one that it makes itself.

    Attributes:
        where: who is asked: `tables`, `acs` or `graph`.
        skip: how many requests for the same operation go by first.
    """

    where: str
    operation: str
    moment: str
    skip: int = 0


class Stage:
    """One scene's: its clock begins at START."""

    def __init__(
        self, scene: str, environment: Mapping[str, str], controls: Mapping[str, Control]
    ) -> None:
        self.environment, self.controls = environment, controls
        self.time = START
        self._scene = scene
        self._events = 0
        self._apps: list[App] = []
        self.app = self.host()

    @property
    def acs(self) -> Control:
        return self.controls["acs"]

    @property
    def graph(self) -> Control:
        return self.controls["graph"]

    def now(self) -> datetime:
        return self.time

    def wait(self, **time: float) -> None:
        """Let time pass, as for `timedelta`."""
        self.time += timedelta(**time)

    def host(self, **settings: str) -> App:
        """Another host, with settings of its own."""
        app = golden_app({**self.environment, **settings}, self.now)
        self._apps.append(app)
        return app

    async def close(self) -> None:
        for app in self._apps:
            await app.upstream.close()

    def sign_in(
        self,
        who: Principal | str,
        name: str | None = None,
        *roles: str,
        object_id: str | None = None,
    ) -> Caller:
        """Somebody who signs in now."""
        return signed_in(who, name, *roles, at=self.time, object_id=object_id)

    async def enrol(
        self, who: Principal | str, name: str | None = None, *roles: str, **more: str
    ) -> Caller:
        """Somebody who has an identity."""
        caller = self.sign_in(who, name, *roles, object_id=more.get("object_id"))
        await self.app.tokens.issue(caller, None, None)
        return caller

    async def befriend(self, one: Caller, *others: Caller) -> None:
        """Let others be friends of one."""
        for other in others:
            await self.app.friends.add(one, other.principal.id)
            await self.app.friends.add(other, one.principal.id)

    async def killed(self, step: Step, request: Coroutine[Any, Any, object]) -> None:
        """Make a request whose host dies at the step; then there is a new host."""
        control = self.controls[step.where]
        for _ in range(step.skip):
            await control.fault(step.operation, delayMs=0, times=1)
        fault = await control.fault(step.operation, hold=step.moment, times=1)
        before = asyncio.all_tasks()
        died = asyncio.ensure_future(request)
        await control.held(fault)
        # The tasks that the request has begun die with it; the emulators go on.
        for task in asyncio.all_tasks() - before:
            if task is died or _is_products(task):
                task.cancel()
        await asyncio.wait([died])
        assert died.cancelled(), died
        await control.clear()
        self.app = self.host()

    async def tell(self, call_id: str, kind: str, **data: object) -> None:
        """Have ACS tell of something new about a call."""
        await self.land(call_id, self.event(await self.connection(call_id), kind, **data))

    async def land(self, call_id: str, event: dict[str, object]) -> None:
        """Have ACS tell of an event, as /api/callEvents does."""
        landed = await self.app.calls.apply(call_id, read_events(json.dumps([event]).encode()))
        await self.app.attendant.continue_call(landed)

    def event(self, connection: str, kind: str, **data: object) -> dict[str, object]:
        """An event about a call, a millisecond after the one before."""
        self._events += 1
        self.wait(milliseconds=1)
        return {
            "id": f"{self._scene} event {self._events}",
            "specversion": "1.0",
            "type": f"Microsoft.Communication.{kind}",
            "time": self.time.isoformat(),
            "data": {"callConnectionId": connection, **data},
        }

    async def connection(self, call_id: str) -> str:
        """ACS's id of a call."""
        [one] = [
            one for one in (await self.acs.state())["calls"] if one["callbackUri"].endswith(call_id)
        ]
        return str(one["callConnectionId"])

    async def connected(self, call_id: str, people: int) -> None:
        """Return once so many people, and the service, are in a call in ACS."""

        def is_ready(one: dict[str, Any]) -> bool:
            return one["callbackUri"].endswith(call_id) and len(one["participants"]) > people

        await self.until(lambda: self._any_call(is_ready))

    async def _any_call(self, wanted: Callable[[dict[str, Any]], bool]) -> bool:
        return any(wanted(one) for one in (await self.acs.state())["calls"])

    async def until(self, condition: Callable[[], Awaitable[bool]]) -> None:
        """Return when the emulators have reached this state; their clocks are the machine's."""
        async with asyncio.timeout(_SECONDS):
            while not await condition():
                await asyncio.sleep(0.01)

    async def rings(self, caller: str, callee: str) -> bytes:
        """Somebody calls a bot; what Event Grid tells of it."""
        told = await self.acs.post("incomingCalls", {"caller": caller, "callee": callee})
        event = {
            "eventType": "Microsoft.Communication.IncomingCall",
            "eventTime": self.time.isoformat(),
            "data": told,
        }
        return json.dumps([event]).encode()

    async def take(self, told: bytes, app: App | None = None) -> str:
        """Answer a call that rings, as /api/incomingCalls does; what became of it."""
        [result] = await (app or self.app).incoming_calls.handle(read_grid_events(told))
        return str(result)


def _is_products(task: asyncio.Task[Any]) -> bool:
    code = getattr(task.get_coro(), "cr_code", None)
    return code is not None and Path(code.co_filename).is_relative_to(ROOT / "shared")


@asynccontextmanager
async def staged(scene: str, stack: Stack) -> AsyncIterator[Stage]:
    """A stage in front of a stack, whose ACS tells nobody of events by itself."""
    async with (
        TableProxy(stack.values["tablesConnectionString"]).running() as proxy,
        Control(proxy.url) as tables,
        Control(stack.values["acs"]) as acs,
        Control(stack.values["graph"]) as graph,
    ):
        await acs.put("callbacks", {"hold": True})
        await acs.put("farEnds", _QUICK)
        environment = golden_environment(stack.settings)
        environment["TABLES_CONNECTION_STRING"] = proxy.connection_string
        environment["MAX_CALLS_PER_CALLER"] = "100"
        stage = Stage(scene, environment, {"tables": tables, "acs": acs, "graph": graph})
        try:
            yield stage
        finally:
            await stage.close()
