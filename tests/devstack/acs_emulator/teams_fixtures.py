"""An emulator with a resource account of Teams, and what the tests of Teams Phone ask of it.

Import the fixtures that you use by name, with `issuer` of acs_fixtures.
"""

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from devstack.well_known import ACS_RESOURCE_ID
from tests.devstack.acs_emulator.acs_fixtures import (
    AcsCaller,
    AcsEmulator,
    running_emulator,
    signed_headers,
)
from tests.devstack.emulator_fixtures import Answer, TokenIssuer

TENANT = "acde0000-0000-4000-8000-0000000000aa"
ACCOUNT = "acde0000-0000-4000-8000-0000000000ac"
ACCOUNT_RAW_ID = f"28:orgid:{ACCOUNT}"
NUMBER = "+14255550177"
VOICE_APP = "acde0000-0000-4000-8000-0000000000a9"
APP = "acde0000-0000-4000-8000-0000000000a0"
VERSION = "2025-06-30"


@pytest.fixture(scope="module")
def emulator(
    tmp_path_factory: pytest.TempPathFactory, issuer: TokenIssuer
) -> Iterator[AcsEmulator]:
    """As that of acs_fixtures, with an account that has a number and consent, and a voice app."""
    options = ["--teams-account", f"{NUMBER}={TENANT}/{ACCOUNT}", "--voice-app", VOICE_APP]
    with running_emulator(tmp_path_factory.mktemp("acs"), issuer.url, *options) as running:
        yield running
        assert "Traceback" not in running.log


async def assignment(
    caller: AcsCaller,
    method: str,
    object_id: str,
    body: object = None,
    *,
    tenant: str = TENANT,
    version: str = VERSION,
) -> Answer:
    content = b"" if body is None else json.dumps(body).encode()
    path = f"/access/teamsExtension/tenants/{tenant}/assignments/{object_id}"
    target = f"{path}?api-version={version}"
    headers = signed_headers(method, target, f"127.0.0.1:{caller.emulator.port}", content)
    headers["Content-Type"] = "application/json"
    return await caller.send(method, target, content, headers=headers)


async def consent(caller: AcsCaller) -> str:
    """A new account that has consented."""
    account = str(uuid.uuid4())
    answer = await assignment(caller, "PUT", account, {"principalType": "teamsResourceAccount"})
    assert answer.status == 201, answer
    return account


async def hire(caller: AcsCaller, *, tenant: str = TENANT) -> str:
    """A new agent; their object id."""
    agent = str(uuid.uuid4())
    body = {"principalType": "user", "clientIds": [APP]}
    answer = await assignment(caller, "PUT", agent, body, tenant=tenant)
    assert answer.status == 201, answer
    return agent


def raw_id_of(agent: str) -> str:
    return f"8:acs:{ACS_RESOURCE_ID}_{TENANT}_{agent}"


def agent_json(agent: str, **changed: str) -> dict[str, Any]:
    ids = {"userId": agent, "tenantId": TENANT, "resourceId": ACS_RESOURCE_ID, **changed}
    return {"kind": "teamsExtensionUser", "teamsExtensionUser": ids}


async def exchange(
    caller: AcsCaller, token: str | None, *, tls: bool = True, version: str = VERSION
) -> Answer:
    headers = {"Origin": "https://app.example.com", "Content-Type": "application/json"}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    target = f"/access/teamsExtension/:exchangeAccessToken?api-version={version}"
    return await caller.send("POST", target, b"{}", tls=tls, headers=headers)


def entra_token(issuer: TokenIssuer, agent: str, **claims: Any) -> str:
    """What an agent's client gets from Entra."""
    good: dict[str, Any] = {
        "aud": "https://auth.msft.communication.azure.com",
        "scp": "TeamsExtension.ManageCalls",
        "appid": APP,
        "oid": agent,
        "tid": TENANT,
    }
    return issuer.token(**(good | claims))
