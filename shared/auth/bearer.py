"""Who is calling? A bearer token of a configured issuer, or the platform's Easy Auth principal.

Every name that starts with `unverified` holds what anybody could have written.
"""

import base64
import binascii
import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

import jwt

from shared.auth.settings import Issuer
from shared.principals import MAX_ID_LENGTH, Caller, Kind, Principal, visible
from shared.problems import Unauthenticated

logger = logging.getLogger(__name__)

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
_CLIENT_CLAIMS = ("azp", "appid", "client_id", "cid")
_MAX_KEY_ID_LENGTH = 256
_MAX_NAME_LENGTH = 256

# Easy Auth renames some claims of an Entra token; these are the ones that matter here.
_EASY_AUTH_CLAIMS = {
    "http://schemas.microsoft.com/identity/claims/objectidentifier": "oid",
    "http://schemas.microsoft.com/identity/claims/tenantid": "tid",
    "http://schemas.microsoft.com/identity/claims/scope": "scp",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier": "sub",
    "http://schemas.microsoft.com/ws/2008/06/identity/claims/role": "roles",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name": "name",
}


class KeySource(Protocol):
    """The keys of one issuer; see `shared.auth.issuer_keys`."""

    async def find(self, key_id: str | None) -> jwt.PyJWK | None: ...


class Authenticator:
    """Turns the headers of a request into a Caller, or refuses."""

    def __init__(
        self, issuers: Mapping[str, Issuer], keys: Mapping[str, KeySource], *, easy_auth: bool
    ) -> None:
        """
        Args:
            issuers: by issuer URL.
            keys: by issuer URL, one for each issuer.
            easy_auth: the app setting *and* the platform say that principals can be trusted.
        """
        self._issuers = issuers
        self._keys = keys
        self._easy_auth = easy_auth

    async def authenticate(self, headers: Mapping[str, str]) -> Caller:
        """The caller.

        Raises:
            Unauthenticated: no valid proof; its challenge tells a developer what to mend.
            KeysUnavailable: the issuer's keys could not be had, so the token was not judged.
        """
        authorization = headers.get("authorization")
        encoded_principal = headers.get("x-ms-client-principal") if self._easy_auth else None
        if authorization is None and encoded_principal is None:
            raise _refusal("Send Authorization: Bearer <token>.", error="")
        callers = []
        if authorization is not None:
            callers.append(await self._bearer(authorization))
        if encoded_principal is not None:
            callers.append(self._platform_principal(encoded_principal))
        if len({caller.principal for caller in callers}) > 1:
            raise _refusal(
                "The bearer token and the platform's principal are two different people."
            )
        return callers[0]

    async def _bearer(self, authorization: str) -> Caller:
        scheme, _, token = authorization.strip().partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise _refusal("Send Authorization: Bearer <token>.", error="invalid_request")
        if len(token) > MAX_TOKEN_LENGTH:
            raise _refusal(f"The token is longer than {MAX_TOKEN_LENGTH} characters.")
        if "," in token or " " in token:
            raise _refusal("Send one Authorization header only.", error="invalid_request")
        issuer, key_id = self._unverified_issuer_and_key_id(token)
        key = await self._keys[issuer.url].find(key_id)
        if key is None:
            raise _refusal("The token is signed with a key that its issuer does not have.")
        return _caller(_verified_claims(token, key, issuer), issuer)

    def _unverified_issuer_and_key_id(self, token: str) -> tuple[Issuer, str | None]:
        """Which key to check the token with. Nothing of it is believed yet."""
        try:
            unverified = jwt.decode_complete(token, options={"verify_signature": False})
        except (jwt.PyJWTError, ValueError, RecursionError):
            raise _refusal("The token is not a JWT.") from None
        header, claims = unverified["header"], unverified["payload"]
        if header.get("alg") not in _ALGORITHMS:
            raise _refusal("The token's signature algorithm is not accepted here.")
        if not _is_for_access(header, claims):
            raise _refusal("The token is for another purpose; send an access token.")
        key_id = header.get("kid")
        if not (key_id is None or (isinstance(key_id, str) and len(key_id) <= _MAX_KEY_ID_LENGTH)):
            raise _refusal("The token's key id is malformed.")
        url = claims.get("iss")
        issuer = self._issuers.get(url) if isinstance(url, str) else None
        if issuer is None:
            raise _refusal("The token's issuer (iss) is not configured here, see AUTH_ISSUER.")
        return issuer, key_id

    def _platform_principal(self, encoded: str) -> Caller:
        try:
            principal = json.loads(base64.b64decode(encoded, validate=True))
            claims = _easy_auth_claims(principal["claims"])
        except (binascii.Error, ValueError, KeyError, TypeError, RecursionError):
            raise _refusal("The platform's principal is malformed.") from None
        url = claims.get("iss")
        issuer = self._issuers.get(url) if isinstance(url, str) else None
        if issuer is None or claims.get("aud") not in issuer.audiences:
            raise _refusal(
                "The platform's principal is of an issuer or audience not configured here."
            )
        return _caller(claims, issuer, from_platform=True)


