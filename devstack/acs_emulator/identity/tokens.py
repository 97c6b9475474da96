"""User access tokens: signed like the real ones, and unlike the real ones possible to look into."""

import hashlib
import json
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from devstack.acs_emulator.identity.store import TokenRecord
from devstack.files import write_secret

ALGORITHM = "RS256"
KEY_BITS = 2048


@dataclass(frozen=True, kw_only=True)
class IssuedToken:
    """A new token.

    `expires_on` is in the service's format: seven fractional digits and the offset, such as
    `2023-06-28T07:30:12.7039383+00:00`.
    """

    token: str
    expires_on: str
    record: TokenRecord


class SigningKey:
    """The RSA key of the emulated service, made at first start and kept: a token stays good."""

    def __init__(self, file: Path) -> None:
        if not file.exists():
            _make_key(file)
        key = serialization.load_pem_private_key(file.read_bytes(), password=None)
        if not isinstance(key, rsa.RSAPrivateKey):
            raise TypeError(f"{file} holds no RSA key.")
        self._private = key
        self._public = key.public_key()
        der = self._public.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self.kid = hashlib.sha256(der).hexdigest()[:40].upper()  # looks like the real thumbprints

    def jwks(self) -> dict[str, Any]:
        key = json.loads(RSAAlgorithm.to_jwk(self._public))
        return {"keys": [{**key, "kid": self.kid, "use": "sig", "alg": ALGORITHM}]}

    def sign(self, claims: dict[str, Any]) -> str:
        return jwt.encode(claims, self._private, ALGORITHM, headers={"kid": self.kid})

    def claims_of(self, unverified_token: str) -> dict[str, Any] | None:
        """The claims of a token that this key signed and that has not expired, else None."""
        try:
            options: Any = {"require": ["exp", "jti"]}
            claims: dict[str, Any] = jwt.decode(
                unverified_token, self._public, algorithms=[ALGORITHM], options=options
            )
        except (jwt.PyJWTError, ValueError):  # ValueError: a lone surrogate
            return None
        return claims


class TokenMint:
    """Makes the tokens of one resource."""

    def __init__(self, key: SigningKey, resource_id: str) -> None:
        self._key = key
        self._resource_id = resource_id

    def issue(self, identity: str, scopes: list[str], minutes: int) -> IssuedToken:
        """A token for an identity of the resource, good for so many minutes from now."""
        return self._mint(identity, scopes, time.time_ns() + minutes * 60 * 10**9)

    def issue_until(self, identity: str, scopes: list[str], exp: int) -> IssuedToken:
        """A token that ends when another one does; `exp` in seconds since 1970."""
        return self._mint(identity, scopes, exp * 10**9)

    def _mint(self, identity: str, scopes: list[str], expires_ns: int) -> IssuedToken:
        # No `>`, `?` or `~` in any claim: they can put a `-` or `_` into the base64url payload, and
        # Microsoft's Python token credential decodes that with the standard alphabet.
        record = TokenRecord(
            jti=uuid.uuid4().hex,  # or two tokens of one second with equal claims would be equal
            identity=identity,
            iat=int(time.time()),
            exp=expires_ns // 10**9,
            scopes=",".join(scopes),
        )
        claims = {
            "skypeid": identity.removeprefix("8:"),
            "scp": 1792,
            "csi": str(record.iat),
            "exp": record.exp,
            "iat": record.iat,
            "rgn": "amer",
            "acsScope": record.scopes,
            "resourceId": self._resource_id,
            "resourceLocation": "unitedstates",
            "jti": record.jti,
        }
        return IssuedToken(
            token=self._key.sign(claims), expires_on=_as_dotnet_time(expires_ns), record=record
        )


def _as_dotnet_time(nanoseconds: int) -> str:
    seconds, rest = divmod(nanoseconds, 10**9)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{rest // 100:07}+00:00"


def _make_key(file: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    write_secret(file, pem.decode("ascii"))
