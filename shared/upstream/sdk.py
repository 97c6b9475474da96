"""Requests through Microsoft's SDKs: their errors become those of `shared.upstream.failures`."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus

from aiohttp import ClientConnectorError, ConnectionTimeoutError
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ServiceRequestError,
    ServiceResponseError,
)

from shared.upstream.failures import ErrorAnswer, NoAnswer, NotSent, RequestFailed


async def by_sdk[T](request: Callable[[], Awaitable[T]]) -> T:
    """Send a request through an SDK.

    Raises:
        RequestFailed: it failed; mostly one of the subclasses.
    """
    try:
        return await request()
    except AzureError as error:
        raise _failure_of(error) from error


def _failure_of(error: AzureError) -> RequestFailed:
    if isinstance(error, HttpResponseError) and error.status_code is not None:
        details = getattr(error, "error", None)
        # The SDK of Table Storage has the code in another place than all others, as an enum.
        code = getattr(error, "error_code", None) or getattr(details, "code", None)
        headers = getattr(error.response, "headers", None) or {}
        return ErrorAnswer(
            error.status_code,
            str(getattr(code, "value", code) or ""),
            target=str(getattr(details, "target", None) or ""),
            retry_after=headers.get("Retry-After", ""),
        )
    if isinstance(error, ClientAuthenticationError):
        # The SDK itself finds the credential wrong. To an operator that is the same as a 401.
        return ErrorAnswer(HTTPStatus.UNAUTHORIZED)
    if isinstance(error.inner_exception, ClientConnectorError | ConnectionTimeoutError):
        return NotSent()
    # azure-core calls a connection that broke after the request a ServiceRequestError too.
    if isinstance(error, ServiceRequestError | ServiceResponseError):
        return NoAnswer()
    return RequestFailed()
