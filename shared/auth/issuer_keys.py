"""The public keys of one OIDC issuer: fetched, cached, and fetched again, but not too often.

PyJWT reads the keys; its own client is not used because it blocks the event loop while it fetches,
and forgets keys on a timer even when the issuer is down.
"""

import asyncio
import json
import logging
import re
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import urlsplit

import aiohttp
import jwt

from shared.auth.key_set import KeySet, read_key_set
from shared.auth.settings import Issuer
from shared.problems import IssuerMisconfigured, Problem
from shared.unavailable import KeysUnavailable
from shared.urls import is_loopback, is_safe_url

logger = logging.getLogger(__name__)

FETCH_SECONDS = 5.0
_MOST_BYTES = 256 * 1024
# Seconds. Keys are fresh for an hour, or less if the issuer's Cache-Control says so (Firebase's
# does).
_FRESH, _LEAST_FRESH = 3600.0, 60.0
# While an issuer is down, its cached keys can be used for a day.
_STALE = 24 * 3600.0
_FAILURE_COOLDOWN = 5.0
# Seconds for which it is believed that the issuer has no other key of that id: a token that a new
# key has signed is accepted soon after the key is published.
_ABSENCE = 5.0
# A fetch that another request began so long ago may have read the keys before a new one was
# published.
_RECENT = 1.0
# Anybody can invent key ids and forge signatures, so the fetches for these are limited to so many
# in so many seconds. Then the client is told to send its request again later.
_MOST_LOOKUPS, _LOOKUP_SECONDS = 4, 20.0
_MOST_ABSENT = 1000
_WELL_KNOWN = "/.well-known/openid-configuration"
_MAX_AGE = re.compile(r"max-age=(\d{1,9})")


class _WrongDocument(ValueError):
    """The document does not exist, or is another issuer's."""


class KeySource(Protocol):
    """Finds the public keys that verify a signature: `IssuerKeys`, or a fake in tests."""

    async def find(self, key_id: str | None, algorithm: str) -> list[jwt.PyJWK]:
        """As `IssuerKeys.find`."""

    async def look_again(self, key_id: str | None) -> bool:
        """As `IssuerKeys.look_again`."""


