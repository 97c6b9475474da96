"""The functions in this process, on an app whose tables are in memory and whose ACS is down.

Callers, senders and keys are real: tokens are signed, and verified as everywhere.
"""

import asyncio
import importlib
import json
import time
from collections.abc import Coroutine, Mapping
from functools import cache, cached_property
from typing import Any, override

import azure.functions as func
import jwt

from devstack.well_known import ACS_RESOURCE_ID
from shared.app import App
from shared.auth.key_set import read_key_set
from shared.auth.webhooks import KEY_HEADER
from shared.openapi.functions import DescribedOperation, operations
from shared.settings import load
from shared.tables import Table
from shared.unavailable import CommunicationUnavailable
from tests.support.memory_tables import memory_clients
from tests.support.rsa_keys import rsa_key

KEY = rsa_key("ours")
ISSUER, AUDIENCE = "https://issuer.example", "api://x"
ACS_ISSUER = "https://acs.example"
GRID_KEY = "k" * 32
ROLES = ["Bots.Operate", "Calls.Manage", "Calls.Record", "Meetings.Schedule", "Tokens.Issue"]
SETTINGS = {
    "COMMUNICATION_CONNECTION_STRING": "endpoint=https://127.0.0.1:1/;accesskey=c2VjcmV0",
    "COMMUNICATION_RESOURCE_ID": ACS_RESOURCE_ID,
    "TABLES_CONNECTION_STRING": (
        "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=c2VjcmV0;"
        "TableEndpoint=https://127.0.0.1:1"
    ),
    "AUTH_ISSUER": ISSUER,
    "AUTH_AUDIENCE": AUDIENCE,
    "AUTH_EASY_AUTH": "true",
    "WEBSITE_AUTH_ENABLED": "true",
    "CALLBACK_BASE_URL": "https://app.example",
    "CALLBACK_ISSUER": ACS_ISSUER,
    "EVENT_GRID_KEY": GRID_KEY,
    "BOT_GREETING": "https://sounds.example/hello.wav",
    "TEAMS_APP_ID": "11111111-2222-4333-8444-555555555555",
}


class OneKey:
    """What an issuer has published."""

    async def find(self, key_id: str | None, algorithm: str) -> list[jwt.PyJWK]:
        public = jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key(), as_dict=True)
        return read_key_set({"keys": [{**public, "kid": "k"}]}).candidates(key_id, algorithm)

    async def look_again(self, key_id: str | None) -> bool:
        return False


class Down:
    """An ACS that is down."""

    def __getattr__(self, name: str) -> Any:
        async def fail(*_of: object, **_more: object) -> None:
            raise CommunicationUnavailable

        return fail


class FuzzedApp(App):
    def __init__(self) -> None:
        super().__init__(load(SETTINGS))
        self._clients = memory_clients()

    @override
    def _table(self, name: str) -> Table:
        return Table(self._clients[name])

    @cached_property
    def _issuer_keys(self) -> Any:
        return {ISSUER: OneKey()}

    @override
    def _keys_at(self, *_of: object, **_more: object) -> Any:
        return OneKey()

    @cached_property
    def _acs_identity(self) -> Any:
        return Down()

    @cached_property
    def _call_automation(self) -> Any:
        return Down()


class Context:
    """What the platform says of an invocation."""

    invocation_id = "1"

    def __init__(self, function_name: str) -> None:
        self.function_name = function_name


@cache
def functions() -> dict[str, DescribedOperation]:
    """Every operation, by its name."""
    return {one.id: one for one in operations()}


async def ask(
    one: DescribedOperation,
    *,
    headers: Mapping[str, str],
    body: bytes = b"",
    route: Mapping[str, str] | None = None,
    query: str = "",
) -> func.HttpResponse:
    """The answer of a function, as the platform hands a request to it."""
    request = func.HttpRequest(
        one.method.upper(),
        f"https://app.example/api{one.path}{query}",
        headers=dict(headers),
        route_params=dict(route or dict.fromkeys(one.parameters, "x")),
        body=body,
    )
    main = importlib.import_module(one.function).main
    answer: func.HttpResponse = await main(request, Context(one.function))
    return answer


class Fuzzed:
    """Asks the functions on one event loop, one after the other."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self._runner = runner

    def answered(self, *asked: Coroutine[Any, Any, func.HttpResponse]) -> list[int]:
        """The statuses of requests, which `ask` gives."""
        return [answer.status_code for answer in self.answers(*asked)]

    def answers(self, *asked: Coroutine[Any, Any, func.HttpResponse]) -> list[func.HttpResponse]:
        async def all_of_them() -> list[func.HttpResponse]:
            return [await one for one in asked]

        return self._runner.run(all_of_them())


def bearer() -> dict[str, str]:
    """The header of a caller with every role."""
    return {"authorization": f"Bearer {signed()}"}


def signed(**claims: object) -> str:
    now = int(time.time())
    told = {
        "iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "name": "Alice", "roles": ROLES,
        "iat": now - 60, "exp": now + 3600, **claims,
    }  # fmt: skip
    return jwt.encode(told, KEY, "RS256", headers={"kid": "k"})


@cache
def acs_headers() -> dict[str, str]:
    token = signed(iss=ACS_ISSUER, aud=ACS_RESOURCE_ID)
    return {"authorization": f"Bearer {token}", "content-type": "application/json"}


GRID_HEADERS = {KEY_HEADER: GRID_KEY, "content-type": "application/json"}


def event(**data: object) -> dict[str, Any]:
    """What ACS tells about a call."""
    return {
        "id": "1",
        "specversion": "1.0",
        "type": "Microsoft.Communication.ParticipantsUpdated",
        "time": "2026-01-01T12:00:00Z",
        "data": {"callConnectionId": "x", "participants": [], "sequenceNumber": 1, **data},
    }


def grid_event(kind: str = "IncomingCall", **data: object) -> dict[str, Any]:
    """What Event Grid tells."""
    told = {"to": {"rawId": "8:acs:x"}, "from": {"rawId": "4:+1"}, "incomingCallContext": "x"}
    return {
        "id": "1",
        "subject": "/recordingId/x",
        "eventType": f"Microsoft.Communication.{kind}",
        "eventTime": "2026-01-01T12:00:00Z",
        "data": {**told, **data},
    }


def packed(content: object) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode()
