"""Windows of people at the calling plane of the stack, with tokens that the service gave them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import aiohttp
import pytest

from tests.devstack.acs_emulator.window_fixtures import PATH, Window
from tests.support.people import Person
from tests.support.stack import Stack

type OpenWindow = Callable[[Person], Awaitable[Window]]


@pytest.fixture
async def window_of(client: aiohttp.ClientSession, stack: Stack) -> AsyncIterator[OpenWindow]:
    """Opens a window with the calling token that the service gives a person."""
    async with AsyncExitStack() as windows:

        async def open_window(person: Person) -> Window:
            token = (await person.token()).json
            opening = client.ws_connect(stack.values["acs"] + PATH)
            user = token["user"]["communicationUserId"]
            window = Window(await windows.enter_async_context(opening), user)
            await window.send("hello", token=token["token"], displayName=person.name)
            window.id = (await window.next("welcome"))["window"]
            return window

        yield open_window


async def accept(window: Window) -> None:
    """Accept what rings next at a window."""
    await window.send("answer", ring=(await window.next("ring"))["ring"], accept=True)
