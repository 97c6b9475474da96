"""The RSA keys that sign tokens, made at the first start and kept, so that tokens stay valid."""

import hashlib
import json
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from devstack.files import write_secret

ALGORITHM = "RS256"
KEY_BITS = 2048


def _key_in(content: bytes) -> rsa.RSAPrivateKey | None:
    """The key as it is written there. Whether its numbers are those of an RSA key is not looked at:
    the file is ours, as none but its owner can read it, and the look takes more than half of the
    CPU of a start."""
    try:
        key = serialization.load_pem_private_key(
            content, password=None, unsafe_skip_rsa_key_validation=True
        )
    except (ValueError, TypeError):  # TypeError: it needs a password
        return None
    return key if isinstance(key, rsa.RSAPrivateKey) else None


class SigningKey:
    """A key that is kept in a PEM file, made if absent.

    Raises:
        OSError: the file cannot be used; the message says what to do.
    """

    def __init__(self, file: Path) -> None:
        if not file.exists():
            _make_key(file)
        key = _key_in(file.read_bytes())
        if key is None:
            raise OSError(f"{file} holds no RSA key: remove it, and the next start makes another")
        self._private = key
        self._public = key.public_key()
        der = self._public.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self.kid = hashlib.sha256(der).hexdigest()[:40].upper()  # looks like a real thumbprint

    def jwks(self) -> dict[str, Any]:
        key = json.loads(RSAAlgorithm.to_jwk(self._public))
        return {"keys": [{**key, "kid": self.kid, "use": "sig", "alg": ALGORITHM}]}

    def sign(self, claims: dict[str, Any]) -> str:
        return jwt.encode(claims, self._private, ALGORITHM, headers={"kid": self.kid})

    def claims_of(self, unverified_token: str) -> dict[str, Any] | None:
        """The claims of a token that this key signed and that has not expired; None for others."""
        try:
            options: Any = {"require": ["exp", "jti"]}
            claims: dict[str, Any] = jwt.decode(
                unverified_token, self._public, algorithms=[ALGORITHM], options=options
            )
        except (jwt.PyJWTError, ValueError):  # ValueError: a lone surrogate
            return None
        return claims


def _make_key(file: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    write_secret(file, pem.decode("ascii"))
