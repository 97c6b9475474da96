"""The HTTP session and the credential that all Azure SDK clients of this process share."""

import logging
from functools import cached_property
from typing import Any

import aiohttp
from azure.core.credentials import AzureKeyCredential
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.pipeline.transport import AioHttpTransport


class Upstream:
    """The connections of this process. Create it inside the event loop, to which they belong."""

    def __init__(self) -> None:
        # At INFO the SDKs log every request's URL, which holds ids of people.
        logging.getLogger("azure").setLevel(logging.WARNING)
        # One TLS context, no cookies, and no proxy from the environment: that look-up costs each
        # request two hops through a thread pool. The pool has no limit: our own limits suffice.
        self.session = aiohttp.ClientSession(
            cookie_jar=aiohttp.DummyCookieJar(), connector=aiohttp.TCPConnector(limit=0)
        )

    @cached_property
    def managed_identity(self) -> AsyncTokenCredential:
        """This app's own credential in Azure; on a laptop that of the signed-in developer."""
        # Imported here because it costs 115 ms, and apps with keys never need it.
        from azure.identity.aio import DefaultAzureCredential

        return DefaultAzureCredential(transport=self._transport())

    def client_options(self) -> dict[str, Any]:
        """Keyword arguments for every Azure SDK client. Its retries are off: see `retries`."""
        return {"transport": self._transport(), "use_env_settings": False, "retry_total": 0}

    def communication_credential(
        self, key: str | None
    ) -> AzureKeyCredential | AsyncTokenCredential:
        """The credential for the ACS resource: its access key, or the managed identity."""
        return AzureKeyCredential(key) if key else self.managed_identity

    async def close(self) -> None:
        """Close every connection. In Azure the process ends without it."""
        await self.session.close()

    def _transport(self) -> AioHttpTransport:
        return AioHttpTransport(session=self.session, session_owner=False, use_env_settings=False)
