"""Callbacks are believed only with proof: ACS signs a JWT for each (reference: "JWT on callbacks").

The body is not covered by it, so whoever may send one still says nothing that is believed unread.
"""

import logging
from collections.abc import Mapping
from typing import Protocol

import jwt

from shared.problems import NotConfigured, Unauthenticated

logger = logging.getLogger(__name__)

_LONGEST_TOKEN = 16 * 1024
_LONGEST_KEY_ID = 256
# ACS's tokens live for five minutes.
_LEEWAY_SECONDS = 60


class KeySource(Protocol):
    """The keys of ACS; see `shared.issuer_keys`."""

    async def find(self, key_id: str | None) -> jwt.PyJWK | None: ...


class Callbacks:
    """Judges who sends an event about a call."""

    def __init__(self, keys: KeySource, issuer: str, resource_id: str) -> None:
        """
        Args:
            resource_id: the immutable id of the ACS resource: the tokens' audience.
        """
        self._keys = keys
        self._issuer = issuer
        self._resource_id = resource_id

    async def prove(self, headers: Mapping[str, str]) -> None:
        """Return where ACS sent this, for our resource.

        Raises:
            Unauthenticated: it did not.
            NotConfigured: without the resource's id nobody knows.
            KeysUnavailable: ACS's keys cannot be had right now.
        """
        if not self._resource_id:
            raise NotConfigured("COMMUNICATION_RESOURCE_ID is not set.")
        scheme, _, token = headers.get("authorization", "").strip().partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not 0 < len(token) <= _LONGEST_TOKEN:
            raise _refusal("no bearer token")
        try:
            unverified = jwt.get_unverified_header(token)
        except (jwt.PyJWTError, ValueError, RecursionError):
            raise _refusal("not a JWT") from None
        key_id = unverified.get("kid")
        # RS256 is all that ACS uses, and a key id names one key of its set.
        if unverified.get("alg") != "RS256" or not isinstance(key_id, str):
            raise _refusal("another algorithm, or no key id")
        key = await self._keys.find(key_id[:_LONGEST_KEY_ID])
        if key is None:
            raise _refusal("an unknown key")
        try:
            jwt.decode(
                token,
                key,
                algorithms=["RS256"],
                audience=self._resource_id,
                issuer=self._issuer,
                leeway=_LEEWAY_SECONDS,
                options={"require": ["exp", "iss", "aud"], "enforce_minimum_key_length": True},
            )
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            raise _refusal(type(error).__name__) from None


def _refusal(reason: str) -> Unauthenticated:
    logger.warning("a callback was refused: %s", reason)
    return Unauthenticated("This is for Azure Communication Services.")
