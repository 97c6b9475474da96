"""The tokens of the app's managed identity. `identity_endpoint` gives them to the app."""

import time
from datetime import timedelta

from joserfc.jwk import RSAKey

from devstack.issuer.audiences import (
    ACS_AUDIENCE,
    GRAPH_AUDIENCE,
    MEETINGS_READ_WRITE,
    STORAGE_AUDIENCE,
)
from devstack.issuer.tokens import mint
from devstack.well_known import MANAGED_IDENTITY_CLIENT_ID, MANAGED_IDENTITY_ID, TENANT_ID

PATH = "/msi/token"  # where the issuer serves `identity_endpoint`
# Azure's own managed identity tokens live as long.
LIFETIME = timedelta(hours=24)

# Azurite accepts tokens of Entra's v1 issuers only, and does not check their signatures.
ENTRA_ISSUER = f"https://sts.windows.net/{TENANT_ID}/"

# What an admin has granted the identity in Graph. Tokens for ACS and Storage have no roles.
GRAPH_ROLES = (MEETINGS_READ_WRITE,)


def managed_identity_token(
    key: RSAKey, *, issuer: str, resource: str, client_id: str = MANAGED_IDENTITY_CLIENT_ID
) -> str:
    """A token of the identity for a service that the stack emulates.

    Args:
        issuer: the stack's issuer, which signs the tokens for ACS and for Graph.
        resource: the service, with or without a slash at the end. It becomes the audience without
            any change, as with Entra.

    Raises:
        ValueError: the stack emulates no such service.
    """
    issuers = {
        ACS_AUDIENCE.rstrip("/"): issuer,
        GRAPH_AUDIENCE: issuer,
        STORAGE_AUDIENCE: ENTRA_ISSUER,
    }
    name = resource.removesuffix("/")
    known = issuers.get(name)
    if known is None:
        raise ValueError(f"the stack has no resource {resource!r}; it has {', '.join(issuers)}")
    return mint(
        key,
        issuer=known,
        subject=MANAGED_IDENTITY_ID,
        audience=resource,
        lifetime=LIFETIME,
        roles=GRAPH_ROLES if name == GRAPH_AUDIENCE else (),
        oid=MANAGED_IDENTITY_ID,
        appid=client_id,
        tid=TENANT_ID,
        idtyp="app",
        nbf=int(time.time()),  # Azurite requires it
    )
