"""The app's own credential in Azure, for services that are asked without a key."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any

from azure.core.credentials import AccessToken, AccessTokenInfo, TokenRequestOptions
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError
from azure.core.pipeline.transport import AioHttpTransport

from shared.upstream.failures import NoAccessToken

if TYPE_CHECKING:  # loaded with the first access token, because it takes 115 ms
    from azure.identity.aio import DefaultAzureCredential


class ManagedIdentity(AsyncTokenCredential):
    """Microsoft's DefaultAzureCredential, each of whose failures is a NoAccessToken.

    An SDK raises the same errors where there is no credential and where the service refuses it. By
    this class an adapter can tell the two apart.
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
