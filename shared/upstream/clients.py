"""The HTTP session and the credential that all Azure SDK clients of this process share."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any

import aiohttp
from azure.core.credentials import (
    AccessToken,
    AccessTokenInfo,
    AzureKeyCredential,
    TokenRequestOptions,
)
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError
from azure.core.pipeline.transport import AioHttpTransport

from shared.upstream.errors import NoAccessToken
from shared.upstream.signing import BearerToken

if TYPE_CHECKING:  # it costs 115 ms, and apps with keys never need it
    from azure.identity.aio import DefaultAzureCredential

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
        return ManagedIdentity(self._transport())

    def token_for(self, scope: str) -> BearerToken:
        """This app's access token for one service, which all its clients share."""
        return self._tokens.setdefault(scope, BearerToken(self.managed_identity, scope))

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


class ManagedIdentity(AsyncTokenCredential):
    """Microsoft's DefaultAzureCredential, each of whose failures is a NoAccessToken.

    An SDK raises its errors and those of its credential alike: by this class an adapter can tell
    that there is no credential from a service that refuses it.
    """

    def __init__(self, transport: AioHttpTransport) -> None:
        self._transport = transport

    async def get_token(
        self,
        *scopes: str,
        claims: str | None = None,
        tenant_id: str | None = None,
        enable_cae: bool = False,
        **options: Any,
    ) -> AccessToken:
        with _failures_as_no_token():
            return await self._credential.get_token(
                *scopes, claims=claims, tenant_id=tenant_id, enable_cae=enable_cae, **options
            )

    async def get_token_info(
        self, *scopes: str, options: TokenRequestOptions | None = None
    ) -> AccessTokenInfo:
        with _failures_as_no_token():
            return await self._credential.get_token_info(*scopes, options=options)

    async def close(self) -> None:
        """Does nothing: the session belongs to Upstream."""

    async def __aexit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self.close()

    @cached_property
    def _credential(self) -> "DefaultAzureCredential":
        from azure.identity.aio import DefaultAzureCredential

        # By default it retries for longer than a request of ours may take.
        return DefaultAzureCredential(
            transport=self._transport, retry_total=2, retry_backoff_factor=0.2
        )


@contextmanager
def _failures_as_no_token() -> Iterator[None]:
    try:
        yield
    # ValueError: what its own settings in the environment (AZURE_...) say is wrong.
    except (AzureError, ValueError) as error:
        raise NoAccessToken("no access token") from error
