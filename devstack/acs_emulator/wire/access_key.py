"""Verifies the HMAC signature of a request, which was made with the access key of the resource."""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import quote, unquote

from multidict import CIMultiDict, CIMultiDictProxy

from devstack.acs_emulator.wire.answers import AcsError, denied

SCHEME = "HMAC-SHA256"
# The ACS documentation has no number; App Configuration, with the same scheme, has 15 minutes.
CLOCK_SKEW = timedelta(minutes=15)

_CREDENTIALS = re.compile(r"SignedHeaders=(?P<names>[^&]+)&Signature=(?P<signature>[^&]+)")

type Headers = CIMultiDict[str] | CIMultiDictProxy[str]


class CredentialError(Exception):
    """A credential that is not accepted.

    The message is for the developer's log, without secrets; a client gets only `answer`.
    """

    def __init__(self, why: str, answer: AcsError | None = None) -> None:
        super().__init__(why)
        self.answer = answer or denied()


class AccessKey:
    """The key of the emulated resource.

    Args:
        key: base64, as in a connection string.
        clock_skew: how far the date of a request may be from ours, in both directions.
        now: the clock; its times have a time zone.

    Raises:
        ValueError: the key is not base64, or empty.
    """

    def __init__(
        self,
        key: str,
        *,
        clock_skew: timedelta = CLOCK_SKEW,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._key = base64.b64decode(key, validate=True)
        if not self._key:
            raise ValueError("The access key is empty.")
        self._clock_skew = clock_skew
        self._now = now

    def verify(
        self,
        *,
        method: str,
        target: str,
        headers: Headers,
        body: bytes,
        hosts: Sequence[str] = (),
    ) -> None:
        """Verify the signature of a request.

        Args:
            target: path and query, exactly as they were on the wire.
            hosts: any of these may have been signed as the host; without any, it is that of the
                request.

        Raises:
            CredentialError: says why.
        """
        names, signature = _read_authorization(headers)
        self._check_date(_one(headers, "x-ms-date" if "x-ms-date" in names else "date"))
        values = [_one(headers, name) for name in names]
        given = dict(zip(names, values, strict=True))
        signed = [";".join((given | {"host": host}).values()) for host in hosts or [given["host"]]]
        if not any(
            self._signs(signature, f"{method}\n{form}\n{rest}")
            for rest in signed
            for form in _forms(target)
        ):
            raise CredentialError(self._why_not_signed(method, target, names, values, signature))
        digest = base64.b64encode(hashlib.sha256(body).digest())
        if not hmac.compare_digest(digest, _bytes(_one(headers, "x-ms-content-sha256"))):
            # The text is recorded; the status is assumed to be that of the other errors here.
            message = "Request 'x-ms-content-sha256' differs from generated content hash."
            raise CredentialError("the body is not the one that was signed", denied(message))

    def _signs(self, signature: bytes, string_to_sign: str) -> bool:
        expected = hmac.digest(self._key, _bytes(string_to_sign), "sha256")
        return hmac.compare_digest(expected, signature)

    def _check_date(self, value: str) -> None:
        try:
            date = parsedate_to_datetime(value)
        except ValueError:
            raise CredentialError(f"the date {value!r} is not an RFC 1123 date") from None
        if date.tzinfo is None:
            raise CredentialError(f"the date {value!r} has no time zone; it must be GMT")
        skew = abs(self._now() - date)
        if skew > self._clock_skew:
            raise CredentialError(f"the date {value!r} is {skew} away from this machine's clock")

    def _why_not_signed(
        self, method: str, target: str, names: list[str], values: list[str], signature: bytes
    ) -> str:
        slashed = [v + "/" if n == "host" else v for n, v in zip(names, values, strict=True)]
        if any(
            self._signs(signature, f"{method}\n{form}\n{';'.join(slashed)}")
            for form in _forms(target)
        ):
            # It is unknown whether Azure accepts this. It is refused here, so that nobody is
            # surprised after deployment.
            host = slashed[names.index("host")]
            return f"the client signed the host {host!r}: take the trailing slash off its endpoint"
        signed = f"{method}\n{target}\n{';'.join(values)}"
        return f"wrong access key, or not what the client signed: {signed!r}"


def _read_authorization(headers: Headers) -> tuple[list[str], bytes]:
    credentials = _one(headers, "authorization").removeprefix(f"{SCHEME} ")
    match = _CREDENTIALS.fullmatch(credentials)
    if match is None:
        raise CredentialError("the Authorization header is not 'SignedHeaders=...&Signature=...'")
    names = [name.lower() for name in match["names"].split(";")]
    missing = {"host", "x-ms-content-sha256"} - set(names)
    if not {"x-ms-date", "date"} & set(names):
        missing.add("x-ms-date")
    if missing:
        raise CredentialError(f"the signature does not cover {', '.join(sorted(missing))}")
    try:
        return names, base64.b64decode(match["signature"], validate=True)
    except (binascii.Error, ValueError):
        raise CredentialError("the signature is not base64") from None


def _one(headers: Headers, name: str) -> str:
    values = headers.getall(name, [])
    if len(values) != 1:
        raise CredentialError(f"the request has {len(values)} headers {name!r}, not one")
    return values[0]


def _forms(target: str) -> list[str]:
    """The forms of a request target that Microsoft's own clients sign.

    They sign it unchanged, as documented; or with the path encoded again, as Call Automation's aio
    client does, which signs `8%3Aacs%3A...` while aiohttp sends `8:acs:...`; or decoded, as the
    identity aio client and Rooms do.
    """
    path, mark, query = target.partition("?")
    return [target, quote(unquote(path), safe="/") + mark + query, unquote(target)]


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")  # as the server decoded the wire
