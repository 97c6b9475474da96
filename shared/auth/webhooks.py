"""Verifies who sent a callback: ACS signs a JWT for each one (reference: "JWT on callbacks"); Event
Grid sends a JWT that Entra has signed, or a shared key.

No proof covers the body, so a body is always read as untrusted input.
"""

import hashlib
import hmac
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import jwt

from shared.auth.bearer import MAX_TOKEN_LENGTH
from shared.auth.claims import LEEWAY_SECONDS
from shared.auth.issuer_keys import KeySource
from shared.auth.signatures import decode_with_any
from shared.problems import IssuerMisconfigured, NotConfigured, Unauthenticated
from shared.unavailable import KeysUnavailable

logger = logging.getLogger(__name__)

_LONGEST_KEY_ID = 256

# The senders, as messages name them.
_ACS = "Azure Communication Services, proven by its token"
_EVENT_GRID = "Azure Event Grid, proven by its key in X-Event-Grid-Key or by Entra's token"
# The header of the shared key: a secret delivery property of the Event Grid subscription.
KEY_HEADER = "x-event-grid-key"
# Event Grid itself, as an application in Entra: in Azure, and in Azure for US Government
# (documented: "Secure WebHook delivery with Microsoft Entra ID").
EVENT_GRID_APPS = frozenset(
    {"4962773b-9cdb-44cf-a8bf-237846a00ab7", "54316b56-3481-47f9-8f30-0300f5542a7b"}
)


class SenderVerifier(Protocol):
    """Verifies that a callback comes from one certain service."""

    async def verify(self, headers: Mapping[str, str]) -> None:
        """Return if the service has sent the callback.

        Raises:
            Unauthenticated: the headers do not prove it.
            NotConfigured: a setting is missing that this check needs.
            KeysUnavailable: the public keys of the token's issuer cannot be fetched now.
        """


class CallbackVerifier:
    """Verifies that our ACS resource sent a callback about a call."""

    def __init__(self, keys: KeySource, issuer: str, resource_id: str) -> None:
        """
        Args:
            resource_id: the immutable id of the ACS resource, which is the tokens' audience.
        """
        self._keys = keys
        self._issuer = issuer
        self._resource_id = resource_id

    async def verify(self, headers: Mapping[str, str]) -> None:
        """As `SenderVerifier.verify`."""
        if not self._resource_id:
            raise NotConfigured("COMMUNICATION_RESOURCE_ID is not set.")
        await _claims(headers, self._keys, [self._issuer], [self._resource_id], _ACS)


class EventGridVerifier:
    """Verifies that Event Grid sent an event, such as that of an incoming call.

    Event Grid drops an event for good after 400, 401, 403 and 413, so these are only for events
    that can never be accepted. If the verdict may change later, KeysUnavailable is raised.
    """

    def __init__(
        self, shared_keys: Sequence[str], keys: KeySource, tenant: str, audiences: Sequence[str]
    ) -> None:
        """
        Args:
            shared_keys: any of them, in a header of the delivery, is proof; several, so that a
                key can be replaced by the next.
            keys: Entra's public keys.
            tenant: the Entra tenant whose tokens are accepted; if empty, none are.
            audiences: of those tokens.
        """
        self._shared_keys = [_digest(key) for key in shared_keys]
        self._keys = keys
        self._tenant = tenant
        self._audiences = audiences

    async def verify(self, headers: Mapping[str, str]) -> None:
        """As `SenderVerifier.verify`."""
        if not self._shared_keys and not self._tenant:
            raise NotConfigured("Neither EVENT_GRID_KEY nor EVENT_GRID_AUDIENCE is set.")
        if self._is_shared_key(headers.get(KEY_HEADER, "")):
            return
        if not self._tenant:
            raise _refusal(_EVENT_GRID, "another key" if KEY_HEADER in headers else "no key")
        # The issuers of one tenant, for both versions of Entra's tokens and for US Government. The
        # keys are that tenant's in any case.
        issuers = [
            f"https://sts.windows.net/{self._tenant}/",
            f"https://login.microsoftonline.com/{self._tenant}/v2.0",
            f"https://login.microsoftonline.us/{self._tenant}/v2.0",
        ]
        try:
            claims = await _claims(headers, self._keys, issuers, self._audiences, _EVENT_GRID)
        except IssuerMisconfigured as wrong:
            # The operator can mend that, and then Event Grid has to deliver the event again.
            raise KeysUnavailable from wrong
        # Any app of the tenant can get a token for our audience, so the app has to be Event Grid.
        app = claims.get("appid", claims.get("azp"))
        if not isinstance(app, str) or app not in EVENT_GRID_APPS:
            raise _refusal(_EVENT_GRID, "another application")

    def _is_shared_key(self, text: str) -> bool:
        """Compares the whole text with every key, so that the time it takes reveals nothing."""
        digest = _digest(text)
        return any([hmac.compare_digest(digest, key) for key in self._shared_keys])  # noqa: C419


async def _claims(
    headers: Mapping[str, str],
    keys: KeySource,
    issuers: Sequence[str],
    audiences: Sequence[str],
    sender: str,
) -> dict[str, Any]:
    """The claims of a bearer token that is valid now. Raises as `SenderVerifier.verify`."""
    scheme, _, token = headers.get("authorization", "").strip().partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not 0 < len(token) <= MAX_TOKEN_LENGTH:
        raise _refusal(sender, "no bearer token")
    try:
        unverified = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise _refusal(sender, "not a JWT") from None
    key_id = unverified.get("kid")
    # ACS and Entra use RS256 only, and always name the key.
    if unverified.get("alg") != "RS256" or not isinstance(key_id, str):
        raise _refusal(sender, "another algorithm, or no key id")

    def decode(key: jwt.PyJWK) -> dict[str, Any]:
        return jwt.decode(
            token,
            key,
            algorithms=["RS256"],
            audience=list(audiences),
            issuer=list(issuers),
            leeway=LEEWAY_SECONDS,
            options={"require": ["exp", "iss", "aud"], "enforce_minimum_key_length": True},
        )

    try:
        claims = await decode_with_any(token, keys, key_id[:_LONGEST_KEY_ID], "RS256", decode)
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise _refusal(sender, type(error).__name__) from None
    if claims is None:
        raise _refusal(sender, "an unknown key")
    return claims


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode(errors="replace")).digest()


def _refusal(sender: str, reason: str) -> Unauthenticated:
    logger.warning("refused what is only for %s: %s", sender, reason)
    return Unauthenticated(f"This is for {sender}.")
