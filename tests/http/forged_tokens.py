"""Bearer tokens that look like an issuer's, and are not."""

import base64
import hmac
import json
from collections.abc import Callable
from datetime import timedelta

from joserfc.jwk import RSAKey

from devstack.issuer.tokens import issuer_key, mint
from tests.support.stack import Issuer


def part(content: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def unsigned(issuer: Issuer) -> str:
    _, body, _ = issuer.token("mallory").split(".")
    return f"{part({'alg': 'none', 'typ': 'JWT'})}.{body}."


def signed_with_the_public_key(issuer: Issuer) -> str:
    _, body, _ = issuer.token("mallory").split(".")
    public = issuer_key(issuer.key_file).as_pem(private=False)
    signed = f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{body}"
    mac = hmac.digest(public, signed.encode(), "sha256")
    return f"{signed}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def of_somebody_else(issuer: Issuer) -> str:
    head, _, signature = issuer.token("mallory").split(".")
    _, body, _ = issuer.token("alice").split(".")
    return f"{head}.{body}.{signature}"


def with_a_key_of_ones_own(issuer: Issuer) -> str:
    key = RSAKey.generate_key(2048, {"kid": "mine"})
    return mint(
        key,
        issuer=issuer.url,
        subject="mallory",
        audience=issuer.audience,
        lifetime=timedelta(hours=1),
    )


FORGED: dict[str, Callable[[Issuer], str]] = {
    "garbage": lambda _: "garbage",
    "oversized": lambda issuer: issuer.token("mallory", padding="x" * 16_384),
    "expired": lambda issuer: issuer.token("mallory", lifetime=timedelta(seconds=-61)),
    "no exp": lambda issuer: issuer.token("mallory", exp=None),
    "wrong issuer": lambda issuer: issuer.token("mallory", iss="https://evil.example"),
    "wrong audience": lambda issuer: issuer.token(
        "mallory", aud="https://communication.azure.com/"
    ),
    "alg none": unsigned,
    "HS256 with the public key": signed_with_the_public_key,
    "another person's claims under one's own signature": of_somebody_else,
    "a key of one's own": with_a_key_of_ones_own,
}
