"""The service's own few retries of what it asks Azure for.

The SDKs' retries are switched off: they try ten times, sleep as long as any Retry-After says, and
do not count that sleep against their timeout. Here the request's own time limit rules.
"""

import asyncio
import random
import re
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from azure.core.exceptions import (
    AzureError,
    HttpResponseError,
    ServiceRequestError,
    ServiceResponseError,
)

# Seconds slept before the second and third try, give or take half.
_PAUSES = (0.1, 0.4)
# A longer Retry-After is passed on to the client, who has more time than we do.
_LONGEST_RETRY_AFTER = 1.0
_MOST_RETRY_AFTER = 3600.0
_SECONDS = re.compile("[0-9]{1,9}")
_PASSING = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)


async def with_retries[T](call: Callable[[], Awaitable[T]]) -> T:
    """Make a call, and again where its failure looks like a passing one.

    The call may then have its effect more than once: say at the call why that is fine.

    Raises:
        AzureError: the last failure.
    """
    for pause in _PAUSES:
        try:
            return await call()
        except AzureError as error:
            wait = retry_after(error) or 0.0
            if not _may_pass(error) or wait > _LONGEST_RETRY_AFTER:
                raise
            # Jitter: requests that failed together should not come back together.
            await asyncio.sleep(max(wait, pause * random.uniform(0.5, 1.5)))  # noqa: S311
    return await call()


def retry_after(error: AzureError) -> float | None:
    """Seconds of the answer's Retry-After header, None where there is none that is a number."""
    response = error.response if isinstance(error, HttpResponseError) else None
    headers = getattr(response, "headers", None) or {}
    text = headers.get("Retry-After", "")
    return min(float(text), _MOST_RETRY_AFTER) if _SECONDS.fullmatch(text) else None


def error_code(error: HttpResponseError) -> str:
    """What the service calls the error: one word, or `no code`; its texts may hold anything."""
    code = str(getattr(error.error, "code", None) or "no code")
    return code if code.isalnum() else "no code"


def _may_pass(error: AzureError) -> bool:
    if isinstance(error, HttpResponseError):
        return error.status_code in _PASSING
    return isinstance(error, (ServiceRequestError, ServiceResponseError))
