"""Bearer tokens: signed JWTs of a configured issuer, for this service, valid now.

A value whose name starts with `unverified` may have been written by anybody.
"""

from collections.abc import Mapping
from typing import Any

import jwt

from shared.auth.claims import caller_of, refusal
from shared.auth.issuer_keys import KeySource
from shared.auth.settings import Issuer
from shared.principals import Caller

MAX_TOKEN_LENGTH = 16 * 1024
_LEEWAY_SECONDS = 60
# Asymmetric only: with HS256 an issuer's public key would be a signing key. Never "none".
_ALGORITHMS = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
)
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
        issuer, key_id = self._unverified_issuer_and_key_id(token)
        key = await self._keys[issuer.url].find(key_id)
        if key is None:
            raise refusal("The token is signed with a key that its issuer does not have.")
        return caller_of(_verified_claims(token, key, issuer), issuer)

    def _unverified_issuer_and_key_id(self, token: str) -> tuple[Issuer, str | None]:
        """Says which key verifies the token's signature. Nothing else of it is used until then."""
        try:
            unverified = jwt.decode_complete(token, options={"verify_signature": False})
        except (jwt.PyJWTError, ValueError, RecursionError):
            raise refusal("The token is not a JWT.") from None
        header, claims = unverified["header"], unverified["payload"]
        if header.get("alg") not in _ALGORITHMS:
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
        return issuer, key_id


def _is_access_token(header: Mapping[str, Any], claims: Mapping[str, Any]) -> bool:
    """A token for another purpose can have our audience too (RFC 8725 section 3.11)."""
    token_type = header.get("typ", "JWT")
    # A security event token, such as one for logout, has an `events` claim (RFC 8417).
    return isinstance(token_type, str) and token_type.lower() in _TYPES and "events" not in claims


def _verified_claims(token: str, key: jwt.PyJWK, issuer: Issuer) -> dict[str, Any]:
    try:
        return jwt.decode(
            token,
            key,
            algorithms=_ALGORITHMS,
            audience=issuer.audiences,
            issuer=issuer.url,
            leeway=_LEEWAY_SECONDS,
            options={
                # Without this a token that has no exp would be valid for ever.
                "require": ["exp", "iat", "iss", "aud"],
                "enforce_minimum_key_length": True,
            },
        )
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
