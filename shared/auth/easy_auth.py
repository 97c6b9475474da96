"""App Service authentication ("Easy Auth"): the platform signs the caller in and names them in a
header. It removes that header from what clients send, so that nobody can forge it."""

import base64
import binascii
import json
import time
from collections.abc import Mapping
from typing import Any

from shared.auth.claims import LEEWAY_SECONDS, caller_of, refusal
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
        values = _values(principal["claims"])
        expires_at = float(values.get("exp", ["inf"])[0])
    except (binascii.Error, ValueError, KeyError, TypeError, RecursionError, OverflowError):
        raise refusal("The platform's principal is malformed.") from None
    if not expires_at > time.time() - LEEWAY_SECONDS:  # also for NaN
        raise refusal("The platform's principal has expired; sign in again.")
    claims: dict[str, Any] = {name: found[0] for name, found in values.items()}
    issuer = issuers.get(claims.get("iss", ""))
    if issuer is None or claims.get("aud") not in issuer.audiences:
        raise refusal("The platform's principal is of an issuer or audience not configured here.")
    # Each role is a claim of its own here, whatever the claim is called; a proof of being a person
    # may be one of several values too.
    for name in (issuer.roles_claim, *(issuer.person_claim or ())[:1]):
        if len(values.get(name, ())) > 1:
            claims[name] = values[name]
    return caller_of(claims, issuer, from_platform=True)


def _values(entries: list[dict[str, str]]) -> dict[str, list[str]]:
    """All values of the principal's claims, under their OIDC names and as the platform names them,
    because a setting may have either."""
    values: dict[str, list[str]] = {}
    for entry in entries:
        given = entry["typ"]
        if not isinstance(entry["val"], str):
            raise TypeError(given)
        for name in {given, _CLAIM_NAMES.get(given, given)}:
            values.setdefault(name, []).append(entry["val"])
    return values
