"""Issuers, their tokens, and the callers who are admitted with one."""

import time
from collections.abc import Mapping
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from shared.auth.authenticator import Authenticator
from shared.auth.key_set import read_key_set
from shared.auth.settings import Issuer
from shared.principals import Caller
from shared.problems import Unauthenticated
from tests.support.rsa_keys import rsa_key

TENANT = "11111111-2222-3333-4444-555555555555"
V2 = f"https://login.microsoftonline.com/{TENANT}/v2.0"
V1 = f"https://sts.windows.net/{TENANT}/"
PLAIN = "https://issuer.example"
KEY = rsa_key("ours")
PUBLIC_PEM = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def issuer(
    url: str,
    audience: str,
    tenant: str | None = None,
    person_claim: tuple[str, str] | None = None,
    **claims: str,
) -> Issuer:
    names = {"user_claim": "oid" if tenant else "sub", "name_claim": "name", "roles_claim": "roles"}
    names |= claims
    return Issuer(url, (audience,), tenant=tenant, person_claim=person_claim, **names)


ISSUERS = {
    known.url: known
    for known in (
        issuer(PLAIN, "api://plain"),
        issuer(V2, "api://v2", TENANT),
        issuer(V1, "api://v1", TENANT),
    )
}


class OneKey:
    """An issuer with one RS256 key named `k`; counts the requests for each document."""

    async def find(self, key_id: str | None, algorithm: str) -> list[jwt.PyJWK]:
        public = jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key(), as_dict=True)
        return read_key_set({"keys": [{**public, "kid": "k"}]}).candidates(key_id, algorithm)

    async def look_again(self, key_id: str | None) -> bool:
        return False


def authenticator(*issuers: Issuer, easy_auth: bool = False) -> Authenticator:
    known = {each.url: each for each in issuers} or ISSUERS
    return Authenticator(known, dict.fromkeys(known, OneKey()), easy_auth=easy_auth)


def claims(**changes: object) -> dict[str, object]:
    """Claims of a good token of the plain issuer; None removes one."""
    now = int(time.time())
    # For longer than all tests take: some tokens are made when they are collected.
    ends = now + 24 * 3600
    good = {"iss": PLAIN, "aud": "api://plain", "sub": "alice", "iat": now, "exp": ends}
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def signed(content: Mapping[str, object], *, kid: str | None = "k", alg: str = "RS256") -> str:
    headers = {} if kid is None else {"kid": kid}
    return jwt.encode(dict(content), KEY, algorithm=alg, headers=headers)


def entra(**changes: object) -> dict[str, object]:
    token = {"iss": V2, "aud": "api://v2", "tid": TENANT, "oid": "o-1", "scp": "access", "azp": "c"}
    return claims(**{**token, **changes})


async def admit(content: Mapping[str, object], **options: Any) -> Caller:
    return await authenticator().authenticate(
        {"authorization": f"Bearer {signed(content, **options)}"}
    )


async def refusal(authorization: str | None, auth: Authenticator | None = None) -> Unauthenticated:
    headers = {} if authorization is None else {"authorization": authorization}
    with pytest.raises(Unauthenticated) as caught:
        await (auth or authenticator()).authenticate(headers)
    return caught.value
