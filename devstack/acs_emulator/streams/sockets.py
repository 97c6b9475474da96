"""WebSockets that the emulator opens to apps as ACS does: with a token, and ids of the call."""

import asyncio
import json
from collections.abc import Callable, Mapping

import aiohttp
from aiohttp.client_ws import ClientWebSocketResponse

# [assumed] How long the service waits for an app to accept a connection, and a message.
CONNECT_SECONDS = 5
SEND_SECONDS = 5
# [assumed] How long an app has to agree to the end of a connection.
CLOSE_SECONDS = 1
# [assumed] The longest message of an app: more than a minute of sound in base64 at 24 kHz.
MAX_MESSAGE_BYTES = 4 * 1024 * 1024

_TEXT = aiohttp.WSMsgType.TEXT
_BINARY = aiohttp.WSMsgType.BINARY


class SocketLostError(Exception):
    """There is no connection, or none any more; the message says why."""


class AppSocket:
    """One connection to an app."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self._socket = socket

    async def send(self, message: Mapping[str, object]) -> None:
        """Send a message as JSON.

        Raises:
            SocketLostError: the app has gone, or takes nothing any more.
        """
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self._socket.send_str(json.dumps(message))
        except TimeoutError:
            raise SocketLostError("the app takes no messages") from None
        except (aiohttp.ClientError, OSError) as error:
            raise SocketLostError(type(error).__name__) from error

    async def receive(self) -> str | bytes:
        """The next message of the app.

        Raises:
            SocketLostError: the app has closed the connection, or it broke.
        """
        message = await self._socket.receive()
        if message.type in (_TEXT, _BINARY):
            content: str | bytes = message.data
            return content
        raise SocketLostError(f"closed with {self._socket.close_code}")

    async def close(self) -> None:
        await self._socket.close()


class AppSockets:
    """Opens connections.

    Args:
        issue_token: makes the token for one connection.
    """

    def __init__(self, issue_token: Callable[[], str]) -> None:
        self._issue_token = issue_token
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        connector = aiohttp.TCPConnector(force_close=True, limit=0)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS)
        self._session = aiohttp.ClientSession(connector=connector, timeout=timeout)

    async def stop(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def connect(self, url: str, *, connection_id: str, correlation_id: str) -> AppSocket:
        """A new connection. Token and headers are documented.

        Raises:
            SocketLostError: there is no WebSocket at that URL, or it does not want this one.
        """
        assert self._session is not None  # noqa: S101  started before the first request
        headers = {
            "Authorization": f"Bearer {self._issue_token()}",
            "x-ms-call-connection-id": connection_id,
            "x-ms-call-correlation-id": correlation_id,
        }
        closing = aiohttp.ClientWSTimeout(ws_close=CLOSE_SECONDS)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                socket = await self._session.ws_connect(
                    url, headers=headers, timeout=closing, max_msg_size=MAX_MESSAGE_BYTES
                )
        except TimeoutError:
            raise SocketLostError("the app does not answer") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise SocketLostError(type(error).__name__) from error
        return AppSocket(socket)
