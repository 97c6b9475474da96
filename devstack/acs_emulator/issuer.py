"""Bearer tokens of the stack's OIDC issuer, and the keys to judge them by."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

import aiohttp
import jwt

from devstack.acs_emulator.access_key import CredentialError
from devstack.acs_emulator.answers import AcsError

# What every SDK asks for is this, plus "/.default".
AUDIENCE = "https://communication.azure.com/"
COOLDOWN_SECONDS = 10.0
FETCH_TIMEOUT = aiohttp.ClientTimeout(total=5)

log = logging.getLogger(__name__)


class IssuerUnreachableError(AcsError):
    """No keys yet: the token could not be judged at all, which is not the client's fault."""

    def __init__(self) -> None:
        message = "The emulator cannot get the keys of its token issuer; its log says why."
        super().__init__(503, "ServiceUnavailable", message, headers={"Retry-After": "1"})


class Issuer:
    """Trusts one issuer, and fetches its keys when they are first needed.

    Args:
        url: the issuer, exactly as in its tokens and in its discovery document.
        cooldown_seconds: the least time between fetches, so that tokens with made-up key ids
            cannot make us hammer the issuer. Does not apply while there are no keys at all.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        url: str,
        *,
        cooldown_seconds: float = COOLDOWN_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url
        self._cooldown_seconds = cooldown_seconds
        self._clock = clock
        self._keys: Mapping[str, jwt.PyJWK] = {}
        self._fetched_at: float | None = None
        self._fetching = asyncio.Lock()

    async def claims_of(self, unverified_token: str, *, audience: str | None) -> dict[str, Any]:
        """Verify a token: RS256, a key of the issuer, `iss`, `exp`, and `aud` where one is given.

        Args:
            audience: exactly this string, never one of several. None: not checked.

        Raises:
            CredentialError: says why.
            IssuerUnreachableError: there are no keys to judge by.
        """
        try:
            header = jwt.get_unverified_header(unverified_token)
            key = await self._key(header.get("kid"))
            claims: dict[str, Any] = jwt.decode(
                unverified_token,
                key,
                algorithms=["RS256"],
                issuer=self._url,
                audience=audience,
                options={
                    "require": ["exp", "iss"],
                    "verify_aud": audience is not None,
                    "strict_aud": audience is not None,
                },
            )
        except (jwt.PyJWTError, ValueError) as error:  # ValueError: a lone surrogate
            raise CredentialError(f"bearer token: {error}") from error
        return claims

    async def _key(self, kid: object) -> jwt.PyJWK:
        if not isinstance(kid, str):
            raise CredentialError("bearer token: its header names no key (kid)")
        if kid not in self._keys:
            await self._refresh(kid)
        try:
            return self._keys[kid]
        except KeyError:
            raise CredentialError(f"bearer token: {self._url} has no key {kid!r}") from None

    async def _refresh(self, kid: str) -> None:
        async with self._fetching:
            if kid in self._keys or self._is_cooling_down():
                return
            try:
                self._keys = await self._fetch()
            except (aiohttp.ClientError, TimeoutError, jwt.PyJWTError, ValueError, KeyError) as why:
                log.warning("no keys from %s: %s %s", self._url, type(why).__name__, why)
                if not self._keys:
                    raise IssuerUnreachableError from why
            self._fetched_at = self._clock()

    def _is_cooling_down(self) -> bool:
        if self._fetched_at is None:
            return False
        return self._clock() - self._fetched_at < self._cooldown_seconds

    async def _fetch(self) -> Mapping[str, jwt.PyJWK]:
        # One session for both requests; fetches are too rare to keep it open in between.
        async with aiohttp.ClientSession(timeout=FETCH_TIMEOUT, raise_for_status=True) as session:
            url = f"{self._url.rstrip('/')}/.well-known/openid-configuration"
            async with session.get(url) as answer:
                discovery = await answer.json(content_type=None)
            if discovery["issuer"] != self._url:
                raise ValueError(f"it says that it is {discovery['issuer']!r}")
            async with session.get(discovery["jwks_uri"]) as answer:
                keys = jwt.PyJWKSet.from_dict(await answer.json(content_type=None)).keys
        return {key.key_id: key for key in keys if key.key_id is not None}
