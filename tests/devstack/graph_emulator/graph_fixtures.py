"""The real Graph emulator, as a process, for tests; import the fixtures that you use by name."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest

from tests.devstack.emulator_fixtures import (
    Answer,
    Caller,
    EmulatorProcess,
    TokenIssuer,
    certified,
    running,
    serving_issuer,
    session_for,
)

GRAPH_AUDIENCE = "https://graph.microsoft.com"
ROLE = "OnlineMeetings.ReadWrite.All"
APP_ID = "44444444-dddd-4ddd-8ddd-444444444444"
ALICE = "acde0000-0000-4000-8000-0000000a11ce"
BOB = "acde0000-0000-4000-8000-000000000b0b"
NOBODY = "55555555-eeee-4eee-8eee-555555555555"
TENANT = "acde0000-0000-4000-8000-000000007072"

GOOD_CLAIMS: dict[str, Any] = {"roles": [ROLE], "appid": APP_ID}


def meetings_of(user: str) -> str:
    return f"/v1.0/users/{user}/onlineMeetings"


class GraphCaller(Caller):
    """Sends requests with a token of an app that may do everything."""

    def __init__(
        self, session: aiohttp.ClientSession, emulator: EmulatorProcess, issuer: TokenIssuer
    ) -> None:
        super().__init__(session, emulator)
        self.bearer = issuer.token(**GOOD_CLAIMS)

    async def call(
        self,
        method: str,
        path: str = "",
        body: object = None,
        *,
        user: str = ALICE,
        headers: dict[str, str] | None = None,
        raw: bytes | None = None,
    ) -> Answer:
        """A request for a user's meetings; `path` is what follows `onlineMeetings`."""
        content = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        given = {"Authorization": f"Bearer {self.bearer}", "Content-Type": "application/json"}
        target = meetings_of(user) + path
        return await self.send(method, target, content, headers=given | (headers or {}))

    async def create(self, *, user: str = ALICE, **body: object) -> Any:
        answer = await self.call("POST", "", body, user=user)
        assert answer.status == 201, answer
        return answer.json

    async def create_or_get(self, external_id: str, *, user: str = ALICE, **body: object) -> Answer:
        wanted = {"externalId": external_id, **body}
        return await self.call("POST", "/createOrGet", wanted, user=user)

    async def find(self, name: str, text: str, *, user: str = ALICE) -> Answer:
        escaped = text.replace("'", "''")
        query = quote(f"{name} eq '{escaped}'", safe="")
        return await self.call("GET", f"?$filter={query}", user=user)

    async def tenant(self, **spec: object) -> None:
        answer = await self.inspect("PUT", "tenant", spec)
        assert answer.status == 200, answer

    async def by_hand(self, user: str = "alice", **spec: object) -> Any:
        answer = await self.inspect("POST", "meetings", {"user": user, **spec})
        assert answer.status == 201, answer
        return answer.json


@contextmanager
def running_graph(folder: Path, issuer: str) -> Iterator[EmulatorProcess]:
    certificate, authority = certified(folder)
    module = "devstack.graph_emulator"
    with running(EmulatorProcess(module, folder, certificate, authority, issuer)) as emulator:
        yield emulator


@asynccontextmanager
async def calling(emulator: EmulatorProcess, issuer: TokenIssuer) -> AsyncIterator[GraphCaller]:
    async with session_for(emulator) as session:
        yield GraphCaller(session, emulator, issuer)


@pytest.fixture(scope="module")
def issuer() -> Iterator[TokenIssuer]:
    with serving_issuer(GRAPH_AUDIENCE) as served:
        yield served


@pytest.fixture(scope="module")
def emulator(
    tmp_path_factory: pytest.TempPathFactory, issuer: TokenIssuer
) -> Iterator[EmulatorProcess]:
    """Shared by the tests of a module; `graph` leaves it as new."""
    with running_graph(tmp_path_factory.mktemp("graph"), issuer.url) as served:
        yield served
        assert "Traceback" not in served.log


@pytest.fixture
async def graph(emulator: EmulatorProcess, issuer: TokenIssuer) -> AsyncIterator[GraphCaller]:
    async with calling(emulator, issuer) as caller:
        yield caller
        await caller.inspect("POST", "reset")