def _is_for_access(header: Mapping[str, Any], claims: Mapping[str, Any]) -> bool:
    """RFC 8725 section 3.11: a token for another purpose may well have our audience too."""
    kind = header.get("typ", "JWT")
    return isinstance(kind, str) and kind.lower() in _TYPES and "events" not in claims


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
                # Without this a token that has no exp would be good for ever.
                "require": ["exp", "iat", "iss", "aud"],
                "enforce_minimum_key_length": True,
            },
        )
    except jwt.ExpiredSignatureError:
        raise _refusal("The token has expired; get a new one.") from None
    except jwt.InvalidAudienceError:
        raise _refusal(
            "The token's audience (aud) is not this service, see AUTH_AUDIENCE."
        ) from None
    except jwt.MissingRequiredClaimError as error:
        raise _refusal(f"The token has no {error.claim} claim.") from None
    except (jwt.ImmatureSignatureError, jwt.InvalidIssuedAtError):
        raise _refusal("The token is not valid yet; compare the clocks.") from None
    except (jwt.PyJWTError, ValueError, TypeError):
        raise _refusal("The token's signature or a claim is not valid.") from None


def _caller(claims: Mapping[str, Any], issuer: Issuer, *, from_platform: bool = False) -> Caller:
    if issuer.tenant and str(claims.get("tid", "")).lower() != issuer.tenant:
        raise _refusal("The token's tenant (tid) is not its issuer's.")
    user_id = claims.get(issuer.user_claim)
    if (
        not isinstance(user_id, str)
        or not 0 < len(user_id) <= MAX_ID_LENGTH
        or not _is_text(user_id)
    ):
        raise _refusal(
            f"The token's {issuer.user_claim} claim, see AUTH_USER_CLAIM, is not a text of"
            f" 1 to {MAX_ID_LENGTH} characters."
        )
    kind = _kind(claims, issuer, from_platform=from_platform)
    return Caller(
        principal=Principal(kind, issuer.realm, user_id),
        display_name=_display_name(claims.get(issuer.name_claim)),
        roles=_roles(claims, issuer.roles_claim),
        issued_at=_issued_at(claims),
        entra_object_id=str(claims.get("oid", "")) if issuer.tenant else None,
    )


def _kind(claims: Mapping[str, Any], issuer: Issuer, *, from_platform: bool) -> Kind:
    """Is this a person, or an app that signed in as itself?

    Being taken for a service gains nothing: it needs an app role for everything. There is no
    standard mark of one; those known are the providers' own.
    """
    if claims.get("idtyp") == "app":  # Entra and B2C, where the optional claim is switched on
        return Kind.SERVICE
    client = next((claims[name] for name in _CLIENT_CLAIMS if claims.get(name)), None)
    if issuer.tenant:
        if not claims.get("scp"):
            # An access token of a person has scopes, one of an app has none. An ID token has no
            # client either, and is meant for the client, not for us; Easy Auth has used it up.
            if client:
                return Kind.SERVICE
            if not from_platform:
                raise _refusal("This is an ID token; send an access token for this service.")
        return Kind.USER
    subject = str(claims.get("sub", ""))
    if (
        claims.get("gty") == "client-credentials"  # Auth0
        or subject.endswith("@clients")  # Auth0
        or (client and client == subject)  # RFC 9068 section 2.2, Okta
        or claims.keys() & {"clientHost", "clientAddress"}  # Keycloak
        or str(claims.get("preferred_username", "")).startswith("service-account-")  # Keycloak
    ):
        return Kind.SERVICE
    return Kind.USER


def _display_name(claim: object) -> str | None:
    """As friends are shown it: people can often choose their names themselves."""
    if not isinstance(claim, str):
        return None
    return visible(visible(claim)[:_MAX_NAME_LENGTH]) or None


def _roles(claims: Mapping[str, Any], path: str) -> frozenset[str]:
    """The roles at a claim, or at a dotted path such as Keycloak's `realm_access.roles`."""
    found: Any = claims.get(path)
    if found is None:  # not a claim of that very name (Auth0's are URLs, with dots)
        found = claims
        for part in path.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
    if isinstance(found, str):
        found = [found]
    if not isinstance(found, list):
        return frozenset()
    return frozenset(role for role in found if isinstance(role, str) and _is_text(role))


def _issued_at(claims: Mapping[str, Any]) -> datetime:
    try:
        return datetime.fromtimestamp(float(claims["iat"]), UTC)
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        raise _refusal("The token has no usable iat claim.") from None


def _easy_auth_claims(listed: list[dict[str, str]]) -> dict[str, Any]:
    """The principal's claims under their own names; roles, of which there may be many, listed."""
    claims: dict[str, Any] = {}
    for entry in listed:
        name, value = _EASY_AUTH_CLAIMS.get(entry["typ"], entry["typ"]), entry["val"]
        if name == "roles":
            claims.setdefault("roles", []).append(value)
        else:
            claims.setdefault(name, value)
    return claims


def _is_text(text: str) -> bool:
    """JSON can spell half a surrogate pair, which no UTF-8 can hold."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _refusal(description: str, *, error: str = "invalid_token") -> Unauthenticated:
    """A 401 with the challenge of RFC 6750: no error code where no token was sent."""
    logger.info("refused: %s", description)
    challenge = 'Bearer realm="api"'
    if error:
        quoted = description.replace("\\", "").replace('"', "'")
        challenge += f', error="{error}", error_description="{quoted}"'
    return Unauthenticated(description, www_authenticate=challenge)
