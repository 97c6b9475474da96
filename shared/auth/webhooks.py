"""Who calls back is believed only with proof: ACS signs a JWT for each callback (reference: "JWT on
callbacks"); Event Grid has Entra sign one, or sends a key that it was given.

No proof covers the body. So a body is read as carefully as a stranger's, whoever has sent it.
"""

import hashlib
import hmac
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import jwt

from shared.auth.bearer import MAX_TOKEN_LENGTH
from shared.auth.issuer_keys import KeySource
from shared.problems import NotConfigured, Unauthenticated

logger = logging.getLogger(__name__)

_LONGEST_KEY_ID = 256
# ACS's tokens live for five minutes.
_LEEWAY_SECONDS = 60

# Who may call us back, in messages.
_ACS = "Azure Communication Services, proven by its token"
_EVENT_GRID = "Azure Event Grid, proven by its key in X-Event-Grid-Key or by Entra's token"
# A delivery property of the subscription, which whoever makes it adds and keeps secret.
KEY_HEADER = "x-event-grid-key"
# Event Grid itself, as an application in Entra: in Azure, and in Azure for US Government
# (documented: "Secure WebHook delivery with Microsoft Entra ID").
EVENT_GRID_APPS = frozenset(
    {"4962773b-9cdb-44cf-a8bf-237846a00ab7", "54316b56-3481-47f9-8f30-0300f5542a7b"}
)


class Sender(Protocol):
    """Somebody who may call us back."""

    async def prove(self, headers: Mapping[str, str]) -> None:
        """Return where they have sent this.

        Raises:
            Unauthenticated: they have not.
            NotConfigured: a setting is missing without which nobody knows.
            KeysUnavailable: the keys of who signs cannot be had right now.
        """


class CallbackVerifier:
    """ACS, telling about calls."""

    def __init__(self, keys: KeySource, issuer: str, resource_id: str) -> None:
        """
        Args:
            resource_id: the immutable id of the ACS resource: the tokens' audience.
        """
        self._keys = keys
        self._issuer = issuer
        self._resource_id = resource_id

    async def prove(self, headers: Mapping[str, str]) -> None:
        """As `Sender.prove`, for our resource."""
        if not self._resource_id:
            raise NotConfigured("COMMUNICATION_RESOURCE_ID is not set.")
        await _claims(headers, self._keys, [self._issuer], [self._resource_id], _ACS)


class EventGridVerifier:
    """Event Grid, telling of calls that ring."""

    def __init__(
        self, shared_keys: Sequence[str], keys: KeySource, tenant: str, audiences: Sequence[str]
    ) -> None:
        """
        Args:
            shared_keys: any of them, in a header of a delivery, proves it.
            keys: Entra's.
            tenant: whose Entra it is; empty where none is.
        """
        self._shared_keys = [_digest(key) for key in shared_keys]
        self._keys = keys
        self._tenant = tenant
        self._audiences = audiences

    async def prove(self, headers: Mapping[str, str]) -> None:
        """As `Sender.prove`."""
        if not self._shared_keys and not self._tenant:
            raise NotConfigured("Neither EVENT_GRID_KEY nor EVENT_GRID_AUDIENCE is set.")
        if self._has_key(headers.get(KEY_HEADER, "")):
            return
        if not self._tenant:
            raise _refusal(_EVENT_GRID, "another key" if KEY_HEADER in headers else "no key")
        # One tenant's tokens, in both versions of Entra's; the keys are the tenant's in any case.
        issuers = [
            f"https://sts.windows.net/{self._tenant}/",
            f"https://login.microsoftonline.com/{self._tenant}/v2.0",
            f"https://login.microsoftonline.us/{self._tenant}/v2.0",
        ]
        claims = await _claims(headers, self._keys, issuers, self._audiences, _EVENT_GRID)
        # Any app of the tenant gets a token for our audience: this one is Event Grid's own.
        app = claims.get("appid", claims.get("azp"))
        if not isinstance(app, str) or app not in EVENT_GRID_APPS:
            raise _refusal(_EVENT_GRID, "another application")

    def _has_key(self, given: str) -> bool:
        """Compared whole and to all of them: how long it takes tells nothing."""
        digest = _digest(given)
        return any([hmac.compare_digest(digest, key) for key in self._shared_keys])  # noqa: C419


async def _claims(
    headers: Mapping[str, str],
    keys: KeySource,
    issuers: Sequence[str],
    audiences: Sequence[str],
    sender: str,
) -> dict[str, Any]:
    """The claims of a bearer token that is valid now; raises as `Sender.prove`."""
    scheme, _, token = headers.get("authorization", "").strip().partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not 0 < len(token) <= MAX_TOKEN_LENGTH:
        raise _refusal(sender, "no bearer token")
    try:
        unverified = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise _refusal(sender, "not a JWT") from None
    key_id = unverified.get("kid")
    # RS256 is all that ACS and Entra use, and a key id names one key of their set.
    if unverified.get("alg") != "RS256" or not isinstance(key_id, str):
        raise _refusal(sender, "another algorithm, or no key id")
    key = await keys.find(key_id[:_LONGEST_KEY_ID])
    if key is None:
        raise _refusal(sender, "an unknown key")
    try:
        return dict(
            jwt.decode(
                token,
                key,
                algorithms=["RS256"],
                audience=list(audiences),
                issuer=list(issuers),
                leeway=_LEEWAY_SECONDS,
                options={"require": ["exp", "iss", "aud"], "enforce_minimum_key_length": True},
            )
        )
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise _refusal(sender, type(error).__name__) from None


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode(errors="replace")).digest()


def _refusal(sender: str, reason: str) -> Unauthenticated:
    logger.warning("refused what is only for %s: %s", sender, reason)
    return Unauthenticated(f"This is for {sender}.")
