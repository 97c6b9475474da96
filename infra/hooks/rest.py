"""One REST API of Azure, asked with JSON and a bearer token."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

import aiohttp

# A status that may be another one soon.
_PASSING = frozenset((429, 500, 502, 503, 504))
_TRIES = 5
_SECONDS = 30.0
# Characters of an error's code: what a proxy puts in its place may be of any length.
_CODE_LENGTH = 100

type Pause = Callable[[float], Awaitable[None]]
type GetToken = Callable[[], Awaitable[str]]
type Shape = type | list[Shape] | dict[str, Shape]


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
        """Status and content of the answer; the content is None where it is no JSON. What may be
        asked twice is asked again if the API is down; POST makes something, so that it is asked
        once, and the next run looks what was made.

        Args:
            also: statuses of 400 or more that are an answer and no failure.

        Raises:
            HookError: the API refuses, cannot be reached, or does not answer as an API does.
        """
        tries = 1 if method == "POST" else _TRIES
        reason = ""
        for number in range(tries):
            if number:
                await self.pause(2.0**number)
            try:
                status, content = await self._once(method, path, body, query or {})
            # A ValueError or RecursionError is JSON that cannot be read.
            except (aiohttp.ClientError, TimeoutError, ValueError, RecursionError) as error:
                reason = type(error).__name__
                continue
            if status < HTTPStatus.BAD_REQUEST or status in also:
                return status, content
            reason = f"{status} {_code(content)}".rstrip()
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
            raw = await answer.read() if answer.content_type.endswith("json") else b""
            try:
                return answer.status, json.loads(raw) if raw else None
            except (ValueError, RecursionError):
                if answer.status < HTTPStatus.BAD_REQUEST:
                    raise
                return answer.status, None  # the status says enough


def checked(value: Any, shape: Shape, where: str) -> Any:
    """`value`, if it has this shape.

    Args:
        shape: a class; a list with the shape of each item; or a dictionary with the shapes of
            properties, where one whose name ends with `?` may be missing or null.
        where: what was answered, in words, for the operator.

    Raises:
        HookError: it has another one.
    """
    match shape:
        case dict():
            if not isinstance(value, dict):
                raise HookError(f"{where} is no object")
            for key, inner in shape.items():
                name = key.removesuffix("?")
                if name == key or value.get(name) is not None:
                    checked(value.get(name), inner, f"{name} of {where}")
        case [inner]:
            if not isinstance(value, list):
                raise HookError(f"{where} is no list")
            for one in value:
                checked(one, inner, f"an item of {where}")
        case type() if not isinstance(value, shape):
            raise HookError(f"{where} is missing, or is no {shape.__name__}")
    return value


def _code(content: Any) -> str:
    """The code of an error, as Graph and Azure Resource Manager spell it; never its message, which
    may repeat what was sent."""
    error = content.get("error") if isinstance(content, dict) else None
    return str(error.get("code", ""))[:_CODE_LENGTH] if isinstance(error, dict) else ""
