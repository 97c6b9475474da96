"""The public keys of one OIDC issuer: fetched, cached, and fetched again, but not too often.

PyJWT reads the keys; its own client is not used because it blocks the event loop while it fetches,
and forgets keys on a timer even when the issuer is down.
"""

import asyncio
import json
import logging
import re
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Protocol

import aiohttp
import jwt

from shared.problems import KeysUnavailable
from shared.urls import is_safe_url

logger = logging.getLogger(__name__)

FETCH_SECONDS = 5.0
_MOST_BYTES = 256 * 1024
# Seconds. Keys are fresh for an hour, or less if the issuer's Cache-Control says so (Firebase's
# does).
_FRESH, _LEAST_FRESH = 3600.0, 60.0
# While an issuer is down, its cached keys can be used for a day.
_STALE = 24 * 3600.0
# Tokens with invented key ids cause at most one fetch a minute, however many come.
_UNKNOWN_KEY_COOLDOWN = 60.0
_FAILURE_COOLDOWN = 5.0
_MAX_AGE = re.compile(r"max-age=(\d{1,9})")


class KeySource(Protocol):
    """Finds the public key that verifies a signature: `IssuerKeys`, or a fake in tests."""

    async def find(self, key_id: str | None) -> jwt.PyJWK | None:
        """As `IssuerKeys.find`."""


class IssuerKeys:
    """The keys of one issuer. Its URL has to be exactly the `iss` claim of its tokens."""

    def __init__(
        self,
        issuer_url: str,
        session: aiohttp.ClientSession,
        clock: Callable[[], float] = time.monotonic,
        *,
        keys_url: str = "",
    ) -> None:
        """
        Args:
            keys_url: where the keys are; by default the issuer's discovery document says it.
        """
        self._issuer_url = issuer_url
        self._session = session
        self._clock = clock
        self._keys_url = keys_url
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at = self._tried_at = float("-inf")
        self._fresh_for = _FRESH
        self._failed = False
        self._fetching: asyncio.Task[None] | None = None

    async def find(self, key_id: str | None) -> jwt.PyJWK | None:
        """The key with this id; without an id, the only key. None if the issuer has no such key.

        Raises:
            KeysUnavailable: the issuer cannot be reached, so it may have such a key or not.
        """
        age = self._clock() - self._fetched_at
        if age > _STALE:
            await self._fetch(_FAILURE_COOLDOWN)
        elif age > self._fresh_for:
            self._fetch_in_background()
        key = self._cached(key_id)
        if key is None and self._clock() - self._tried_at >= self._cooldown():
            await self._fetch(self._cooldown())  # perhaps the issuer has rotated its keys
            key = self._cached(key_id)
        if key is None and self._failed:
            raise KeysUnavailable(retry_after=_FAILURE_COOLDOWN)
        return key

    async def check(self) -> None:
        """Fetch the keys unless the cached ones can be used. Raises KeysUnavailable."""
        if self._clock() - self._fetched_at > _STALE:
            await self._fetch(_FAILURE_COOLDOWN)

    def _cached(self, key_id: str | None) -> jwt.PyJWK | None:
        if key_id is None:
            return next(iter(self._keys.values())) if len(self._keys) == 1 else None
        return self._keys.get(key_id)

    def _cooldown(self) -> float:
        return _FAILURE_COOLDOWN if self._failed else _UNKNOWN_KEY_COOLDOWN

    def _fetch_in_background(self) -> None:
        if self._clock() - self._tried_at >= _FAILURE_COOLDOWN:
            self._start_fetch()

    async def _fetch(self, cooldown: float) -> None:
        """Fetch once for all requests that wait. Raises KeysUnavailable."""
        wait = cooldown - (self._clock() - self._tried_at)
        if self._fetching is None and wait > 0 and self._failed:
            raise KeysUnavailable(retry_after=wait)
        await asyncio.shield(self._start_fetch())
        if self._failed:
            raise KeysUnavailable(retry_after=_FAILURE_COOLDOWN)

    def _start_fetch(self) -> asyncio.Task[None]:
        """The fetch under way, or a new one."""
        if self._fetching is None:
            self._tried_at = self._clock()
            self._fetching = asyncio.create_task(self._load())
        return self._fetching

    async def _load(self) -> None:
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                key_set, fresh_for = await self._get_json(await self._find_keys_url())
            self._keys = _signing_keys(key_set)
            self._fetched_at, self._fresh_for, self._failed = self._clock(), fresh_for, False
            logger.info("keys of %s: %d", self._issuer_url, len(self._keys))
        except Exception as error:
            # Whatever the document caused counts as a failure, so that the cooldown applies.
            self._failed = True
            reason = error if isinstance(error, ValueError) else type(error).__name__
            logger.warning("keys of %s cannot be had: %s", self._issuer_url, reason)
        finally:
            self._fetching = None

    async def _find_keys_url(self) -> str:
        if self._keys_url:
            return self._keys_url
        metadata, _ = await self._get_json(
            self._issuer_url.rstrip("/") + "/.well-known/openid-configuration"
        )
        if metadata.get("issuer") != self._issuer_url:
            raise ValueError("the discovery document names another issuer")
        keys_url = metadata.get("jwks_uri")
        if not isinstance(keys_url, str) or not is_safe_url(keys_url):
            raise ValueError("the discovery document has no https jwks_uri")
        return keys_url

    async def _get_json(self, url: str) -> tuple[dict[str, Any], float]:
        """The JSON object at `url`, and the seconds for which it is fresh."""
        async with self._session.get(url, allow_redirects=False) as response:
            if response.status != HTTPStatus.OK:
                raise ValueError(f"{url} answered {response.status}")
            body = bytearray()
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > _MOST_BYTES:
                    raise ValueError(f"{url} is over {_MOST_BYTES} bytes")
            max_age = _MAX_AGE.search(response.headers.get("Cache-Control", ""))
        try:
            document = json.loads(body)
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise ValueError(f"{url} is not a JSON object")
        fresh_for = min(_FRESH, max(_LEAST_FRESH, float(max_age[1]))) if max_age else _FRESH
        return document, fresh_for


def _signing_keys(key_set: dict[str, Any]) -> dict[str, jwt.PyJWK]:
    """The public signing keys by id. Symmetric keys are left out: here anybody can read them."""
    listed = key_set.get("keys")
    if not isinstance(listed, list):
        raise ValueError("the key set has no keys")
    found: dict[str, jwt.PyJWK] = {}
    for entry in listed:
        if not isinstance(entry, dict) or entry.get("use", "sig") != "sig":
            continue
        if entry.get("kty") == "oct":
            continue
        try:
            found[str(entry.get("kid", ""))] = jwt.PyJWK(entry)
        except (jwt.PyJWTError, TypeError, ValueError, AttributeError):
            continue  # PyJWT cannot read it: a token signed with it is refused
    return found
