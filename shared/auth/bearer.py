"""Bearer tokens: signed JWTs of a configured issuer, for this service, valid now.

A token that was verified is remembered, because clients send the same one for an hour. A value
whose name starts with `unverified` may have been written by anybody.
"""

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

import jwt
from jwt.utils import base64url_decode

from shared.auth.claims import LEEWAY_SECONDS, caller_of, refusal
from shared.auth.issuer_keys import KeySource
from shared.auth.key_set import ALGORITHMS
from shared.auth.settings import Issuer
from shared.auth.signatures import decode_with_any
from shared.bounds import BEARER_TOKEN
from shared.json_texts import read_json
from shared.principals import Caller
from shared.problems import Unauthenticated
from shared.recent import Recent

MAX_TOKEN_LENGTH = BEARER_TOKEN.number
_TYPES = frozenset({"jwt", "at+jwt", "application/at+jwt"})
_MAX_KEY_ID_LENGTH = 256
# A longer token, such as one with hundreds of groups, is verified each time: a caller takes about
# as much memory as their token.
_MOST_REMEMBERED, _LONGEST_REMEMBERED = 10_000, 4096
# An issuer's tokens have one header for each of its keys. The longest token has 16 KiB, so these
# take 256 KiB at most.
_MOST_HEADERS = 16


class _Header(NamedTuple):
    """What a token's header says of its signature. Anybody could have written it, until the
    signature is verified."""

    key_id: str | None
    algorithm: str


@dataclass(slots=True)
class _Verified:
    """A token that was verified: with which key, until when it is valid, and whose it is."""

    issuer: Issuer
    header: _Header
    key: jwt.PyJWK = field(repr=False)
    expires: float
    caller: Caller


class BearerTokens:
    """Verifies bearer tokens of the configured issuers."""

    def __init__(
        self,
        issuers: Mapping[str, Issuer],
        keys: Mapping[str, KeySource],
        now: Callable[[], float] = time.time,
        most_remembered: int = _MOST_REMEMBERED,
    ) -> None:
        """
        Args:
            issuers: by issuer URL.
            keys: by issuer URL, one for each issuer.
        """
        self._issuers = issuers
        self._keys = keys
        self._now = now
        # By the token's hash, so that this memory holds no token.
        self._remembered: Recent[bytes, _Verified] = Recent(most_remembered)

    async def authenticate(self, authorization: str) -> Caller:
        """The caller of an Authorization header. Raises as `Authenticator.authenticate`."""
        scheme, _, token = authorization.strip().partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise refusal("Send Authorization: Bearer <token>.", error="invalid_request")
        if len(token) > MAX_TOKEN_LENGTH:
            raise refusal(f"The token is longer than {MAX_TOKEN_LENGTH} characters.")
        if "," in token or " " in token:
            raise refusal("Send one Authorization header only.", error="invalid_request")
        digest = hashlib.sha256(token.encode(errors="surrogatepass")).digest()
        verified = self._remembered.find(digest)
        if verified is None or not await self._is_still_valid(verified):
            self._remembered.forget(digest)
            verified = await self._verify(token)
            if len(token) <= _LONGEST_REMEMBERED:
                self._remembered.keep(digest, verified)
        return verified.caller

    async def _is_still_valid(self, verified: _Verified) -> bool:
        """Whether the token has not expired, and its issuer still has the key that signed it.

        The keys are asked for as for a new token, so that they are fetched again in time.
        """
        if verified.expires <= self._now() - LEEWAY_SECONDS:
            return False
        header = verified.header
        keys = await self._keys[verified.issuer.url].find(header.key_id, header.algorithm)
        return any(key is verified.key for key in keys)

    async def _verify(self, token: str) -> _Verified:
        """Header and issuer say whose keys may have signed the token. Anybody could have written
        them, so until the signature is verified nothing else of the token is used."""
        if not token.isascii():  # base64url is; other characters would be skipped, and remembered
            raise _not_a_jwt()
        try:
            encoded, claims_encoded, _ = token.split(".")
        except ValueError:
            raise _not_a_jwt() from None
        header = _unverified_header(encoded)
        issuer = self._unverified_issuer(claims_encoded)
        key, claims = await _verified_claims(token, self._keys[issuer.url], issuer, header)
        return _Verified(issuer, header, key, _expiry(claims), caller_of(claims, issuer))

    def _unverified_issuer(self, encoded: str) -> Issuer:
        """The issuer that a token's claims name."""
        claims = _unverified_part(encoded)
        # A security event token, such as one for logout, has an `events` claim (RFC 8417).
        if "events" in claims:
            raise _other_purpose()
        url = claims.get("iss")
        issuer = self._issuers.get(url) if isinstance(url, str) else None
        if issuer is None:
            raise refusal("The token's issuer (iss) is not configured here, see AUTH_ISSUER.")
        return issuer


