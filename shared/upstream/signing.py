"""How a request to Azure proves who sends it: by the key of a resource, a shared access signature,
or the managed identity's access token.
"""

import asyncio
import base64
import hashlib
import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from shared.upstream.failures import NoAccessToken

if TYPE_CHECKING:  # azure-core takes 27 ms, and apps with keys need it for SDKs only
    from azure.core.credentials import AccessTokenInfo

# Seconds before the expiry of an access token at which the next one is asked for, unless its issuer
# says when. azure-core has the same number.
_EXPIRES_SOON = 300
# Seconds until the next try, if no new token came.
_RENEWAL_PAUSE = 10
# Seconds within which the new token has to come: azure-identity itself would wait for minutes.
_RENEWAL_SECONDS = 30


@dataclass(slots=True)
class Request:
    """A request to Azure, as a signer sees it.

    Attributes:
        target: path and query as they are sent, percent-encoded.
        headers: signers add theirs.
    """

    method: str
    target: str
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class Signer(Protocol):
    """Adds to a request the proof of its sender."""

    async def sign(self, request: Request) -> None: ...

    def refused(self) -> None:
        """The service has answered 401."""


class Credential(Protocol):
    """Gives access tokens: the part of azure-core's AsyncSupportsTokenInfo that is used here."""

    async def get_token_info(self, *scopes: str) -> "AccessTokenInfo": ...


class _Key:
    """A signer whose secret never changes."""

    def refused(self) -> None:
        """Nothing else can be tried."""


class SharedKeyLite(_Key):
    """The key of a storage account, as the Table service takes it ("Authorize with Shared Key")."""

    def __init__(self, account: str, key: str) -> None:
        self._account = account
        self._mac = _mac(key)

    async def sign(self, request: Request) -> None:
        date = _date(int(time.time()))
        path = request.target.partition("?")[0]
        signature = _signature(self._mac, f"{date}\n/{self._account}{path}")
        request.headers["x-ms-date"] = date
        request.headers["Authorization"] = f"SharedKeyLite {self._account}:{signature}"


class SharedSignature(_Key):
    """A shared access signature: it is part of the address."""

    def __init__(self, signature: str) -> None:
        self._signature = signature.lstrip("?")

    async def sign(self, request: Request) -> None:
        request.target += ("&" if "?" in request.target else "?") + self._signature


class AccessKey(_Key):
    """The access key of an ACS resource ("Sign an HTTP request", HMAC-SHA256)."""

    def __init__(self, endpoint: str, key: str) -> None:
        self._host = urlsplit(endpoint).netloc
        self._mac = _mac(key)

    async def sign(self, request: Request) -> None:
        date = _date(int(time.time()))
        content = base64.b64encode(hashlib.sha256(request.body).digest()).decode()
        signed = f"{request.method}\n{request.target}\n{date};{self._host};{content}"
        request.headers |= {
            "x-ms-date": date,
            "x-ms-content-sha256": content,
            "Authorization": "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256"
            f"&Signature={_signature(self._mac, signed)}",
        }


class BearerToken:
    """The access token of a credential for one service: kept, and renewed before it expires.

    There is one renewal at a time. Requests wait for it only if there is no valid token. If it
    fails, they use the token that they have until it expires.
    """

    def __init__(
        self,
        credential: Credential,
        scope: str,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._credential = credential
        self._scope = scope
        self._now = now
        self._token: AccessTokenInfo | None = None
        self._renewal: asyncio.Task[AccessTokenInfo] | None = None
        self._not_before = 0.0

    async def sign(self, request: Request) -> None:
        """Raises NoAccessToken if there is none."""
        token, now = self._token, self._now()
        if token is None or token.expires_on <= now:
            token = await asyncio.shield(self._renewed())
        elif max(token.refresh_on or token.expires_on - _EXPIRES_SOON, self._not_before) <= now:
            self._renewed()
        request.headers["Authorization"] = f"Bearer {token.token}"

    def refused(self) -> None:
        """The service has refused the token: ask for another one with the next request."""
        self._token = None

    def _renewed(self) -> "asyncio.Task[AccessTokenInfo]":
        if self._renewal is None or self._renewal.done():
            self._not_before = self._now() + _RENEWAL_PAUSE
            self._renewal = asyncio.create_task(self._renew())
            self._renewal.add_done_callback(_retrieve)
        return self._renewal

    async def _renew(self) -> "AccessTokenInfo":
        try:
            async with asyncio.timeout(_RENEWAL_SECONDS):
                self._token = await self._credential.get_token_info(self._scope)
        except TimeoutError as error:
            raise NoAccessToken("no access token in time") from error
        return self._token


def _retrieve(renewal: "asyncio.Task[AccessTokenInfo]") -> None:
    if not renewal.cancelled():
        renewal.exception()  # asyncio reports an exception that nobody has retrieved


@lru_cache(maxsize=1)
def _date(second: int) -> str:
    """A time as a header tells it. All requests of one second tell the same."""
    return formatdate(second, usegmt=True)


def _mac(key: str) -> hmac.HMAC:
    """The HMAC-SHA256 of no text yet. To begin with the key takes half of the time of a signature.

    Args:
        key: in base64.
    """
    return hmac.new(base64.b64decode(key), digestmod="sha256")


def _signature(mac: hmac.HMAC, text: str) -> str:
    signed = mac.copy()
    signed.update(text.encode())
    return base64.b64encode(signed.digest()).decode()
