"""Turns verified claims into a Caller, and makes the refusal of those that are not valid."""

import json
import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Any

from shared.auth.settings import Issuer
from shared.principals import MAX_ID_LENGTH, Caller, Kind, Principal
from shared.problems import Unauthenticated
from shared.texts import is_unicode, visible

logger = logging.getLogger(__name__)

# Seconds by which clocks may differ.
LEEWAY_SECONDS = 60
_CLIENT_CLAIMS = ("azp", "appid", "client_id", "cid")
# Texts of several values with blanks between (RFC 9068 section 2.2.3; Entra, AD FS).
_SCOPE_CLAIMS = frozenset({"scope", "scp"})
_MAX_NAME_LENGTH = 256
_MOST_ROLE_SETS = 32
_PATH_PART = r'"([^"]+)"|([^."]+)'


def caller_of(claims: Mapping[str, Any], issuer: Issuer, *, from_platform: bool = False) -> Caller:
    """The caller that verified claims describe.

    Args:
        from_platform: whether Easy Auth has verified them, and not this service.

    Raises:
        Unauthenticated: a claim that is needed is missing, malformed or not the issuer's.
    """
    if issuer.tenant and str(claims.get("tid", "")).lower() != issuer.tenant:
        raise refusal("The token's tenant (tid) is not its issuer's.")
    user_id = claims.get(issuer.user_claim)
    if (
        not isinstance(user_id, str)
        or not 0 < len(user_id) <= MAX_ID_LENGTH
        or not is_unicode(user_id)
    ):
        raise refusal(
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
    """Whether this is a person, or an app that signed in as itself.

    No standard claim marks an app; each provider has its own. A person gains nothing if they are
    taken for an app, because an app needs an app role for everything.
    """
    subject = str(claims.get("sub", ""))
    if (
        claims.get("idtyp") == "app"  # Entra and B2C, where the optional claim is switched on
        or claims.get("gty") == "client-credentials"  # Auth0
        or subject.endswith("@clients")  # Auth0
    ):
        return Kind.SERVICE
    client = next(filter(None, map(claims.get, _CLIENT_CLAIMS)), None)
    has_scopes = bool(claims.get("scp"))
    # Entra: a person's access token has scopes, an app's has a client and no scopes. An ID token
    # has neither: it is meant for the client, not for us. But Easy Auth is that client.
    if issuer.tenant and not (has_scopes or client or from_platform):
        raise refusal("This is an ID token; send an access token for this service.")
    if issuer.person_claim is not None:
        return Kind.USER if _has(claims, *issuer.person_claim) else Kind.SERVICE
    if issuer.tenant:
        return Kind.SERVICE if client and not has_scopes else Kind.USER
    if (
        (client and client == subject)  # RFC 9068 section 2.2, Okta
        or "clientHost" in claims  # Keycloak
        or "clientAddress" in claims
        or str(claims.get("preferred_username", "")).startswith("service-account-")  # Keycloak
    ):
        return Kind.SERVICE
    return Kind.USER


def _has(claims: Mapping[str, Any], name: str, value: str) -> bool:
    """Whether a claim has this value, perhaps beside others; if it is empty, any value will do."""
    found = claims.get(name)
    if not value:
        return bool(found)
    if name in _SCOPE_CLAIMS and isinstance(found, str):
        found = found.split()
    return value in map(_as_text, found if isinstance(found, list) else [found])


def _as_text(value: object) -> object:
    """A value as the setting spells it: `true`, 7."""
    return json.dumps(value) if isinstance(value, bool | int) else value


def _display_name(claim: object) -> str | None:
    """The name that friends may see. People can often choose it, so it is cleaned and shortened."""
    if not isinstance(claim, str):
        return None
    return visible(claim, _MAX_NAME_LENGTH) or None


def _roles(claims: Mapping[str, Any], path: str) -> frozenset[str]:
    """The roles in a claim, or at a dotted path such as Keycloak's `realm_access.roles`. A part of
    the path that has dots is in quotes: `resource_access."my.api".roles`."""
    found: Any = claims.get(path)
    if found is None:  # no claim has exactly that name; Auth0's names are URLs, which have dots
        found = claims
        for part in _parts(path):
            found = found.get(part) if isinstance(found, Mapping) else None
    if isinstance(found, str):
        found = [found]
    if not isinstance(found, list):
        found = []
    return _role_set(*(role for role in found if isinstance(role, str) and is_unicode(role)))


@lru_cache(_MOST_ROLE_SETS)
def _role_set(*roles: str) -> frozenset[str]:
    """The roles as a set, which all who have the same ones share: thousands of callers are
    remembered, most have no roles, and a set of their own would take 216 bytes of each."""
    return frozenset(roles)


@cache
def _parts(path: str) -> tuple[str, ...]:
    """The parts of a path of the settings."""
    return tuple(quoted or plain for quoted, plain in re.findall(_PATH_PART, path))


def _issued_at(claims: Mapping[str, Any]) -> datetime:
    try:
        return datetime.fromtimestamp(float(claims["iat"]), UTC)
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        raise refusal("The token has no usable iat claim.") from None


def refusal(description: str, *, error: str = "invalid_token") -> Unauthenticated:
    """A 401 with the challenge of RFC 6750; `error` is empty if the request has no token."""
    logger.info("refused: %s", description)
    challenge = 'Bearer realm="api"'
    if error:
        quoted = description.replace("\\", "").replace('"', "'")
        challenge += f', error="{error}", error_description="{quoted}"'
    return Unauthenticated(description, www_authenticate=challenge)
