"""Sends the most frequent requests to Azure itself, without an SDK.

An SDK's pipeline costs one to three times as much CPU as the HTTP request itself. Requests fail
with the errors of `shared.upstream.failures`.
"""

import math
import secrets
from collections.abc import Callable, Mapping
from functools import lru_cache
from http import HTTPStatus
from typing import Any, NamedTuple

import aiohttp
from yarl import URL

from shared.json_texts import read_json
from shared.upstream.failures import ErrorAnswer, NoAnswer, NotSent, Unreadable
from shared.upstream.signing import Request, Signer


class Answer(NamedTuple):
    """An answer, read to its end."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    def read[T](self, read: Callable[[dict[str, Any]], T]) -> T:
        """What `read` makes of the JSON in the body.

        Raises:
            Unreadable: the body is no JSON, or not what `read` expects.
        """
        try:
            return read(read_json(self.content))
        except (AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
            raise Unreadable(self.status) from error


class Wire:
    """Sends requests to one service over the connections that all clients of this process share."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        endpoint: str,
        signer: Signer,
        *,
        is_storage: bool = False,
    ) -> None:
        """
        Args:
            endpoint: scheme and host; `path` of `send` follows.
            is_storage: whether errors are told as Table Storage tells them, or as ACS does.
        """
        self._session = session
        self.endpoint = endpoint
        self._scheme, _, self._authority = endpoint.partition("://")
        self._signer = signer
        self._is_storage = is_storage

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
            ErrorAnswer: the answer is not 2xx. A redirect is not followed.
            NotSent, NoAnswer, NoAccessToken: there is no answer.
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
                answer = Answer(response.status, response.headers, await response.read())
        # TimeoutError: that of this attempt. When the time of our own request is up, it is a
        # cancellation.
        except (aiohttp.ClientError, TimeoutError) as error:
            # aiohttp's variables hold this error and its cause, and their tracebacks the variables.
            # Uncut, that keeps our request in memory until Python looks for cycles.
            for cyclic in filter(None, (error, error.__cause__)):
                cyclic.__traceback__ = None
            if isinstance(error, aiohttp.ClientConnectorError):
                raise NotSent from error
            raise NoAnswer from error
        if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
            if answer.status == HTTPStatus.UNAUTHORIZED:
                self._signer.refused()
            raise failure_of(answer, is_storage=self._is_storage)
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
    """The time of one attempt, in place of aiohttp's own of five minutes: each is a timer. For None
    there is no timer, since the caller has a limit of their own.

    aiohttp would end times over the threshold at the next whole second, and later tries have none.
    """
    return aiohttp.ClientTimeout(total=seconds, ceil_threshold=math.inf)


def failure_of(answer: Answer, *, is_storage: bool) -> ErrorAnswer:
    """What an answer that is not 2xx says.

    Only the service's own form counts. A gateway before it may tell a code too, and knows nothing
    of identities and rows.
    """
    details = _details(answer.content, "odata.error" if is_storage else "error")
    header = answer.headers.get("x-ms-error-code", "") if is_storage else ""
    return ErrorAnswer(
        answer.status,
        header or str(details.get("code") or ""),
        target=str(details.get("target") or ""),
        retry_after=answer.headers.get("Retry-After", ""),
    )


def _details(content: bytes, name: str) -> Mapping[str, Any]:
    """What the body of an error says under this name."""
    try:
        return dict(read_json(content)[name])
    except (AttributeError, LookupError, RecursionError, TypeError, ValueError):
        return {}
