"""Sends the most frequent requests to Azure itself, without an SDK.

An SDK's pipeline costs one to three times as much CPU as the HTTP request itself
(docs/performance.md). Failures are those of azure-core, as the SDKs raise them.
"""

import math
import secrets
from collections.abc import Callable, Mapping
from functools import lru_cache
from http import HTTPStatus
from typing import Any, NamedTuple

import aiohttp
from azure.core.exceptions import (
    ClientAuthenticationError,
    DecodeError,
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
    ServiceRequestError,
    ServiceResponseError,
)
from yarl import URL

from shared.json_texts import read_json
from shared.upstream.signing import Request, Signer

# What a status means, with azure-core's errors.
_ERRORS: dict[int, type[HttpResponseError]] = {
    HTTPStatus.UNAUTHORIZED: ClientAuthenticationError,
    HTTPStatus.NOT_FOUND: ResourceNotFoundError,
    HTTPStatus.CONFLICT: ResourceExistsError,
    HTTPStatus.PRECONDITION_FAILED: ResourceModifiedError,
}


class Answer(NamedTuple):
    """An answer, read to its end. Its names are those that azure-core's errors read."""

    request: Request
    status_code: int
    reason: str
    headers: Mapping[str, str]
    content: bytes

    def text(self, _encoding: str | None = None) -> str:
        return self.content.decode("utf-8", "replace")

    def read[T](self, read: Callable[[dict[str, Any]], T]) -> T:
        """What `read` makes of the JSON in the body.

        Raises:
            DecodeError: the body is no JSON, or not what `read` expects.
        """
        try:
            return read(read_json(self.content))
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            raise DecodeError(response=self) from error


class Wire:
    """Sends requests to one service over the connections that all clients of this process share."""

    def __init__(self, session: aiohttp.ClientSession, endpoint: str, signer: Signer) -> None:
        """
        Args:
            endpoint: scheme and host; `path` of `send` follows.
        """
        self._session = session
        self.endpoint = endpoint
        self._scheme, _, self._authority = endpoint.partition("://")
        self._signer = signer

    async def send(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes = b"",
        *,
        seconds: float | None = None,
    ) -> Answer:
        """Send a request once.

        Args:
            target: path and query, percent-encoded.
            seconds: how long its answer may take; None if only the caller's own limit counts.

        Raises:
            HttpResponseError: the answer is not 2xx. A redirect is not followed.
            ServiceRequestError: the service cannot be reached, and was not asked.
            ServiceResponseError: no whole answer came; the service may have been asked.
            NoAccessToken: there is no access token to ask with.
        """
        request = Request(method, target, dict(headers), body)
        request.headers["x-ms-client-request-id"] = secrets.token_hex(16)
        await self._signer.sign(request)
        try:
            async with self._session.request(
                method,
                self._url(request.target),
                headers=request.headers,
                data=body or None,
                allow_redirects=False,
                timeout=_within(seconds),
            ) as response:
                content = await response.read()
                answer = Answer(
                    request, response.status, response.reason or "", response.headers, content
                )
        # TimeoutError: that of this attempt. When the time of our own request is up, it is a
        # cancellation.
        except (aiohttp.ClientError, TimeoutError) as error:
            # aiohttp's variables hold this error and its cause, and their tracebacks the variables.
            # Uncut, that keeps our request in memory until Python looks for cycles.
            for cyclic in filter(None, (error, error.__cause__)):
                cyclic.__traceback__ = None
            if isinstance(error, aiohttp.ClientConnectorError):
                raise ServiceRequestError("no connection", error=error) from error
            raise ServiceResponseError("no answer", error=error) from error
        if answer.status_code >= HTTPStatus.MULTIPLE_CHOICES:
            if answer.status_code == HTTPStatus.UNAUTHORIZED:
                self._signer.refused()
            raise failure_of(answer)
        return answer

    def _url(self, target: str) -> URL:
        # To have yarl take the whole apart again takes 3 us more.
        path, _, query = target.partition("?")
        return URL.build(
            scheme=self._scheme,
            authority=self._authority,
            path=path,
            query_string=query,
            encoded=True,
        )


@lru_cache
def _within(seconds: float | None) -> aiohttp.ClientTimeout:
    """The time of one attempt, in place of aiohttp's own of five minutes: each is a timer. None has
    no timer.

    aiohttp would end times over the threshold at the next whole second, and later tries have none.
    """
    return aiohttp.ClientTimeout(total=seconds, ceil_threshold=math.inf)


def failure_of(answer: Answer) -> HttpResponseError:
    """What an answer that is not 2xx means."""
    return _ERRORS.get(answer.status_code, HttpResponseError)(response=answer)
