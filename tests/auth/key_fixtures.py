"""An OIDC provider over real HTTP, a clock, and the keys that the service reads of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import jwt
import pytest
from aiohttp import web

from shared.auth.issuer_keys import IssuerKeys
from tests.support.rsa_keys import rsa_key

HOUR = 3600.0
PUBLIC, OTHER = (
    dict(
        jwt.algorithms.RSAAlgorithm.to_jwk(
            rsa_key(name).public_key(),
            as_dict=True,
        )
    )
    for name in ("ours", "another")
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
        self.reads_early = False  # whether it reads its keys before it waits at the gate
        self.gate = asyncio.Event()
        self.gate.set()

    async def _metadata(self, _: web.Request) -> web.Response:
        document = {"issuer": self.url, "jwks_uri": f"{self.url}/keys", **self.metadata}
        return web.json_response(document, status=self.status)

    async def _keys(self, _: web.Request) -> web.Response:
        self.key_requests += 1
        early = list(self.keys) if self.reads_early else None
        await self.gate.wait()
        if self.raw:
            return web.Response(body=self.raw, content_type="application/json")
        document = {"keys": self.keys if early is None else early, "padding": self.padding}
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
