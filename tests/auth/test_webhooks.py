"""Only ACS, for our resource and with a token that is valid now, may report events of calls."""

import base64
import hmac
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from shared.auth.webhooks import EVENT_GRID_APPS, KEY_HEADER, CallbackVerifier, EventGridVerifier
from shared.problems import IssuerMisconfigured, NotConfigured, Unauthenticated
from shared.unavailable import KeysUnavailable
from tests.support.rsa_keys import rsa_key

ISSUER, RESOURCE = "https://acs.example", "acde0000-0000-4000-8000-000000007073"
KEY = rsa_key("ours")
OTHER = rsa_key("another")
PUBLIC = jwt.PyJWK(jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key(), as_dict=True))
DAY = 24 * 3600


class Keys:
    """One key, named so."""

    def __init__(self, *, reachable: bool = True, misconfigured: bool = False) -> None:
        self._reachable = reachable
        self._misconfigured = misconfigured

    async def find(self, key_id: str | None, algorithm: str) -> list[jwt.PyJWK]:
        if not self._reachable:
            raise KeysUnavailable
        if self._misconfigured:
            raise IssuerMisconfigured("EVENT_GRID_TENANT", "no such document")
        return [PUBLIC] if key_id == "one" else []

    async def look_again(self, key_id: str | None) -> bool:
        return False


def token(key: Any = KEY, *, alg: str = "RS256", kid: str | None = "one", **changed: object) -> str:
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": RESOURCE, "nbf": now - 60, "exp": now + DAY, **changed}
    claims = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(claims, key, algorithm=alg, headers={"kid": kid} if kid else None)


def callbacks(resource: str = RESOURCE, keys: Keys | None = None) -> CallbackVerifier:
    return CallbackVerifier(keys or Keys(), ISSUER, resource)


async def test_acs_is_believed() -> None:
    await callbacks().verify({"authorization": f"Bearer {token()}"})
    await callbacks().verify({"authorization": f"bearer {token(aud=[RESOURCE])}"})


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
        await callbacks().verify({"authorization": authorization})


async def test_a_symmetric_signature_with_the_public_key_is_refused() -> None:
    public = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    head = part({"alg": "HS256", "typ": "JWT", "kid": "one"})
    claims = part({"iss": ISSUER, "aud": RESOURCE, "exp": int(time.time()) + DAY})
    mac = hmac.digest(public, f"{head}.{claims}".encode(), "sha256")
    forged = f"{head}.{claims}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"

    with pytest.raises(Unauthenticated):
        await callbacks().verify({"authorization": f"Bearer {forged}"})


def part(content: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


async def test_what_nobody_can_judge_is_not_refused_for_good() -> None:
    with pytest.raises(KeysUnavailable):
        await callbacks(keys=Keys(reachable=False)).verify({"authorization": f"Bearer {token()}"})
    with pytest.raises(NotConfigured):
        await callbacks(resource="").verify({"authorization": f"Bearer {token()}"})


TENANT, AUDIENCE = "11111111-2222-4333-8444-555555555555", "api://bots"
EVENT_GRID = "4962773b-9cdb-44cf-a8bf-237846a00ab7"
SECRET, NEXT_SECRET = "s" * 32, "n" * 32


def grid(*keys: str, tenant: str = "", reachable: bool = True) -> EventGridVerifier:
    return EventGridVerifier(keys, Keys(reachable=reachable), tenant, [AUDIENCE])


def entra_token(key: Any = KEY, **changed: Any) -> str:
    """What Event Grid sends, in the first version of Entra's tokens."""
    claims = {"iss": f"https://sts.windows.net/{TENANT}/", "aud": AUDIENCE, "appid": EVENT_GRID}
    return token(key, **{**claims, **changed})


async def test_event_grid_is_believed_with_any_of_its_keys() -> None:
    for key in (SECRET, NEXT_SECRET):
        await grid(SECRET, NEXT_SECRET).verify({KEY_HEADER: key})
        await grid(SECRET, NEXT_SECRET, tenant=TENANT).verify({KEY_HEADER: key})


@pytest.mark.parametrize(
    "given", ["", SECRET[:-1], SECRET + "s", f"{SECRET},{NEXT_SECRET}", SECRET.upper(), "\udce9"]
)
async def test_who_has_none_of_its_keys_is_refused(given: str) -> None:
    for headers in ({KEY_HEADER: given}, {"authorization": f"Bearer {given}"}, {}):
        with pytest.raises(Unauthenticated):
            await grid(SECRET, NEXT_SECRET).verify(headers)


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {
            "iss": f"https://login.microsoftonline.com/{TENANT}/v2.0",
            "appid": None,
            "azp": EVENT_GRID,
        },
        {"iss": f"https://login.microsoftonline.us/{TENANT}/v2.0", "appid": max(EVENT_GRID_APPS)},
    ],
)
async def test_event_grid_is_believed_with_entras_word_for_it(changed: dict[str, object]) -> None:
    headers = {"authorization": f"Bearer {entra_token(**changed)}"}

    await grid(tenant=TENANT).verify(headers)
    await grid(SECRET, tenant=TENANT).verify(headers)


NOT_EVENT_GRID: dict[str, dict[str, Any]] = {
    "another app of the tenant": {"appid": "11111111-0000-4000-8000-000000000000"},
    "no app": {"appid": None},
    "no app by the other claim": {"appid": None, "azp": [EVENT_GRID]},
    "an app that says it is": {"appid": "11111111-0000-4000-8000-000000000000", "azp": EVENT_GRID},
    "another tenant's": {"iss": "https://sts.windows.net/99999999-2222-4333-8444-555555555555/"},
    "another tenant's in a claim": {"iss": "https://evil.example/", "tid": TENANT},
    "another audience": {"aud": "api://other"},
    "no audience": {"aud": None},
    "expired": {"exp": int(time.time()) - 3600},
    "without an end": {"exp": None},
}


@pytest.mark.parametrize("changed", NOT_EVENT_GRID.values(), ids=NOT_EVENT_GRID.keys())
async def test_who_is_not_event_grid_is_refused(changed: dict[str, Any]) -> None:
    for verifier in (grid(tenant=TENANT), grid(SECRET, tenant=TENANT)):
        with pytest.raises(Unauthenticated):
            await verifier.verify({"authorization": f"Bearer {entra_token(**changed)}"})


async def test_forged_tokens_of_event_grid_are_refused() -> None:
    for forged in (entra_token(OTHER), entra_token(alg="RS512"), entra_token(kid="two"), "x.y.z"):
        with pytest.raises(Unauthenticated):
            await grid(tenant=TENANT).verify({"authorization": f"Bearer {forged}"})
    with pytest.raises(Unauthenticated):  # where no tenant is trusted, no token is looked at
        await grid(SECRET).verify({"authorization": f"Bearer {entra_token()}"})


async def test_without_a_setting_nobody_knows_who_event_grid_is() -> None:
    with pytest.raises(NotConfigured, match="EVENT_GRID_KEY"):
        await grid().verify({KEY_HEADER: SECRET})
    with pytest.raises(KeysUnavailable):
        await grid(tenant=TENANT, reachable=False).verify(
            {"authorization": f"Bearer {entra_token()}"}
        )


async def test_event_grid_comes_again_if_the_keys_of_entra_cannot_be_fetched() -> None:
    for keys in (Keys(reachable=False), Keys(misconfigured=True)):
        verifier = EventGridVerifier([], keys, TENANT, [AUDIENCE])
        with pytest.raises(KeysUnavailable):
            await verifier.verify({"authorization": f"Bearer {entra_token()}"})
