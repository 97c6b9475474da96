"""The issuer's key, and bearer tokens signed with it.

A token minted here from the key file is as good as one from the login page: same key, same claims.
"""

import json
import secrets
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from devstack.files import write_secret

ALGORITHM = "RS256"

# Who the app is, to a client that asks for a token: the app's AUTH_AUDIENCE.
API_AUDIENCE = "api://trusted-service"

# Who ACS is, to a managed identity that asks for a token.
ACS_AUDIENCE = "https://communication.azure.com/"

# Who Microsoft Graph is.
GRAPH_AUDIENCE = "https://graph.microsoft.com"

ACCESS_TOKEN_LIFETIME = timedelta(hours=1)


def issuer_key(path: Path) -> RSAKey:
    """The issuer's private key, made at the first call and kept in `path` (a JWK, mode 0600).

    Tokens stay valid for as long as the file stays. The file says `kid`, `use` and `alg`, so that
    the JWKS does; clients that select keys by them are many.

    Raises:
        ValueError: the file holds no key.
    """
    if not path.exists():
        key = RSAKey.generate_key(2048, {"use": "sig", "alg": ALGORITHM}, auto_kid=True)
        write_secret(path, json.dumps(key.as_dict(private=True)))
    try:
        return RSAKey.import_key(json.loads(path.read_text()))
    except JoseError as error:
        raise ValueError(f"{path} holds no RSA key") from error


def mint(
    key: RSAKey,
    *,
    issuer: str,
    subject: str,
    audience: str,
    lifetime: timedelta,
    name: str | None = None,
    roles: Sequence[str] = (),
    **claims: object,
) -> str:
    """A signed JWT, valid from now on.

    Args:
        lifetime: to the second; a negative one gives a token that has expired.
        name: the display name; left out if None.
        roles: app roles; left out if there are none, as Entra does.
        claims: any others, such as `scope` or `oid`. They win over the ones above, so that a test
            can forge what it likes.
    """
    now = int(time.time())
    content: dict[str, object] = {
        "iss": issuer,
        "sub": subject,
        "aud": audience,
        "iat": now,
        "exp": now + int(lifetime.total_seconds()),
        # Two tokens with equal claims of the same second would be the same token.
        "jti": secrets.token_urlsafe(12),
    }
    if name is not None:
        content["name"] = name
    if roles:
        content["roles"] = list(roles)
    header = {"alg": ALGORITHM, "kid": key.kid, "typ": "JWT"}
    return jwt.encode(header, content | claims, key, algorithms=[ALGORITHM])
