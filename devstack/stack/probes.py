"""Checks that a part answers: a GET on loopback over a plain socket, because importing an HTTP
client would take longer.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Container
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
        host = "127.0.0.1"
        reader, writer = await asyncio.open_connection(host, self.port, ssl=context)
        try:
            request = f"GET {self.path} HTTP/1.1\r\nHost: {host}:{self.port}\r\n"
            writer.write(f"{request}Connection: close\r\n\r\n".encode("ascii"))
            return int((await reader.readline()).split()[1])
        finally:
            writer.close()
