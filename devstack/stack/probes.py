"""Does a part really answer? One GET on loopback, over a plain socket: no client to wait for."""

import asyncio
import contextlib
import ssl
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path

ATTEMPT_SECONDS = 10  # the first request to the app imports half of it
PAUSE_SECONDS = 0.05


@dataclass(frozen=True)
class Probe:
    """A GET that a part answers once it is up."""

    port: int
    path: str
    good: Container[int] = (200,)
    trust: Path | None = None  # a CA: the port speaks TLS

    async def until_answered(self) -> None:
        """Ask again and again; the caller sets the limit."""
        context = ssl.create_default_context(cafile=self.trust) if self.trust else None
        while True:
            # Not listening yet, not speaking HTTP yet, or not yet this part but a dying one.
            with contextlib.suppress(OSError, ValueError, IndexError):
                async with asyncio.timeout(ATTEMPT_SECONDS):
                    if await self._ask(context) in self.good:
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
