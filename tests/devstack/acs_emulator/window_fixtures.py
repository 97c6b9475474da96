"""Windows of people at the calling plane, for tests: WebSockets with real tokens of the emulator.

Import the fixtures that you use by name, with those of call_fixtures and acs_fixtures.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import pytest

from tests.devstack.acs_emulator.call_fixtures import SECONDS, CallsCaller
from tests.devstack.emulator_fixtures import session_for

type Json = dict[str, Any]

PATH = "/_emulator/calling"


class Window:
    """One window. It keeps its messages, so that a test may wait for them in any order."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, user: str = "") -> None:
        self.socket = socket
        self.user = user
        self.id = ""
        self.came: list[Json] = []
        self._read = 0

    async def send(self, type_: str, **fields: object) -> None:
        await self.socket.send_json({"type": type_, **fields})

    async def next(self, type_: str, condition: Callable[[Json], bool] = lambda _: True) -> Json:
        """The next message of that type for which that holds; those before it are passed over."""
        async with asyncio.timeout(SECONDS):
            while True:
                while self._read < len(self.came):
                    message = self.came[self._read]
                    self._read += 1
                    if message["type"] == type_ and condition(message):
                        return message
                received = await self.socket.receive()
                assert received.type is aiohttp.WSMsgType.TEXT, (received, self.came)
                self.came.append(received.json())

    async def state(self, state: str, *users: str) -> Json:
        """The next call in that state, with these users in it if any are named."""
        return await self.next(
            "call",
            lambda call: (
                call["state"] == state
                and (
                    not users
                    or sorted(users) == sorted(one["user"] for one in call["participants"])
                )
            ),
        )

    async def refusal(self, type_: str, **fields: object) -> str:
        """The code with which a message is refused."""
        message_id = uuid.uuid4().hex
        await self.send(type_, id=message_id, **fields)
        refused = await self.next("refused", lambda one: one["id"] == message_id)
        assert refused["message"].endswith(".")
        code: str = refused["code"]
        return code

    @property
    def last_state(self) -> str:
        """The state in the last message about its call that a test has read or passed over."""
        return str([one["state"] for one in self.came if one["type"] == "call"][-1])

    async def settled(self) -> None:
        """Wait until everything has come that this window's earlier messages caused."""
        await self.refusal("nothing")

    async def closed(self) -> tuple[int, str]:
        """The code and the text with which the server closes it."""
        async with asyncio.timeout(SECONDS):
            while True:
                received = await self.socket.receive()
                if received.type is aiohttp.WSMsgType.TEXT:
                    self.came.append(received.json())
                    continue
                assert received.type is aiohttp.WSMsgType.CLOSE, received
                return received.data, received.extra or ""


class Windows:
    """Opens windows, and closes them after the test."""

    def __init__(
        self, calls: CallsCaller, session: aiohttp.ClientSession, stack: AsyncExitStack
    ) -> None:
        self.calls = calls
        self._session = session
        self._stack = stack

    async def socket(self, *, tls: bool = False, origin: str | None = None) -> Window:
        """A connection on which nothing was sent yet."""
        emulator = self.calls.emulator
        url = (emulator.tls_url if tls else emulator.url) + PATH
        headers = {} if origin is None else {"Origin": origin}
        opening = self._session.ws_connect(url, headers=headers)
        return Window(await self._stack.enter_async_context(opening))

    async def person(self) -> str:
        return await self.calls.create()

    async def open(
        self, user: str | None = None, *, name: str = "", scopes: tuple[str, ...] = ("voip",)
    ) -> Window:
        """A window that is welcome, of a new person unless one is named."""
        user = user or await self.person()
        token = await self.calls.issue(user, scopes=list(scopes))
        return await self.welcomed(token, user, name)

    async def welcomed(self, token: str, user: str, name: str = "") -> Window:
        window = await self.socket()
        window.user = user
        await window.send("hello", token=token, displayName=name)
        window.id = (await window.next("welcome"))["window"]
        return window

    async def group(self, *windows: Window) -> str:
        """A group call in which all of them are connected."""
        group_id = str(uuid.uuid4())
        for window in windows:
            await window.send("join", groupId=group_id)
            await window.state("connected")
        return group_id

    async def direct(self, caller: Window, callee: Window) -> None:
        """Both are connected to each other."""
        await caller.send("call", to=callee.user)
        ring = await callee.next("ring")
        await callee.send("answer", ring=ring["ring"], accept=True)
        for window in (caller, callee):
            await window.state("connected", caller.user, callee.user)


@pytest.fixture
async def windows(calls: CallsCaller) -> AsyncIterator[Windows]:
    async with session_for(calls.emulator) as session, AsyncExitStack() as stack:
        yield Windows(calls, session, stack)
