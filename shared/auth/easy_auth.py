"""App Service authentication ("Easy Auth"): the platform signs the caller in and names them in a
header. It removes that header from what clients send, so that nobody can forge it."""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

from shared.auth.claims import caller_of, refusal
from shared.auth.settings import Issuer
from shared.principals import Caller

HEADER = "x-ms-client-principal"

# Easy Auth renames some claims of an Entra token; these are the ones that matter here.
_CLAIM_NAMES = {
    "http://schemas.microsoft.com/identity/claims/objectidentifier": "oid",
    "http://schemas.microsoft.com/identity/claims/tenantid": "tid",
    "http://schemas.microsoft.com/identity/claims/scope": "scp",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier": "sub",
    "http://schemas.microsoft.com/ws/2008/06/identity/claims/role": "roles",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name": "name",
}


def platform_caller(encoded: str, issuers: Mapping[str, Issuer]) -> Caller:
    """The caller that an X-MS-CLIENT-PRINCIPAL header names.

    Args:
        encoded: the header's value, JSON in base64.
        issuers: by issuer URL.

    Raises:
        Unauthenticated: it is malformed, or its issuer or audience is not configured here.
    """
    try:
        principal = json.loads(base64.b64decode(encoded, validate=True))
        claims = _claims(principal["claims"])
    except (binascii.Error, ValueError, KeyError, TypeError, RecursionError):
        raise refusal("The platform's principal is malformed.") from None
    url = claims.get("iss")
    issuer = issuers.get(url) if isinstance(url, str) else None
    if issuer is None or claims.get("aud") not in issuer.audiences:
        raise refusal("The platform's principal is of an issuer or audience not configured here.")
    return caller_of(claims, issuer, from_platform=True)


def _claims(entries: list[dict[str, str]]) -> dict[str, Any]:
    """The principal's claims under their OIDC names; roles are a list, as there may be many."""
    claims: dict[str, Any] = {}
    for entry in entries:
        name, value = _CLAIM_NAMES.get(entry["typ"], entry["typ"]), entry["val"]
        if name == "roles":
            claims.setdefault("roles", []).append(value)
        else:
            claims.setdefault(name, value)
    return claims
