"""A webhook of an app, and Event Grid as the emulator has it, for tests.

Import the fixtures that you use by name, with those of call_fixtures and acs_fixtures.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp import web

from tests.devstack.acs_emulator.call_fixtures import (
    PHONE,
    SECONDS,
    CallsCaller,
)
from tests.devstack.emulator_fixtures import Answer

BOT = "8:acs:acde0000-0000-4000-8000-000000007073_0000"
NOBODY = "http://127.0.0.1:9/calls"
NO_ISSUER = "http://127.0.0.1:9"
SECRET = "only Event Grid knows"
KEY = {"X-Key": SECRET}


@dataclass(frozen=True)
class Arrival:
    """A request that came to a webhook, and the status that it was answered with."""

    headers: Mapping[str, str]
    text: str
    status: int
    at: float

    @property
    def kind(self) -> str:
        return self.headers["aeg-event-type"]

    @property
    def event(self) -> dict[str, Any]:
        """The one event of the array."""
        events: list[dict[str, Any]] = json.loads(self.text)
        assert len(events) == 1
        return events[0]


class Webhook:
    """An app's webhook.

    Args:
        handshake: how it answers the handshake with that code.
        answers: the statuses of the next answers to events; 200 once they are used up.
        opened: while it is not set, events wait for their answer.
    """

    def __init__(self) -> None:
        self.url = ""
        self.handshake: Callable[[str], web.Response] = proof
        self.answers: list[int] = []
        self.opened = asyncio.Event()
        self.opened.set()
        self.arrivals: list[Arrival] = []
        self._arrived = asyncio.Condition()

    async def receive(self, request: web.Request) -> web.Response:
        text = await request.text()
        if request.headers["aeg-event-type"] == "SubscriptionValidation":
            answer = self.handshake(json.loads(text)[0]["data"]["validationCode"])
        else:
            answer = web.Response(status=self.answers.pop(0) if self.answers else 200)
        async with self._arrived:
            arrival = Arrival(request.headers, text, answer.status, time.monotonic())
            self.arrivals.append(arrival)
            self._arrived.notify_all()
        await self.opened.wait()
        return answer

    @property
    def kinds(self) -> list[str]:
        return [each.kind for each in self.arrivals]

    @property
    def told(self) -> list[Arrival]:
        """What came after handshakes."""
        return [each for each in self.arrivals if each.kind == "Notification"]

    async def until_told(self, number: int) -> list[Arrival]:
        async with asyncio.timeout(SECONDS), self._arrived:
            await self._arrived.wait_for(lambda: len(self.told) >= number)
        return self.told


class Grid:
    """Event Grid and who calls, as inspection steers them."""

    def __init__(self, calls: CallsCaller) -> None:
        self._calls = calls

    async def subscribe(self, url: str, **spec: object) -> Answer:
        body = {"url": url, "headers": KEY, **spec}
        return await self._calls.inspect("PUT", "eventSubscription", body)

    async def subscribed(self, webhook: Webhook, **spec: object) -> None:
        answer = await self.subscribe(webhook.url, **spec)
        assert answer.status == 200, answer

    async def unsubscribe(self) -> None:
        assert (await self._calls.inspect("DELETE", "eventSubscription")).status == 204

    async def ring(self, **more: object) -> Any:
        """A phone calls the bot; what the inspection says of it."""
        body = {"caller": PHONE, "callee": BOT, **more}
        answer = await self._calls.inspect("POST", "incomingCalls", body)
        assert answer.status == 201, answer
        return answer.json

    async def seen(self) -> Any:
        answer = await self._calls.inspect("GET", "eventSubscription")
        assert answer.status == 200, answer
        return answer.json

    async def until_settled(self, number: int = 1) -> list[Any]:
        """The deliveries, as soon as so many are taken or dropped."""
        deadline = time.monotonic() + SECONDS
        while True:
            deliveries: list[Any] = (await self.seen())["deliveries"]
            if len([each for each in deliveries if each["state"] != "waiting"]) >= number:
                return deliveries
            assert time.monotonic() < deadline, deliveries
            await asyncio.sleep(0.01)


def proof(code: str, status: int = 200) -> web.Response:
    return web.json_response({"validationResponse": code}, status=status)


@asynccontextmanager
async def serving(webhook: Webhook, port: int = 0) -> AsyncIterator[None]:
    app = web.Application()
    app.router.add_post("/calls", webhook.receive)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    webhook.url = f"{site.name}/calls"
    try:
        yield
    finally:
        webhook.opened.set()
        await runner.cleanup()


@pytest.fixture
async def webhook() -> AsyncIterator[Webhook]:
    webhook = Webhook()
    async with serving(webhook):
        yield webhook


@pytest.fixture
async def grid(calls: CallsCaller) -> AsyncIterator[Grid]:
    """Nobody has subscribed, before the test and after it."""
    grid = Grid(calls)
    yield grid
    await grid.unsubscribe()
