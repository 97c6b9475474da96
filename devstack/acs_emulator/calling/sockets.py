"""The WebSockets of windows: how they open, what they receive and send, and how they close."""

import asyncio
import contextlib
import json
import time
from collections.abc import Awaitable, Callable

from aiohttp import WSMsgType, web

from devstack.acs_emulator.calling.access import Access, AccessError, AccessTokens
from devstack.acs_emulator.calling.messages import (
    RefusedError,
    Renew,
    WindowMessage,
    read_hello,
    read_message,
)
from devstack.acs_emulator.calling.windows import (
    ORIGIN,
    OVERLOADED,
    TOKEN,
    Closing,
    Window,
    Windows,
)
from devstack.emulation.inspection import is_from_here

PATH = "/_emulator/calling"
HELLO_SECONDS = 5
# A window that does not answer within half of it is gone.
HEARTBEAT_SECONDS = 20
CLOSE_SECONDS = 2
# Offers of a few cameras are 20 KiB.
MAX_FRAME_BYTES = 256 * 1024


class WindowSockets:
    """Serves PATH.

    Args:
        handle: does what a window asks for, or raises RefusedError.
    """

    def __init__(
        self,
        windows: Windows,
        tokens: AccessTokens,
        handle: Callable[[Window, WindowMessage], Awaitable[None]],
    ) -> None:
        self._windows = windows
        self._tokens = tokens
        self._handle = handle

    def routes(self) -> list[web.RouteDef]:
        return [web.get(PATH, self._serve, allow_head=False)]

    async def _serve(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(
            max_msg_size=MAX_FRAME_BYTES, heartbeat=HEARTBEAT_SECONDS, timeout=CLOSE_SECONDS
        )
        await socket.prepare(request)
        # A page can read the close code of a WebSocket, but never why its request was refused.
        if not is_from_here(request):
            await _close(socket, Closing(ORIGIN, "Only pages of this machine may connect."))
            return socket
        try:
            window = await self._first_message(socket)
        except AccessError as refusal:
            await _close(socket, Closing(TOKEN, str(refusal)))
            return socket
        if self._windows.is_full:
            await _close(socket, Closing(OVERLOADED, "Too many windows are open."))
            return socket
        await self._serve_window(socket, window)
        return socket

    async def _first_message(self, socket: web.WebSocketResponse) -> Window:
        try:
            first = await socket.receive(timeout=HELLO_SECONDS)
        except TimeoutError:
            raise AccessError(f"No token came in {HELLO_SECONDS} seconds.") from None
        hello = read_hello(first.data) if first.type is WSMsgType.TEXT else None
        if hello is None:
            raise AccessError("The first message is no hello with a token.")
        return Window(self._tokens.access_of(hello.token), hello.display_name)

    async def _serve_window(self, socket: web.WebSocketResponse, window: Window) -> None:
        window.welcome()
        self._windows.add(window)
        sending = asyncio.create_task(_send_all(socket, window))
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT and window.is_open:
                    await self._receive(window, message.data)
        finally:
            self._windows.remove(window)
            sending.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sending

    async def _receive(self, window: Window, text: str) -> None:
        kind, message_id = _heading(text)
        try:
            message = read_message(text)
            if isinstance(message, Renew):
                self._renew(window, message.token)
            else:
                await self._handle(window, message)
        except RefusedError as refusal:
            window.send(
                "refused", re=kind, id=message_id, code=refusal.code, message=refusal.message
            )

    def _renew(self, window: Window, unverified_token: str) -> None:
        try:
            access: Access = self._tokens.access_of(unverified_token)
            if access.user != window.user:
                raise AccessError("The token is another user's.")
        except AccessError as refusal:
            window.close(TOKEN, str(refusal))
            return
        window.access = access
        window.welcome()


async def _send_all(socket: web.WebSocketResponse, window: Window) -> None:
    """Send the waiting messages until the window is closed, at the latest when its token
    expires."""
    while True:
        try:
            async with asyncio.timeout(window.access.expires_at - time.time()):
                message = await window.outbox.get()
        except TimeoutError:
            if window.access.expires_at <= time.time():  # else it has been renewed meanwhile
                window.close(TOKEN, "The token has expired.")
            continue
        if isinstance(message, Closing):
            await _close(socket, message)
            return
        with contextlib.suppress(ConnectionError):  # the receiving end notices that, too
            await socket.send_json(message)


async def _close(socket: web.WebSocketResponse, closing: Closing) -> None:
    await socket.close(code=closing.code, message=closing.text.encode())


def _heading(text: str) -> tuple[str | None, str | None]:
    """The type and the id of a message that may be wrong in any way."""
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        return None, None
    if not isinstance(message, dict):
        return None, None
    kind, message_id = message.get("type"), message.get("id")
    return (
        kind if isinstance(kind, str) else None,
        message_id if isinstance(message_id, str) else None,
    )
