"""An HTTP client for the proxy in front of Azurite, which forwards tens of thousands of requests.

It knows what of HTTP/1.1 Azurite answers with, and takes a third of the CPU that a whole client
takes.
"""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass

type Headers = list[tuple[str, str]]

_WITHOUT_BODY = frozenset({204, 304})
_HEAD_BYTES = 256 * 1024
# Node closes a connection that is idle for five seconds; a request must not cross with that.
_IDLE_SECONDS = 3


@dataclass(frozen=True)
class LeanAnswer:
    status: int
    headers: Headers
    body: bytes


@dataclass
class _Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    idle_since: float = 0

    @property
    def is_usable(self) -> bool:
        return time.monotonic() - self.idle_since < _IDLE_SECONDS and not self.reader.at_eof()


class LeanClient:
    """Keeps connections to one server; close it at the end."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._idle: list[_Connection] = []

    async def request(
        self, method: str, target: str, headers: Iterable[tuple[str, str]], body: bytes
    ) -> LeanAnswer:
        """Send a request; `target` is path and query as they are to be on the wire.

        Args:
            headers: with a `Host`, where another than the server's own was signed.

        Raises:
            OSError, EOFError: the server could not be reached, or broke off.
        """
        lines = [f"{name}: {value}" for name, value in headers]
        if not any(line.startswith("Host:") for line in lines):
            lines.insert(0, f"Host: {self._host}:{self._port}")
        lines.insert(0, f"{method} {target} HTTP/1.1")
        lines += [f"Content-Length: {len(body)}", "", ""]
        sent = "\r\n".join(lines).encode("latin-1") + body
        connection = await self._connection()
        try:
            connection.writer.write(sent)
            answer = await _read(connection.reader)
        except BaseException:
            connection.writer.close()
            raise
        connection.idle_since = time.monotonic()
        self._idle.append(connection)
        return answer

    async def aclose(self) -> None:
        for connection in self._idle:
            connection.writer.close()
            await connection.writer.wait_closed()

    async def _connection(self) -> _Connection:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_usable:
                return connection
            connection.writer.close()
        return _Connection(
            *await asyncio.open_connection(self._host, self._port, limit=_HEAD_BYTES)
        )


async def _read(reader: asyncio.StreamReader) -> LeanAnswer:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head[:-4].split("\r\n")
    headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    status, found = int(first.split(" ", 2)[1]), {name.lower(): value for name, value in headers}
    if status in _WITHOUT_BODY:
        body = b""
    elif found.get("transfer-encoding") == "chunked":
        body = await _read_chunks(reader)
    else:
        body = await reader.readexactly(int(found["content-length"]))
    return LeanAnswer(status, headers, body)


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    chunks = []
    while size := int(await reader.readuntil(b"\r\n"), 16):
        chunks.append(await reader.readexactly(size))
        await reader.readexactly(2)
    await reader.readuntil(b"\r\n")  # Azurite sends no trailers
    return b"".join(chunks)
