"""An issuer's keys: fetched over real HTTP, kept through outages, refetched with restraint."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa

from shared.auth.issuer_keys import IssuerKeys
from shared.problems import KeysUnavailable

HOUR = 3600.0
PUBLIC = jwt.algorithms.RSAAlgorithm.to_jwk(
    rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key(), as_dict=True
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


async def until(condition: Any) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


async def test_a_key_is_fetched_once_and_kept(keys: IssuerKeys, provider: Provider) -> None:
    found = await asyncio.gather(*(keys.find("one") for _ in range(50)))

    assert all(key is not None for key in found)
    assert provider.key_requests == 1


async def test_a_token_without_a_key_id_gets_the_only_key(
    keys: IssuerKeys, provider: Provider, clock: Clock
) -> None:
    assert await keys.find(None) is not None

    provider.keys.append({**PUBLIC, "kid": "two"})
    clock.now += HOUR
    await keys.find("two")
    assert await keys.find(None) is None


async def test_a_hundred_unknown_key_ids_cause_one_request(
    keys: IssuerKeys, provider: Provider, clock: Clock
) -> None:
    found = await asyncio.gather(*(keys.find(f"unknown-{n}") for n in range(100)))
    assert set(found) == {None}
    assert provider.key_requests == 1

    clock.now += 61
    await asyncio.gather(*(keys.find(f"unknown-{n}") for n in range(100)))
    assert provider.key_requests == 2


async def test_a_rotated_key_is_found(keys: IssuerKeys, provider: Provider, clock: Clock) -> None:
    await keys.find("one")
    provider.keys = [{**PUBLIC, "kid": "two"}]
    clock.now += 61

    assert await keys.find("two") is not None
    assert await keys.find("one") is None


async def test_old_keys_are_refreshed_behind_the_request(
    keys: IssuerKeys, provider: Provider, clock: Clock
) -> None:
    await keys.find("one")
    provider.gate.clear()
    clock.now += HOUR + 1

    assert await keys.find("one") is not None  # does not wait for the gate
    await until(lambda: provider.key_requests == 2)


async def test_a_smaller_cache_control_is_honoured(
    keys: IssuerKeys, provider: Provider, clock: Clock
) -> None:
    provider.headers = {"Cache-Control": "public, max-age=600"}
    await keys.find("one")
    clock.now += 601
    await keys.find("one")

    await until(lambda: provider.key_requests == 2)


async def test_known_keys_outlive_a_day_of_outage_and_no_more(
    keys: IssuerKeys, provider: Provider, clock: Clock
) -> None:
    await keys.find("one")
    provider.status = 500
    clock.now += 23 * HOUR
    assert await keys.find("one") is not None

    clock.now += 2 * HOUR
    with pytest.raises(KeysUnavailable):
        await keys.find("one")


async def test_an_unknown_key_during_an_outage_is_not_judged(
    keys: IssuerKeys, provider: Provider, clock: Clock
) -> None:
    await keys.find("one")
    provider.status = 500
    clock.now += 61

    for _ in range(3):  # also while the failure is fresh and nobody asks again
        with pytest.raises(KeysUnavailable):
            await keys.find("perhaps rotated")


async def test_a_failed_fetch_is_tried_again_after_five_seconds(
    keys: IssuerKeys, provider: Provider, clock: Clock
) -> None:
    provider.status = 500
    for _ in range(10):
        with pytest.raises(KeysUnavailable) as caught:
            await keys.find("one")
        assert caught.value.retry_after is not None
        assert 0 < caught.value.retry_after <= 5

    provider.status = 200
    with pytest.raises(KeysUnavailable):
        await keys.find("one")
    clock.now += 5
    assert await keys.find("one") is not None


@pytest.mark.parametrize(
    ("change", "value"),
    [
        ("metadata", {"issuer": "https://evil.example"}),
        ("metadata", {"jwks_uri": "http://evil.example/keys"}),
        ("metadata", {"jwks_uri": None}),
        ("status", 302),
        ("status", 404),
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
            await keys.find("one")
    assert provider.key_requests <= 1  # and the issuer is left in peace


async def test_only_public_signing_keys_are_taken(keys: IssuerKeys, provider: Provider) -> None:
    provider.keys = [
        {"kty": "oct", "k": "c2VjcmV0", "kid": "symmetric"},
        {**PUBLIC, "kid": "encryption", "use": "enc"},
        {"kty": "XYZ", "kid": "unheard of"},
        {**PUBLIC, "kid": "odd", "alg": ["RS256"]},
        {**PUBLIC, "kid": "good", "use": "sig"},
    ]

    assert await keys.find("good") is not None
    for other in ("symmetric", "encryption", "unheard of", "odd"):
        assert await keys.find(other) is None


async def test_an_issuer_that_is_not_there_is_an_outage() -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(KeysUnavailable):
            await IssuerKeys("http://127.0.0.1:9", session).find("one")
