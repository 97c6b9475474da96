"""The issuer's key, and bearer tokens that are signed with it.

A token that is minted here from the key file is as good as one from the login page: it has the same
key and the same claims.
"""

import json
import secrets
import time
from collections.abc import Sequence
from datetime import timedelta
from functools import cache
from pathlib import Path

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from devstack.files import write_secret

ALGORITHM = "RS256"

ACCESS_TOKEN_LIFETIME = timedelta(hours=1)


def issuer_key(path: Path) -> RSAKey:
    """The issuer's private key, made at the first call and kept in `path` (a JWK, mode 0600).

    Tokens stay valid as long as the file exists. The file has `kid`, `use` and `alg`, so that the
    JWKS has them too: many clients select keys by them.

    Raises:
        ValueError: there is no key in the file.
    """
    if not path.exists():
        key = RSAKey.generate_key(2048, {"use": "sig", "alg": ALGORITHM}, auto_kid=True)
        write_secret(path, json.dumps(key.as_dict(private=True)))
    try:
        return _key_in(path.read_text())
    except (JoseError, TypeError) as error:  # TypeError: null
        raise ValueError(f"{path} holds no RSA key") from error


@cache
def _key_in(text: str) -> RSAKey:
    """Looking whether a key is one takes as long as a dozen requests to an emulator."""
    return RSAKey.import_key(json.loads(text))


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
    """Make a signed JWT that is valid from now on.

    Args:
        lifetime: in whole seconds; with a negative one the token has expired already.
        name: the display name; left out if None.
        roles: app roles; left out if there are none, as Entra does.
        claims: any others, such as `scope` or `oid`. They replace those above, so that a test can
            forge any token.
    """
    now = int(time.time())
    content: dict[str, object] = {
        "iss": issuer,
        "sub": subject,
        "aud": audience,
        "iat": now,
        "exp": now + int(lifetime.total_seconds()),
        # Without it, two tokens of the same second with equal claims would be equal.
        "jti": secrets.token_urlsafe(12),
    }
    if name is not None:
        content["name"] = name
    if roles:
        content["roles"] = list(roles)
    header = {"alg": ALGORITHM, "kid": key.kid, "typ": "JWT"}
    return jwt.encode(header, content | claims, key, algorithms=[ALGORITHM])
