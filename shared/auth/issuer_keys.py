"""The public keys of one OIDC issuer: fetched, cached, and refetched with restraint.

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
# Seconds. Fresh for an hour, or less where the issuer's Cache-Control says so (Firebase does).
_FRESH, _LEAST_FRESH = 3600.0, 60.0
# An issuer that is down for a day stops nobody: its known keys stay good as long as that.
_STALE = 24 * 3600.0
# Tokens with made-up key ids may cause one fetch a minute, however many come.
_UNKNOWN_KEY_COOLDOWN = 60.0
_FAILURE_COOLDOWN = 5.0
_MAX_AGE = re.compile(r"max-age=(\d{1,9})")


class KeySource(Protocol):
    """Where the keys come from with which a signature is checked: `IssuerKeys`, or a test's own."""

    async def find(self, key_id: str | None) -> jwt.PyJWK | None:
        """As `IssuerKeys.find`."""


class IssuerKeys:
    """The keys of the issuer at `issuer_url`, which must be exactly what its tokens say."""

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
            keys_url: where the keys are; by default the issuer's discovery document says so.
        """
        self._issuer_url = issuer_url
        self._session = session
        self._clock = clock
        self._keys_url = keys_url
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched = self._tried = float("-inf")
        self._fresh_for = _FRESH
        self._failed = False
        self._fetching: asyncio.Task[None] | None = None

    async def find(self, key_id: str | None) -> jwt.PyJWK | None:
        """The key named so; for no name, the only key; None where the issuer has no such key.

        Raises:
            KeysUnavailable: the issuer could not be asked, so nobody knows.
        """
        age = self._clock() - self._fetched
        if age > _STALE:
            await self._fetch(_FAILURE_COOLDOWN)
        elif age > self._fresh_for:
            self._fetch_behind()
        key = self._known(key_id)
        if key is None and self._clock() - self._tried >= self._cooldown():
            await self._fetch(self._cooldown())  # perhaps the issuer has rotated its keys
            key = self._known(key_id)
        if key is None and self._failed:
            raise KeysUnavailable(retry_after=_FAILURE_COOLDOWN)
        return key

    async def check(self) -> None:
        """Have keys. Raises KeysUnavailable where there are none."""
        if self._clock() - self._fetched > _STALE:
            await self._fetch(_FAILURE_COOLDOWN)

    def _known(self, key_id: str | None) -> jwt.PyJWK | None:
        if key_id is None:
            return next(iter(self._keys.values())) if len(self._keys) == 1 else None
        return self._keys.get(key_id)

    def _cooldown(self) -> float:
        return _FAILURE_COOLDOWN if self._failed else _UNKNOWN_KEY_COOLDOWN

    def _fetch_behind(self) -> None:
        if self._clock() - self._tried >= _FAILURE_COOLDOWN:
            self._started()

    async def _fetch(self, cooldown: float) -> None:
        """Fetch once for all who wait. Raises KeysUnavailable."""
        wait = cooldown - (self._clock() - self._tried)
        if self._fetching is None and wait > 0 and self._failed:
            raise KeysUnavailable(retry_after=wait)
        await asyncio.shield(self._started())
        if self._failed:
            raise KeysUnavailable(retry_after=_FAILURE_COOLDOWN)

    def _started(self) -> asyncio.Task[None]:
        if self._fetching is None:
            self._tried = self._clock()
            self._fetching = asyncio.create_task(self._load())
        return self._fetching

    async def _load(self) -> None:
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                key_set, fresh_for = await self._get_json(await self._discovered())
            self._keys = _signing_keys(key_set)
            self._fetched, self._fresh_for, self._failed = self._clock(), fresh_for, False
            logger.info("keys of %s: %d", self._issuer_url, len(self._keys))
        except Exception as error:
            # Whatever the document did to us counts as a failure, so that the cooldown applies.
            self._failed = True
            reason = error if isinstance(error, ValueError) else type(error).__name__
            logger.warning("keys of %s cannot be had: %s", self._issuer_url, reason)
        finally:
            self._fetching = None

    async def _discovered(self) -> str:
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
        """The JSON object at `url`, and for how many seconds it is fresh."""
        async with self._session.get(url, allow_redirects=False) as response:
            if response.status != HTTPStatus.OK:
                raise ValueError(f"{url} answered {response.status}")
            body = bytearray()
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > _MOST_BYTES:
                    raise ValueError(f"{url} is over {_MOST_BYTES} bytes")
            cached = _MAX_AGE.search(response.headers.get("Cache-Control", ""))
        try:
            document = json.loads(body)
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise ValueError(f"{url} is not a JSON object")
        fresh_for = min(_FRESH, max(_LEAST_FRESH, float(cached[1]))) if cached else _FRESH
        return document, fresh_for


def _signing_keys(key_set: dict[str, Any]) -> dict[str, jwt.PyJWK]:
    """Public signing keys by id. A symmetric key in a public document would be everybody's."""
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
            continue  # a key that we cannot read: tokens signed with it are refused
    return found
