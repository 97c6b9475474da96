"""RSA keys that many tests share: making one takes up to a tenth of a second of CPU."""

from functools import cache

from cryptography.hazmat.primitives.asymmetric import rsa


@cache
def rsa_key(name: str) -> rsa.RSAPrivateKey:
    """The key of this name in this run; each name has another."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)