class IssuerKeys:
    """The keys of one issuer. Its URL has to be exactly the `iss` claim of its tokens."""

    def __init__(
        self,
        issuer_url: str,
        session: aiohttp.ClientSession,
        clock: Callable[[], float] = time.monotonic,
        *,
        keys_url: str = "",
        metadata_url: str = "",
        setting: str = "AUTH_ISSUER",
        judges_at_once: bool = True,
    ) -> None:
        """
        Args:
            keys_url: where the keys are; by default the issuer's discovery document says it.
            metadata_url: where that document is; by default at the usual place below the issuer.
            setting: the name of the setting that says who the issuer is.
            judges_at_once: whether a key counts as absent while its absence is only believed. If
                not, KeysUnavailable is raised. That is for senders who never repeat what was
                refused: after this error they do, and by then the key may be published.
        """
        self._issuer_url = issuer_url
        self._session = session
        self._clock = clock
        self._keys_url = keys_url
        self._metadata_url = metadata_url or f"{issuer_url.rstrip('/')}{_WELL_KNOWN}"
        self._setting = setting
        self._judges_at_once = judges_at_once
        self._key_set = KeySet()
        self._fetched_at = self._tried_at = float("-inf")
        self._fresh_for = _FRESH
        self._failed = False
        self._wrong = ""  # how the settings have to change, if they are why it failed
        self._fetching: asyncio.Task[None] | None = None
        self._is_refresh = False  # whether the running fetch began for no particular key
        self._lookups: deque[float] = deque(maxlen=_MOST_LOOKUPS)
        # Key id (None for tokens without one) -> until when its absence is believed.
        self._absent: OrderedDict[str | None, float] = OrderedDict()

    async def find(self, key_id: str | None, algorithm: str) -> list[jwt.PyJWK]:
        """The keys that may have signed a token with this key id and algorithm in its header; empty
        if the issuer has no such key.

        Raises:
            KeysUnavailable: the issuer cannot be asked now, so it may have such a key or not.
            IssuerMisconfigured: its documents are not there, or are another issuer's.
        """
        age = self._clock() - self._fetched_at
        if age > _STALE:
            await self._fetch()
        elif age > self._fresh_for:
            self._fetch_in_background()
        found = self._key_set.candidates(key_id, algorithm)
        if not found:
            if age <= _STALE:  # else all keys have just been fetched
                await self._look_up(
                    key_id, lambda: bool(self._key_set.candidates(key_id, algorithm))
                )
                found = self._key_set.candidates(key_id, algorithm)
            if not found:
                self._note_absence(key_id)
        return found

    async def look_again(self, key_id: str | None) -> bool:
        """Fetch the keys for a token whose signature fits no known key, even if a key has its id:
        an issuer may give a new key the id of the old one. These fetches are limited like those for
        unknown ids.

        Returns:
            Whether there are other keys now; False too if they have been fetched just before.

        Raises:
            KeysUnavailable: the issuer cannot be asked now.
        """
        before = self._key_set.keys
        await self._look_up(key_id, lambda: self._key_set.keys != before)
        self._note_absence(key_id)
        return self._key_set.keys != before

    async def check(self) -> None:
        """Fetch the keys unless the cached ones can be used. Raises as `find`."""
        if self._clock() - self._fetched_at > _STALE:
            await self._fetch()

    async def _look_up(self, key_id: str | None, is_found: Callable[[], bool]) -> None:
        """Fetch the keys, unless this id was looked for just now.

        A request that comes while a fetch is running waits for it. If that fetch may have begun
        before a new key was published, the request waits for another one. Raises as `find`.

        Args:
            is_found: whether the keys that were fetched last have what was looked for.
        """
        now = self._clock()
        may_be_old = False
        if self._fetching is not None:
            may_be_old = self._is_refresh or now - self._tried_at > _RECENT
            await self._fetch()
            if is_found() or not may_be_old:
                return
        if self._fetching is None and not self._failed:
            # A key that such a fetch has not found may be published now.
            believed_until = now if may_be_old else self._absent.get(key_id, now)
            if believed_until > now and not self._judges_at_once:
                raise KeysUnavailable(retry_after=believed_until - now)
            if believed_until > now:
                return
            if len(self._lookups) == _MOST_LOOKUPS and now - self._lookups[0] < _LOOKUP_SECONDS:
                raise KeysUnavailable(retry_after=self._lookups[0] + _LOOKUP_SECONDS - now)
            self._lookups.append(now)
        await self._fetch()

    def _note_absence(self, key_id: str | None) -> None:
        self._absent[key_id] = self._fetched_at + _ABSENCE
        self._absent.move_to_end(key_id)
        if len(self._absent) > _MOST_ABSENT:
            self._absent.popitem(last=False)

    def _fetch_in_background(self) -> None:
        if self._fetching is None and self._clock() - self._tried_at >= _FAILURE_COOLDOWN:
            self._start_fetch()
            self._is_refresh = True

    async def _fetch(self) -> None:
        """Fetch once for all requests that wait. Raises as `find`."""
        wait = _FAILURE_COOLDOWN - (self._clock() - self._tried_at)
        if self._fetching is None and wait > 0 and self._failed:
            raise self._failure(wait)
        await asyncio.shield(self._start_fetch())
        if self._failed:
            raise self._failure(_FAILURE_COOLDOWN)

    def _failure(self, wait: float) -> Problem:
        if self._wrong:
            return IssuerMisconfigured(self._setting, self._wrong)
        return KeysUnavailable(retry_after=wait)

    def _start_fetch(self) -> asyncio.Task[None]:
        """The fetch under way, or a new one."""
        if self._fetching is None:
            self._tried_at, self._is_refresh = self._clock(), False
            self._fetching = asyncio.create_task(self._load())
        return self._fetching

    async def _load(self) -> None:
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                document, fresh_for = await self._get_json(await self._find_keys_url())
            self._key_set = read_key_set(document)
            self._fetched_at, self._fresh_for, self._failed = self._clock(), fresh_for, False
            self._wrong = ""
            logger.info("keys of %s: %d", self._issuer_url, len(self._key_set.keys))
            for why, number in self._key_set.left_out.items():
                logger.warning("keys of %s left out, %s: %d", self._issuer_url, why, number)
        except Exception as error:
            # Any error that the document causes is a failure, so that the cooldown applies.
            self._failed = True
            # An issuer whose document was right before is only out of order.
            is_wrong = isinstance(error, _WrongDocument) and self._fetched_at == float("-inf")
            self._wrong = str(error) if is_wrong else ""
            reason = error if isinstance(error, ValueError) else type(error).__name__
            logger.warning("keys of %s cannot be had: %s", self._issuer_url, reason)
        finally:
            self._fetching = None

    async def _find_keys_url(self) -> str:
        if self._keys_url:
            return self._keys_url
        metadata, _ = await self._get_json(self._metadata_url)
        # AD FS names the issuer of its access tokens apart from that of its ID tokens.
        names = (metadata.get("issuer"), metadata.get("access_token_issuer"))
        if self._issuer_url not in names:
            raise _WrongDocument(
                f"the discovery document {_shown(self._metadata_url)} names another issuer: the"
                " setting must be, to the letter, what that calls 'issuer'"
            )
        keys_url = metadata.get("jwks_uri")
        if not isinstance(keys_url, str) or not is_safe_url(keys_url):
            raise ValueError("the discovery document has no https jwks_uri")
        if is_loopback(keys_url) and not is_loopback(self._metadata_url):
            raise ValueError("the discovery document has a jwks_uri on this machine")
        return keys_url

    async def _get_json(self, url: str) -> tuple[dict[str, Any], float]:
        """The JSON object at `url`, and the seconds for which it is fresh."""
        async with self._session.get(url, allow_redirects=False) as response:
            if response.status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
                raise _WrongDocument(
                    f"there is no document {_shown(url)}: an issuer whose documents lie elsewhere"
                    " needs metadataUrl or jwksUrl in AUTH_ISSUERS"
                )
            if response.status != HTTPStatus.OK:
                raise ValueError(f"{_shown(url)} answered {response.status}")
            body = bytearray()
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > _MOST_BYTES:
                    raise ValueError(f"{_shown(url)} is over {_MOST_BYTES} bytes")
            max_age = _MAX_AGE.search(response.headers.get("Cache-Control", ""))
        try:
            document = json.loads(body)
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise ValueError(f"{_shown(url)} is not a JSON object")
        fresh_for = min(_FRESH, max(_LEAST_FRESH, float(max_age[1]))) if max_age else _FRESH
        return document, fresh_for


def _shown(url: str) -> str:
    """A URL for a log: without its query, which may hold a secret, and of bounded length."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}{parts.path}"[:200]


def keys_of(issuer: Issuer, session: aiohttp.ClientSession) -> IssuerKeys:
    """The keys of a configured issuer."""
    return IssuerKeys(
        issuer.url,
        session,
        keys_url=issuer.keys_url,
        metadata_url=issuer.metadata_url,
        setting=issuer.setting,
    )
