"""Bearer tokens: signed JWTs of a configured issuer, for this service, valid now.

A value whose name starts with `unverified` may have been written by anybody.
"""

from collections.abc import Mapping
from typing import Any

import jwt

from shared.auth.claims import LEEWAY_SECONDS, caller_of, refusal
from shared.auth.issuer_keys import KeySource
from shared.auth.key_set import ALGORITHMS
from shared.auth.settings import Issuer
from shared.auth.signatures import decode_with_any
from shared.principals import Caller

MAX_TOKEN_LENGTH = 16 * 1024
_TYPES = frozenset({"jwt", "at+jwt", "application/at+jwt"})
_MAX_KEY_ID_LENGTH = 256


class BearerTokens:
    """Verifies bearer tokens of the configured issuers."""

    def __init__(self, issuers: Mapping[str, Issuer], keys: Mapping[str, KeySource]) -> None:
        """
        Args:
            issuers: by issuer URL.
            keys: by issuer URL, one for each issuer.
        """
        self._issuers = issuers
        self._keys = keys

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
        issuer, key_id, algorithm = self._unverified_header(token)
        claims = await _verified_claims(token, self._keys[issuer.url], key_id, algorithm, issuer)
        return caller_of(claims, issuer)

    def _unverified_header(self, token: str) -> tuple[Issuer, str | None, str]:
        """Issuer, key id and algorithm: what says which keys may verify the token's signature.
        Nothing else of it is used until then."""
        try:
            unverified = jwt.decode_complete(token, options={"verify_signature": False})
        except (jwt.PyJWTError, ValueError, RecursionError):
            raise refusal("The token is not a JWT.") from None
        header, claims = unverified["header"], unverified["payload"]
        algorithm = header.get("alg")
        if algorithm not in ALGORITHMS:
            raise refusal("The token's signature algorithm is not accepted here.")
        if not _is_access_token(header, claims):
            raise refusal("The token is for another purpose; send an access token.")
        key_id = header.get("kid")
        if not (key_id is None or (isinstance(key_id, str) and len(key_id) <= _MAX_KEY_ID_LENGTH)):
            raise refusal("The token's key id is malformed.")
        url = claims.get("iss")
        issuer = self._issuers.get(url) if isinstance(url, str) else None
        if issuer is None:
            raise refusal("The token's issuer (iss) is not configured here, see AUTH_ISSUER.")
        return issuer, key_id, algorithm


def _is_access_token(header: Mapping[str, Any], claims: Mapping[str, Any]) -> bool:
    """A token for another purpose can have our audience too (RFC 8725 section 3.11)."""
    token_type = header.get("typ", "JWT")
    # A security event token, such as one for logout, has an `events` claim (RFC 8417).
    return isinstance(token_type, str) and token_type.lower() in _TYPES and "events" not in claims


async def _verified_claims(
    token: str, keys: KeySource, key_id: str | None, algorithm: str, issuer: Issuer
) -> dict[str, Any]:
    def decode(key: jwt.PyJWK) -> dict[str, Any]:
        return jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            audience=issuer.audiences,
            issuer=issuer.url,
            leeway=LEEWAY_SECONDS,
            options={
                # Without this a token that has no exp would be valid for ever.
                "require": ["exp", "iat", "iss", "aud"],
                "enforce_minimum_key_length": True,
            },
        )

    try:
        claims = await decode_with_any(token, keys, key_id, algorithm, decode)
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
    if claims is None:
        raise refusal("The token is signed with a key that its issuer does not have.")
    return claims