@lru_cache(_MOST_HEADERS)
def _unverified_header(encoded: str) -> _Header:
    header = _unverified_part(encoded)
    algorithm = header.get("alg")
    if algorithm not in ALGORITHMS:
        raise refusal("The token's signature algorithm is not accepted here.")
    token_type = header.get("typ", "JWT")
    if not isinstance(token_type, str) or token_type.lower() not in _TYPES:
        raise _other_purpose()
    key_id = header.get("kid")
    if not (key_id is None or (isinstance(key_id, str) and len(key_id) <= _MAX_KEY_ID_LENGTH)):
        raise refusal("The token's key id is malformed.")
    return _Header(key_id, algorithm)


def _unverified_part(encoded: str) -> dict[str, Any]:
    """Header or claims, read leniently: it is only asked whose keys may verify them.

    PyJWT reads the same parts strictly when it verifies the signature. It looks at each character,
    which takes longer than the signature itself, so that is not done twice.
    """
    try:
        part = read_json(base64url_decode(encoded))
    except (ValueError, RecursionError):
        part = None
    if not isinstance(part, dict):
        raise _not_a_jwt()
    return part


def _expiry(claims: Mapping[str, Any]) -> float:
    try:
        return float(claims["exp"])
    except OverflowError:
        raise refusal("The token's exp claim is no time.") from None


def _not_a_jwt() -> Unauthenticated:
    return refusal("The token is not a JWT.")


def _other_purpose() -> Unauthenticated:
    """A token for another purpose can have our audience too (RFC 8725 section 3.11)."""
    return refusal("The token is for another purpose; send an access token.")


async def _verified_claims(
    token: str, keys: KeySource, issuer: Issuer, header: _Header
) -> tuple[jwt.PyJWK, dict[str, Any]]:
    """The claims, and the key that signed them."""

    def decode(key: jwt.PyJWK) -> tuple[jwt.PyJWK, dict[str, Any]]:
        claims = jwt.decode(
            token,
            key,
            algorithms=[header.algorithm],
            audience=issuer.audiences,
            issuer=issuer.url,
            leeway=LEEWAY_SECONDS,
            options={
                # Without this a token that has no exp would be valid for ever.
                "require": ["exp", "iat", "iss", "aud"],
                "enforce_minimum_key_length": True,
            },
        )
        return key, claims

    try:
        decoded = await decode_with_any(token, keys, header.key_id, header.algorithm, decode)
    except jwt.ExpiredSignatureError:
        raise refusal("The token has expired; get a new one.") from None
    except jwt.InvalidAudienceError:
        raise refusal(
            "The token's audience (aud) is not this service, see AUTH_AUDIENCE."
        ) from None
    except jwt.MissingRequiredClaimError as error:
        raise refusal(f"The token has no {error.claim} claim.") from None
    except (jwt.ImmatureSignatureError, jwt.InvalidIssuedAtError):
        raise refusal("The token is not valid yet; compare the clocks.") from None
    except (jwt.PyJWTError, ValueError, TypeError):
        raise refusal("The token's signature or a claim is not valid.") from None
    if decoded is None:
        raise refusal("The token is signed with a key that its issuer does not have.")
    return decoded
