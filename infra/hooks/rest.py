"""One REST API of Azure, asked with JSON and a bearer token."""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

import aiohttp

# A status that may be another one soon.
_PASSING = frozenset((429, 500, 502, 503, 504))
_TRIES = 5
_SECONDS = 30.0

type Pause = Callable[[float], Awaitable[None]]
type GetToken = Callable[[], Awaitable[str]]


class HookError(Exception):
    """The hook cannot go on; the message tells the operator why, and holds no secret."""


class Rest:
    """
    Args:
        base: the API's URL, without a slash at its end.
        pause: waits for some seconds between two tries.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        base: str,
        token: GetToken,
        pause: Pause = asyncio.sleep,
    ) -> None:
        self._session = session
        self._base = base
        self.token = token
        self.pause = pause

    async def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        query: dict[str, str] | None = None,
        also: frozenset[int] = frozenset(),
    ) -> tuple[int, Any]:
        """Status and content of the answer. What may be asked twice is asked again if the API is
        down; POST makes something, so that it is asked once, and the next run looks what was made.

        Args:
            also: statuses of 400 or more that are an answer and no failure.

        Raises:
            HookError: the API refuses, or cannot be reached.
        """
        tries = 1 if method == "POST" else _TRIES
        reason = ""
        for number in range(tries):
            if number:
                await self.pause(2.0**number)
            try:
                status, content = await self._once(method, path, body, query or {})
            except (aiohttp.ClientError, TimeoutError) as error:
                reason = type(error).__name__
                continue
            if status < HTTPStatus.BAD_REQUEST or status in also:
                return status, content
            reason = f"{status} {_code(content)}"
            if status not in _PASSING:
                break
        raise HookError(f"{method} {self._base}{path}: {reason}")

    async def _once(
        self, method: str, path: str, body: object, query: dict[str, str]
    ) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {await self.token()}"}
        async with self._session.request(
            method,
            self._base + path,
            json=body,
            params=query,
            headers=headers,
            timeout=aiohttp.ClientTimeout(total=_SECONDS),
            allow_redirects=False,
        ) as answer:
            is_json = answer.content_type.endswith("json")
            return answer.status, await answer.json() if is_json else None


def _code(content: Any) -> str:
    """The code of an error, as Graph and Azure Resource Manager spell it; never its message, which
    may repeat what was sent."""
    error = content.get("error") if isinstance(content, dict) else None
    return str(error.get("code", "")) if isinstance(error, dict) else ""
