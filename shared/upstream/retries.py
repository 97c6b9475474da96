"""Retries of requests to Azure: few, and within the time limit of our own request.

The SDKs' retries are switched off: they try ten times, sleep as long as any Retry-After says, and
do not count that sleep against their timeout.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from shared.upstream.failures import ErrorAnswer, NoAnswer, NotSent, RequestFailed

# Seconds to sleep before the second and the third try, plus or minus half.
_PAUSES = (0.1, 0.4)
# The longest Retry-After, in seconds, that we wait ourselves. A longer one goes to the client, who
# has more time.
_LONGEST_WAIT = 1.0
_TRANSIENT = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)


async def with_retries[T](request: Callable[[], Awaitable[T]]) -> T:
    """Send a request, and send it again if its failure looks transient.

    The request may have its effect more than once: say at each use why that is harmless.

    Raises:
        RequestFailed: the last failure.
    """
    for pause in _PAUSES:
        try:
            return await request()
        except RequestFailed as error:
            wait = (error.retry_after if isinstance(error, ErrorAnswer) else None) or 0.0
            if not _is_transient(error) or wait > _LONGEST_WAIT:
                raise
            # Jitter: requests that failed together should not be repeated together.
            await asyncio.sleep(max(wait, pause * random.uniform(0.5, 1.5)))  # noqa: S311
    return await request()


def _is_transient(error: RequestFailed) -> bool:
    if isinstance(error, ErrorAnswer):
        return error.status in _TRANSIENT
    return isinstance(error, (NotSent, NoAnswer))
