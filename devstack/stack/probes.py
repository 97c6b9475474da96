"""Checks that a part answers: requests on loopback over a plain socket, because importing an HTTP
client would take longer.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Container, Mapping
from dataclasses import dataclass
from pathlib import Path

ATTEMPT_SECONDS = 10  # long, because the first request to the app imports much
PAUSE_SECONDS = 0.05


@dataclass(frozen=True)
class Probe:
    """A GET that a part answers when it is ready.

    Args:
        accepted: the statuses that show that it is.
        trust: the authority to trust; None: the port serves http.
    """

    port: int
    path: str
    accepted: Container[int] = (200,)
    trust: Path | None = None

    async def until_answered(self) -> None:
        """Repeat the request until it is answered; the caller sets the time limit."""
        context = ssl.create_default_context(cafile=self.trust) if self.trust else None
        while True:
            # The part does not listen yet, or another process on that port is just ending.
            with contextlib.suppress(OSError, ValueError, IndexError):
                async with asyncio.timeout(ATTEMPT_SECONDS):
                    if await self._ask(context) in self.accepted:
                        return
            await asyncio.sleep(PAUSE_SECONDS)

    async def _ask(self, context: ssl.SSLContext | None) -> int:
        return await status_of(self.port, self.path, context=context)


async def status_of(
    port: int,
    path: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    context: ssl.SSLContext | None = None,
) -> int:
    """The status with which a part of the stack answers a request.

    Raises:
        OSError, ValueError, IndexError: nobody listens there, or they speak no HTTP.
    """
    host = "127.0.0.1"
    sent = {"Host": f"{host}:{port}", "Connection": "close", **(headers or {})}
    if body:
        sent["Content-Length"] = str(len(body))
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items())]
    reader, writer = await asyncio.open_connection(host, port, ssl=context)
    try:
        writer.write("\r\n".join([*lines, "", ""]).encode("ascii") + body)
        return int((await reader.readline()).split()[1])
    finally:
        writer.close()
