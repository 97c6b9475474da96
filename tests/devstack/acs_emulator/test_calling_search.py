"""Windows and an app that do anything at any time: a search with seeds."""

import asyncio
import contextlib
import random
import uuid
from typing import Any

import pytest

from tests.devstack.acs_emulator.acs_fixtures import emulator, issuer
from tests.devstack.acs_emulator.call_fixtures import Receiver, calls, receiver
from tests.devstack.acs_emulator.event_grid_fixtures import Grid, Webhook, grid, webhook
from tests.devstack.acs_emulator.window_fixtures import Window, Windows, windows

__all__ = ["calls", "emulator", "grid", "issuer", "receiver", "webhook", "windows"]

PEOPLE, WINDOWS, STEPS = 3, 5, 60


class Walk:
    """One walk: it sends without waiting, so that everything overlaps."""

    def __init__(
        self, windows: Windows, receiver: Receiver, webhook: Webhook, choice: random.Random
    ) -> None:
        self._windows = windows
        self._calls = windows.calls
        self._receiver = receiver
        self._webhook = webhook
        self._choice = choice
        self._groups = [str(uuid.uuid4()) for _ in range(2)]
        self._users: list[str] = []
        self.open: list[Window] = []
        self.connections: list[str] = []

    async def begin(self) -> None:
        self._users = [await self._windows.person() for _ in range(PEOPLE)]
        for _ in range(WINDOWS):
            await self._open()

    async def step(self) -> None:
        window, user = self._choice.choice(self.open), self._choice.choice(self._users)
        match self._choice.randrange(12):
            case 0 | 1:
                await window.send("join", groupId=self._choice.choice(self._groups))
            case 2 | 3:
                await window.send("call", to=user)
            case 4 | 5 | 6:
                await self._answer(window)
            case 7:
                await window.send("leave")
            case 8:
                await window.send("mute", muted=self._choice.random() < 0.5)
            case 9:
                self.open.remove(window)
                await window.socket.close()
                await self._open()
            case 10:
                await self._place(user)
            case _:
                await self._change()
        # Else what it sent comes together with the next step.
        if window in self.open and self._choice.random() < 0.5:
            await window.settled()

    async def end(self) -> None:
        for connection in self.connections:
            await self._calls.ask("POST", f"/{connection}:terminate")
        for window in self.open:
            await window.send("leave")
            await window.settled()

    async def _open(self) -> None:
        self.open.append(await self._windows.open(self._choice.choice(self._users)))

    async def _answer(self, window: Window) -> None:
        rings = [one["ring"] for one in window.came if one["type"] == "ring"]
        if rings:
            accept = self._choice.random() < 0.8
            await window.send("answer", ring=self._choice.choice(rings), accept=accept)
        elif self._webhook.told:  # or else an app does
            data = self._choice.choice(self._webhook.told).event["data"]
            context = data["incomingCallContext"]
            body = {"incomingCallContext": context, "callbackUri": self._receiver.url}
            self._keep(await self._calls.ask("POST", ":answer", body))

    async def _place(self, user: str) -> None:
        if self._choice.random() < 0.5:
            self.connections.append(await self._calls.place(self._receiver, user))
            return
        locator = {"kind": "groupCallLocator", "groupCallId": self._choice.choice(self._groups)}
        body = {"callLocator": locator, "callbackUri": self._receiver.url}
        self._keep(await self._calls.ask("POST", ":connect", body))

    async def _change(self) -> None:
        """An app does something in a call, which may be over."""
        if not self.connections:
            return
        connection, user = self._choice.choice(self.connections), self._choice.choice(self._users)
        target = {"kind": "communicationUser", "communicationUser": {"id": user}}
        match self._choice.randrange(5):
            case 0:
                await self._calls.ask("DELETE", f"/{connection}")
            case 1:
                await self._calls.add(connection, user)
            case 2:
                body: dict[str, Any] = {"participantToRemove": target}
                await self._calls.ask("POST", f"/{connection}/participants:remove", body)
            case 3:
                body = {"targetParticipant": target, "transferee": target}
                await self._calls.ask("POST", f"/{connection}:transferToParticipant", body)
            case _:
                await self._calls.ask("POST", f"/{connection}:terminate")

    def _keep(self, answer: Any) -> None:
        if answer.status == 200:
            self.connections.append(answer.json["callConnectionId"])


@pytest.mark.parametrize(
    "seed", [1, *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(2, 40))]
)
async def test_whatever_windows_and_apps_do_everybody_gets_out_of_it(
    windows: Windows, receiver: Receiver, webhook: Webhook, grid: Grid, seed: int
) -> None:
    """No task of the emulator fails meanwhile: the log is looked at after each test."""
    await grid.subscribed(webhook)
    walk = Walk(windows, receiver, webhook, random.Random(seed))
    await walk.begin()

    for _ in range(STEPS):
        await walk.step()
    await walk.end()

    seen = (await windows.calls.inspect("GET", "calling/windows")).json["windows"]
    states = {one["window"]: one["state"] for one in seen}
    assert {states[window.id] for window in walk.open} == {None}
    for window in walk.open:
        calls_seen = [one for one in window.came if one["type"] == "call"]
        assert not calls_seen or calls_seen[-1]["state"] == "ended"
        rings = {one["ring"] for one in window.came if one["type"] == "ring"}
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(5):
                while rings - {one["ring"] for one in window.came if one["type"] == "ringEnded"}:
                    await window.next("ringEnded")
        assert rings == {one["ring"] for one in window.came if one["type"] == "ringEnded"}
    for connection in walk.connections:
        call = await windows.calls.seen(connection)
        assert call["callConnectionState"] == "disconnected"
