"""The HTTP session and the credential that all Azure SDK clients of this process share."""

import logging
from functools import cached_property
from typing import TYPE_CHECKING, Any

import aiohttp

from shared.upstream.signing import BearerToken

if TYPE_CHECKING:  # azure-core takes 27 ms, and apps with keys need it for SDKs only
    from azure.core.credentials import AzureKeyCredential
    from azure.core.pipeline.transport import AioHttpTransport

    from shared.upstream.managed_identity import ManagedIdentity

# How long an unused connection is kept. With aiohttp's default of 15 s, most requests of a quiet
# hour begin with a TLS handshake. Azure's load balancers end it after four minutes (documented:
# "Load Balancer TCP Reset and Idle Timeout").
_KEPT_SECONDS = 60


class Upstream:
    """The connections of this process. Create it inside the event loop, to which they belong."""

    def __init__(self) -> None:
        # At INFO the SDKs log every request's URL, which holds ids of people.
        logging.getLogger("azure").setLevel(logging.WARNING)
        # It logs the whole answer of the identity endpoint; we log what the operator has to do.
        logging.getLogger("azure.identity").setLevel(logging.ERROR)
        # One TLS context, no cookies, and no proxy from the environment: that look-up costs each
        # request two hops through a thread pool. The pool has no limit: our own limits suffice.
        self.session = aiohttp.ClientSession(
            cookie_jar=aiohttp.DummyCookieJar(),
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEPT_SECONDS),
        )
        self._tokens: dict[str, BearerToken] = {}

    @cached_property
    def managed_identity(self) -> "ManagedIdentity":
        """This app's own credential in Azure; on a laptop that of the signed-in developer."""
        from shared.upstream.managed_identity import ManagedIdentity

        return ManagedIdentity(self._transport())

    def token_for(self, scope: str) -> BearerToken:
        """This app's access token for one service, which all its clients share."""
        return self._tokens.setdefault(scope, BearerToken(self.managed_identity, scope))

    def client_options(self) -> dict[str, Any]:
        """Keyword arguments for every Azure SDK client. Its retries are off: see `retries`."""
        return {"transport": self._transport(), "use_env_settings": False, "retry_total": 0}

    def communication_credential(self, key: str | None) -> "AzureKeyCredential | ManagedIdentity":
        """The credential for the ACS resource: its access key, or the managed identity."""
        from azure.core.credentials import AzureKeyCredential

        return AzureKeyCredential(key) if key else self.managed_identity

    async def close(self) -> None:
        """Close every connection. In Azure the process ends without it."""
        await self.session.close()

    def _transport(self) -> "AioHttpTransport":
        from azure.core.pipeline.transport import AioHttpTransport

        return AioHttpTransport(session=self.session, session_owner=False, use_env_settings=False)
