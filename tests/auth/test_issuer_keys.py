"""An issuer's keys: fetched over real HTTP, kept through outages, refetched with restraint."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from shared.auth.issuer_keys import IssuerKeys
from shared.auth.signatures import decode_with_any
from shared.problems import IssuerMisconfigured, KeysUnavailable

HOUR = 3600.0
SHORT = dict(
    jwt.algorithms.RSAAlgorithm.to_jwk(
        rsa.generate_private_key(public_exponent=65537, key_size=1024).public_key(), as_dict=True
    )
)
PUBLIC, OTHER = (
    dict(
        jwt.algorithms.RSAAlgorithm.to_jwk(
            rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key(),
            as_dict=True,
        )
    )
    for _ in range(2)
)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Provider:
    """An OIDC provider whose documents the test may change while it runs."""

    def __init__(self) -> None:
        self.url = ""
        self.keys: list[dict[str, Any]] = [{**PUBLIC, "kid": "one"}]
        self.metadata: dict[str, Any] = {}
        self.status = 200
        self.headers: dict[str, str] = {}
        self.padding = ""
        self.raw = b""
        self.key_requests = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def _metadata(self, _: web.Request) -> web.Response:
        document = {"issuer": self.url, "jwks_uri": f"{self.url}/keys", **self.metadata}
        return web.json_response(document, status=self.status)

    async def _keys(self, _: web.Request) -> web.Response:
        self.key_requests += 1
        await self.gate.wait()
        if self.raw:
            return web.Response(body=self.raw, content_type="application/json")
        document = {"keys": self.keys, "padding": self.padding}
        return web.json_response(document, status=self.status, headers=self.headers)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Provider"]:
        app = web.Application()
        app.router.add_get("/.well-known/openid-configuration", self._metadata)
        app.router.add_get("/keys", self._keys)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            self.gate.set()
            await runner.cleanup()


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    async with Provider().running() as provider:
        yield provider


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def keys(provider: Provider, clock: Clock) -> AsyncIterator[IssuerKeys]:
    async with aiohttp.ClientSession() as session:
        yield IssuerKeys(provider.url, session, clock)


async def find(keys: IssuerKeys, key_id: str | None, algorithm: str = "RS256") -> jwt.PyJWK | None:
    """The best key that may have signed a token."""
    found = await keys.find(key_id, algorithm)
    return found[0] if found else None


async def until(condition: Any) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


async def test_a_key_is_fetched_once_and_kept(keys: IssuerKeys, provider: Provider) -> None:
    found = await asyncio.gather(*(find(keys, "one") for _ in range(50)))

    assert all(key is not None for key in found)
    assert provider.key_requests == 1


async def test_a_token_without_a_key_id_may_be_signed_by_any_key(
    keys: IssuerKeys, provider: Provider, clock: Clock
) -> None:
    provider.keys.append({**OTHER, "kid": "two"})

    assert len(await keys.find(None, "RS256")) == 2


async def test_a_hundred_unknown_key_ids_at_once_cause_one_request(
    keys: IssuerKeys, provider: Provider, clock: Clock
) -> None:
    found = await asyncio.gather(*(find(keys, f"unknown-{n}") for n in range(100)))
    assert set(found) == {None}
    assert provider.key_requests == 1

    clock.now += 61
    await asyncio.gather(*(find(keys, f"unknown-{n}") for n in range(100)))
    assert provider.key_requests == 2


async def test_four_hundred_unknown_key_ids_one_after_the_other_cause_few_requests(
    keys: IssuerKeys, provider: Provider, clock: Clock
) -> None:
    """Those that could not be looked for are not judged; the others are not there."""
    judged, unjudged = 0, list[float | None]()
    for n in range(400):
        clock.now += 0.01
        try:
            assert await find(keys, f"unknown-{n}") is None
            judged += 1
        except KeysUnavailable as unavailable:
            unjudged.append(unavailable.retry_after)

    assert (judged, len(unjudged), provider.key_requests) == (5, 395, 5)
    assert all(wait is not None and 0 < wait <= 20 for wait in unjudged)
    assert await find(keys, "one") is not None  # nobody with a known key waits for them


async def test_an_id_that_was_looked_for_just_now_is_absent_without_a_request(
    keys: IssuerKeys, provider: Provider, clock: Clock
) -> None:
    await find(keys, "one")
    for _ in range(20):
        assert await find(keys, "forged") is None
    assert provider.key_requests == 2

    clock.now += 6
    provider.keys.append({**OTHER, "kid": "forged"})
    assert await find(keys, "forged") is not None


async def test_a_new_key_is_found_by_all_who_come_at_once_right_after_a_fetch(
    keys: IssuerKeys, provider: Provider
) -> None:
    await find(keys, "one")
    provider.keys = [{**OTHER, "kid": "two"}]

    found = await asyncio.gather(*(find(keys, "two") for _ in range(20)))

    assert all(key is not None for key in found)
    assert provider.key_requests == 2


async def test_a_new_key_is_found_while_the_keys_are_refreshed_in_the_background(
    keys: IssuerKeys, provider: Provider, clock: Clock
) -> None:
    await find(keys, "one")
    clock.now += HOUR + 1
    provider.keys.append({**OTHER, "kid": "two"})
    provider.gate.clear()
    assert await find(keys, "one") is not None  # begins the refresh, and does not wait for it
    asking = [asyncio.ensure_future(find(keys, "two")) for _ in range(20)]
    await until(lambda: provider.key_requests == 2)
    provider.gate.set()

    assert all(key is not None for key in await asyncio.gather(*asking))
    assert provider.key_requests == 2


async def test_a_rotated_key_is_found(keys: IssuerKeys, provider: Provider, clock: Clock) -> None:
    await find(keys, "one")
    provider.keys = [{**PUBLIC, "kid": "two"}]
    clock.now += 61

    assert await find(keys, "two") is not None
    assert await find(keys, "one") is None


async def test_old_keys_are_refreshed_behind_the_request(
    keys: IssuerKeys, provider: Provider, clock: Clock
) -> None:
    await find(keys, "one")
    provider.gate.clear()
    clock.now += HOUR + 1

    assert await find(keys, "one") is not None  # does not wait for the gate
    await until(lambda: provider.key_requests == 2)


async def test_a_smaller_cache_control_is_honoured(
    keys: IssuerKeys, provider: Provider, clock: Clock
) -> None:
    provider.headers = {"Cache-Control": "public, max-age=600"}
    await find(keys, "one")
    clock.now += 601
    await find(keys, "one")

    await until(lambda: provider.key_requests == 2)


async def test_known_keys_outlive_a_day_of_outage_and_no_more(
    keys: IssuerKeys, provider: Provider, clock: Clock
) -> None:
    await find(keys, "one")
    provider.status = 500
    clock.now += 23 * HOUR
    assert await find(keys, "one") is not None

    clock.now += 2 * HOUR
    with pytest.raises(KeysUnavailable):
        await find(keys, "one")


async def test_an_unknown_key_during_an_outage_is_not_judged(
    keys: IssuerKeys, provider: Provider, clock: Clock
) -> None:
    await find(keys, "one")
    provider.status = 500
    clock.now += 61

    for _ in range(3):  # also while the failure is fresh and nobody asks again
        with pytest.raises(KeysUnavailable):
            await find(keys, "perhaps rotated")


async def test_a_failed_fetch_is_tried_again_after_five_seconds(
    keys: IssuerKeys, provider: Provider, clock: Clock
) -> None:
    provider.status = 500
    for _ in range(10):
        with pytest.raises(KeysUnavailable) as caught:
            await find(keys, "one")
        assert caught.value.retry_after is not None
        assert 0 < caught.value.retry_after <= 5

    provider.status = 200
    with pytest.raises(KeysUnavailable):
        await find(keys, "one")
    clock.now += 5
    assert await find(keys, "one") is not None


@pytest.mark.parametrize(
    ("change", "value"),
    [
        ("metadata", {"jwks_uri": "http://evil.example/keys"}),
        ("metadata", {"jwks_uri": None}),
        ("status", 302),
        ("keys", None),
        ("padding", "x" * 300_000),
        ("raw", b"[" * 100_000),
    ],
)
async def test_what_is_not_the_issuers_own_document_is_not_believed(
    keys: IssuerKeys, provider: Provider, change: str, value: Any
) -> None:
    setattr(provider, change, value)

    for _ in range(5):
        with pytest.raises(KeysUnavailable):
            await find(keys, "one")
    assert provider.key_requests <= 1  # and the issuer is left in peace


@pytest.mark.parametrize(
    ("change", "value", "remedy"),
    [
        ("metadata", {"issuer": "https://evil.example"}, "names another issuer"),
        ("status", 404, "there is no document"),
        ("status", 410, "there is no document"),
    ],
)
async def test_a_document_that_is_not_there_or_anothers_is_a_wrong_setting(
    keys: IssuerKeys, provider: Provider, change: str, value: Any, remedy: str
) -> None:
    setattr(provider, change, value)

    for _ in range(3):
        with pytest.raises(IssuerMisconfigured) as caught:
            await find(keys, "one")
        assert caught.value.detail == "Wrong or missing settings: AUTH_ISSUER."
        assert remedy in caught.value.remedy
    assert provider.key_requests == 0


async def test_an_issuer_that_was_right_before_is_out_of_order_and_not_another(
    keys: IssuerKeys, provider: Provider, clock: Clock
) -> None:
    await find(keys, "one")
    provider.status = 404
    clock.now += 61

    with pytest.raises(KeysUnavailable):
        await find(keys, "perhaps rotated")


async def test_documents_may_lie_elsewhere_than_below_the_issuer(provider: Provider) -> None:
    """As those of AD FS, whose access tokens name what cannot be fetched; and of Azure AD B2C."""
    name = "http://adfs.example/adfs/services/trust"
    metadata_url = f"{provider.url}/.well-known/openid-configuration"
    provider.metadata = {"access_token_issuer": name}
    async with aiohttp.ClientSession() as session:
        by_metadata = IssuerKeys(name, session, metadata_url=metadata_url)
        by_keys = IssuerKeys(name, session, keys_url=f"{provider.url}/keys")

        assert await find(by_metadata, "one") is not None
        assert await find(by_keys, "one") is not None


async def test_only_public_signing_keys_are_taken(
    keys: IssuerKeys, provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    private = jwt.algorithms.RSAAlgorithm.to_jwk(
        rsa.generate_private_key(public_exponent=65537, key_size=2048), as_dict=True
    )
    provider.keys = [
        {"kty": "oct", "k": "c2VjcmV0", "kid": "symmetric"},
        {**private, "kid": "private"},
        {**PUBLIC, "kid": "encryption", "use": "enc"},
        {**PUBLIC, "kid": "wrapping", "key_ops": ["wrapKey"]},
        {"kty": "XYZ", "kid": "unheard of"},
        {"kty": "OKP", "crv": "Ed25519", "alg": [], "kid": "odd too"},
        {**SHORT, "kid": "short"},
        {"kty": "EC", "crv": "secp256k1", "kid": "another curve"},
        {**PUBLIC, "kid": "odd", "alg": ["RS256"]},
        {**PUBLIC, "kid": "hollow", "n": ""},
        {**PUBLIC, "kid": ["listed"]},
        "no key",  # type: ignore[list-item]
        {**PUBLIC, "kid": "good", "use": "sig", "key_ops": ["verify"]},
        {**OTHER, "kid": None, "use": None, "key_ops": None, "alg": None},
    ]

    assert len(await keys.find(None, "RS256")) == 2
    assert await find(keys, "good") is not None
    left_out = [
        record.message.partition(", ")[2] for record in caplog.records if "left" in record.message
    ]
    assert sorted(left_out) == [
        "broken: 3",
        "of an unknown type: 4",
        "private: 2",
        "too short: 1",
    ]


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"])
async def test_an_rsa_key_without_alg_verifies_what_its_type_can(
    keys: IssuerKeys, algorithm: str
) -> None:
    key = await find(keys, "one", algorithm)

    assert key is not None
    assert key.algorithm_name == algorithm


async def test_a_keys_alg_and_curve_say_what_it_verifies(
    keys: IssuerKeys, provider: Provider
) -> None:
    curve = jwt.algorithms.ECAlgorithm.to_jwk(
        ec.generate_private_key(ec.SECP384R1()).public_key(), as_dict=True
    )
    provider.keys = [{**PUBLIC, "kid": "rsa", "alg": "PS256"}, {**curve, "kid": "ec"}]

    assert await find(keys, "rsa", "PS256") is not None
    assert await find(keys, "ec", "ES384") is not None
    for key_id, algorithm in (("rsa", "RS256"), ("ec", "ES256"), ("ec", "RS256")):
        assert await find(keys, key_id, algorithm) is None


@pytest.mark.parametrize("named", [None, "EdDSA", "Ed25519"])
@pytest.mark.parametrize("algorithm", ["EdDSA", "Ed25519"])
async def test_an_ed25519_key_verifies_under_both_of_its_names(
    keys: IssuerKeys, provider: Provider, named: str | None, algorithm: str
) -> None:
    signer = ed25519.Ed25519PrivateKey.generate()
    public = jwt.algorithms.OKPAlgorithm.to_jwk(signer.public_key(), as_dict=True)
    provider.keys = [{**public, "kid": "ed", **({} if named is None else {"alg": named})}]
    registered = jwt.PyJWS()
    if algorithm not in registered.get_algorithms():
        registered.register_algorithm(algorithm, jwt.algorithms.OKPAlgorithm())
    token = registered.encode(b"{}", signer, algorithm, {"kid": "ed"})

    key = await find(keys, "ed", algorithm)

    assert key is not None
    assert jwt.PyJWS().decode(token, key, algorithms=[algorithm]) == b"{}"


async def test_keys_without_an_id_and_keys_that_share_one_are_all_tried(
    keys: IssuerKeys, provider: Provider
) -> None:
    provider.keys = [PUBLIC, OTHER, {**PUBLIC, "kid": "same"}, {**OTHER, "kid": "same"}]

    assert len(await keys.find("same", "RS256")) == 2
    assert len(await keys.find(None, "RS256")) == 4
    assert len(await keys.find("an id that the issuer does not give", "RS256")) == 2


async def test_a_token_without_a_key_id_is_tried_with_new_keys_too(
    keys: IssuerKeys, provider: Provider
) -> None:
    signer = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    new = jwt.algorithms.RSAAlgorithm.to_jwk(signer.public_key(), as_dict=True)
    token = jwt.encode({"sub": "alice"}, signer, "RS256")
    await find(keys, "one")
    provider.keys.append(dict(new))

    def decode(key: jwt.PyJWK) -> dict[str, Any]:
        return jwt.decode(token, key, algorithms=["RS256"])

    assert await decode_with_any(token, keys, None, "RS256", decode) == {"sub": "alice"}
    assert provider.key_requests == 2


async def test_a_token_whose_id_no_key_bears_is_tried_with_new_keys_too(
    keys: IssuerKeys, provider: Provider
) -> None:
    """The keys without an id may have signed it; if they have not, it may name a new key."""
    signer = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    new = jwt.algorithms.RSAAlgorithm.to_jwk(signer.public_key(), as_dict=True)
    token = jwt.encode({"sub": "alice"}, signer, "RS256", {"kid": "new"})
    provider.keys = [OTHER]
    await find(keys, None)
    provider.keys.append({**new, "kid": "new"})

    def decode(key: jwt.PyJWK) -> dict[str, Any]:
        return jwt.decode(token, key, algorithms=["RS256"])

    assert await decode_with_any(token, keys, "new", "RS256", decode) == {"sub": "alice"}


async def test_a_key_set_without_a_usable_key_leaves_the_good_ones(
    keys: IssuerKeys, provider: Provider, clock: Clock
) -> None:
    await find(keys, "one")
    provider.keys = [{**PUBLIC, "kid": "encryption", "use": "enc"}]
    clock.now += HOUR + 1

    assert await find(keys, "one") is not None
    await until(lambda: provider.key_requests == 2)
    assert await find(keys, "one") is not None
    with pytest.raises(KeysUnavailable):
        await find(keys, "two")


async def test_forged_tokens_without_a_key_id_cause_one_request(
    keys: IssuerKeys, provider: Provider
) -> None:
    forged = jwt.encode({}, rsa.generate_private_key(public_exponent=65537, key_size=2048), "RS256")
    await find(keys, "one")

    for _ in range(20):
        with pytest.raises(jwt.InvalidSignatureError):
            await decode_with_any(
                forged,
                keys,
                None,
                "RS256",
                lambda key: jwt.decode(forged, key, algorithms=["RS256"]),
            )
    assert provider.key_requests == 2


async def test_an_issuer_that_is_not_there_is_an_outage() -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(KeysUnavailable):
            await IssuerKeys("http://127.0.0.1:9", session).find("one", "RS256")
