"""What every Azure SDK client of this process is built with: one HTTP session, one credential."""

from functools import cached_property
from typing import Any

import aiohttp
from azure.core.credentials import AzureKeyCredential
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.pipeline.transport import AioHttpTransport


class Upstream:
    """The connections of this process: one HTTP session, one credential.

    Make it inside the event loop.
    """

    def __init__(self) -> None:
        # One TLS context, no cookies, and no proxy from the environment: that look-up costs each
        # request two hops through a thread pool. Nothing limits the connections but our limits.
        self.session = aiohttp.ClientSession(
            cookie_jar=aiohttp.DummyCookieJar(), connector=aiohttp.TCPConnector(limit=0)
        )

    @cached_property
    def managed_identity(self) -> AsyncTokenCredential:
        """The credential of this app in Azure, or of the developer who is signed in on a laptop."""
        # Imported here because it costs 115 ms, and apps with keys never need it.
        from azure.identity.aio import DefaultAzureCredential

        return DefaultAzureCredential(transport=self._transport())

    def client_options(self) -> dict[str, Any]:
        """Keyword arguments that every Azure SDK client is built with."""
        return {"transport": self._transport(), "use_env_settings": False, "retry_total": 0}

    def communication_credential(
        self, key: str | None
    ) -> AzureKeyCredential | AsyncTokenCredential:
        """The credential for the ACS resource: its access key, or the managed identity."""
        return AzureKeyCredential(key) if key else self.managed_identity

    async def close(self) -> None:
        """Close every connection. In Azure the process ends first."""
        await self.session.close()

    def _transport(self) -> AioHttpTransport:
        return AioHttpTransport(session=self.session, session_owner=False, use_env_settings=False)
