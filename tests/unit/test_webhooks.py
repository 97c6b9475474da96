"""Who may tell us about calls: ACS, for our resource, now."""

import base64
import hmac
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from shared.problems import KeysUnavailable, NotConfigured, Unauthenticated
from shared.webhooks import Callbacks

ISSUER, RESOURCE = "https://acs.example", "acde0000-0000-4000-8000-000000007073"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PUBLIC = jwt.PyJWK(jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key(), as_dict=True))
DAY = 24 * 3600


class Keys:
    """One key, named so."""

    def __init__(self, *, reachable: bool = True) -> None:
        self._reachable = reachable

    async def find(self, key_id: str | None) -> jwt.PyJWK | None:
        if not self._reachable:
            raise KeysUnavailable
        return PUBLIC if key_id == "one" else None


def token(key: Any = KEY, *, alg: str = "RS256", kid: str | None = "one", **changed: object) -> str:
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": RESOURCE, "nbf": now - 60, "exp": now + DAY, **changed}
    claims = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(claims, key, algorithm=alg, headers={"kid": kid} if kid else None)


def callbacks(resource: str = RESOURCE, keys: Keys | None = None) -> Callbacks:
    return Callbacks(keys or Keys(), ISSUER, resource)


async def test_acs_is_believed() -> None:
    await callbacks().prove({"authorization": f"Bearer {token()}"})
    await callbacks().prove({"authorization": f"bearer {token(aud=[RESOURCE])}"})


FORGED = {
    "nothing": "",
    "another scheme": f"Basic {token()}",
    "no token": "Bearer ",
    "no JWT": "Bearer x.y.z",
    "too long": "Bearer " + "x" * 20_000,
    "another resource's": f"Bearer {token(aud='11111111-0000-4000-8000-000000000000')}",
    "for nobody": f"Bearer {token(aud=None)}",
    "another issuer's": f"Bearer {token(iss='https://evil.example')}",
    "no issuer's": f"Bearer {token(iss=None)}",
    "expired": f"Bearer {token(exp=int(time.time()) - 3600)}",
    "without an end": f"Bearer {token(exp=None)}",
    "of tomorrow": f"Bearer {token(nbf=int(time.time()) + DAY)}",
    "signed by another key": f"Bearer {token(OTHER)}",
    "of an unknown key": f"Bearer {token(kid='two')}",
    "of no key": f"Bearer {token(kid=None)}",
    "another algorithm": f"Bearer {token(alg='RS512')}",
    "unsigned": f"Bearer {jwt.encode({'iss': ISSUER, 'aud': RESOURCE}, '', algorithm='none')}",
    "spoiled": f"Bearer {token()[:-6]}AAAAAA",
}


@pytest.mark.parametrize("authorization", FORGED.values(), ids=FORGED.keys())
async def test_who_is_not_acs_is_refused(authorization: str) -> None:
    with pytest.raises(Unauthenticated):
        await callbacks().prove({"authorization": authorization})


async def test_a_symmetric_signature_with_the_public_key_is_refused() -> None:
    public = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    head = part({"alg": "HS256", "typ": "JWT", "kid": "one"})
    claims = part({"iss": ISSUER, "aud": RESOURCE, "exp": int(time.time()) + DAY})
    mac = hmac.digest(public, f"{head}.{claims}".encode(), "sha256")
    forged = f"{head}.{claims}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"

    with pytest.raises(Unauthenticated):
        await callbacks().prove({"authorization": f"Bearer {forged}"})


def part(content: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


async def test_what_nobody_can_judge_is_not_refused_for_good() -> None:
    with pytest.raises(KeysUnavailable):
        await callbacks(keys=Keys(reachable=False)).prove({"authorization": f"Bearer {token()}"})
    with pytest.raises(NotConfigured):
        await callbacks(resource="").prove({"authorization": f"Bearer {token()}"})
