"""How the emulators verify bearer tokens of the stack's OIDC issuer: with the keys it publishes."""

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Mapping
from enum import Enum, auto
from typing import Any

import aiohttp
import jwt

COOLDOWN_SECONDS = 10.0
FETCH_TIMEOUT = aiohttp.ClientTimeout(total=5)

log = logging.getLogger(__name__)


class Flaw(Enum):
    """The faults of a token that lead to different answers of a service."""

    MALFORMED = auto()
    EXPIRED = auto()
    AUDIENCE = auto()
    OTHER = auto()


class BearerError(Exception):
    """A token that is not accepted. The message is for the developer's log and holds no secret."""

    def __init__(self, why: str, flaw: Flaw = Flaw.OTHER) -> None:
        super().__init__(f"bearer token: {why}")
        self.flaw = flaw


class IssuerUnreachableError(Exception):
    """There are no keys yet, so no token can be verified; this is not the client's fault."""

    def __init__(self) -> None:
        super().__init__("The emulator cannot get the keys of its token issuer; its log says why.")


class TrustedIssuer:
    """Trusts one issuer, and fetches its keys when they are first needed.

    Args:
        url: the issuer, exactly as in its tokens and in its discovery document.
        cooldown_seconds: the shortest time between two fetches, so that tokens with invented key
            ids cannot make us overload the issuer. Does not apply while there are no keys at all.
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

    async def claims_of(
        self, unverified_token: str, *, audiences: Collection[str] | None
    ) -> dict[str, Any]:
        """Verify a token: RS256, a key of the issuer, `iss`, `exp`, and `aud` if it is checked.

        Args:
            audiences: `aud` has to be one of these strings, and not a list. None: it is not
                checked.

        Raises:
            BearerError: says why.
            IssuerUnreachableError: there are no keys to verify it with.
        """
        try:
            header = jwt.get_unverified_header(unverified_token)
            key = await self._key(header.get("kid"))
            claims: dict[str, Any] = jwt.decode(
                unverified_token,
                key,
                algorithms=["RS256"],
                issuer=self._url,
                options={"require": ["exp", "iss"], "verify_aud": False},
            )
        except jwt.ExpiredSignatureError as error:
            raise BearerError(str(error), Flaw.EXPIRED) from error
        except jwt.PyJWTError as error:
            # The subclasses of DecodeError are about the signature.
            malformed = type(error) is jwt.DecodeError
            raise BearerError(str(error), Flaw.MALFORMED if malformed else Flaw.OTHER) from error
        except ValueError as error:  # a lone surrogate
            raise BearerError(str(error), Flaw.MALFORMED) from error
        if audiences is not None and claims.get("aud") not in list(audiences):
            raise BearerError(f"its audience is {claims.get('aud')!r}", Flaw.AUDIENCE)
        return claims

    async def _key(self, kid: object) -> jwt.PyJWK:
        if not isinstance(kid, str):
            raise BearerError("its header names no key (kid)")
        if kid not in self._keys:
            await self._refresh(kid)
        try:
            return self._keys[kid]
        except KeyError:
            raise BearerError(f"{self._url} has no key {kid!r}") from None

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
        # A session for these two requests: the next fetch is too far away to keep it open.
        async with aiohttp.ClientSession(timeout=FETCH_TIMEOUT, raise_for_status=True) as session:
            url = f"{self._url.rstrip('/')}/.well-known/openid-configuration"
            async with session.get(url) as answer:
                discovery = await answer.json(content_type=None)
            if discovery["issuer"] != self._url:
                raise ValueError(f"it says that it is {discovery['issuer']!r}")
            async with session.get(discovery["jwks_uri"]) as answer:
                keys = jwt.PyJWKSet.from_dict(await answer.json(content_type=None)).keys
        return {key.key_id: key for key in keys if key.key_id is not None}
