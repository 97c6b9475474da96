"""Consent of resource accounts and agents of Teams, and the tokens of agents."""

import signal
import time
import uuid
from pathlib import Path
from typing import Any

import pytest

from devstack.well_known import ACS_RESOURCE_ID
from tests.devstack.acs_emulator.acs_fixtures import (
    AcsCaller,
    acs,
    calling,
    issuer,
    running_emulator,
)
from tests.devstack.acs_emulator.call_fixtures import CallsCaller, calls
from tests.devstack.acs_emulator.teams_fixtures import (
    ACCOUNT,
    APP,
    NUMBER,
    TENANT,
    assignment,
    emulator,
    entra_token,
    exchange,
    hire,
    raw_id_of,
)
from tests.devstack.acs_emulator.window_fixtures import Windows, windows
from tests.devstack.emulator_fixtures import TokenIssuer

__all__ = ["acs", "calls", "emulator", "issuer", "windows"]


@pytest.mark.parametrize("word", ["teamsResourceAccount", "resourceAccount"])
async def test_consent_is_put_shown_and_removed_in_the_word_that_was_sent(
    acs: AcsCaller, word: str
) -> None:
    account = str(uuid.uuid4())
    shown = {"objectId": account, "tenantId": TENANT, "principalType": word}

    assert (await assignment(acs, "GET", account)).status == 404
    put = await assignment(acs, "PUT", account.upper(), {"principalType": word})
    again = await assignment(acs, "PUT", account, {"principalType": word})
    got = await assignment(acs, "GET", account)
    elsewhere = await assignment(acs, "GET", account, tenant=str(uuid.uuid4()))

    assert (put.status, put.json) == (201, shown)
    assert (again.status, again.json) == (200, shown)
    assert (got.status, got.json) == (200, shown)
    assert elsewhere.status == 404
    assert shown in (await acs.state())["assignments"]
    for _ in range(2):
        assert (await assignment(acs, "DELETE", account)).status == 204
    assert (await assignment(acs, "GET", account)).status == 404


async def test_an_agent_has_the_apps_that_were_put_last(acs: AcsCaller) -> None:
    agent, other = await hire(acs), str(uuid.uuid4())

    body = {"principalType": "user", "clientIds": [APP.upper(), other]}
    put = await assignment(acs, "PUT", agent, body)

    assert (put.status, put.json["clientIds"]) == (200, [APP, other])
    assert (await assignment(acs, "GET", agent)).json == put.json


@pytest.mark.parametrize(
    ("body", "changed"),
    [
        ({}, {}),
        ({"principalType": "bot"}, {}),
        ({"principalType": ["user"]}, {}),
        ({"principalType": "user", "clientIds": APP}, {}),
        ({"principalType": "user", "clientIds": ["mine"]}, {}),
        ({"principalType": "user"}, {"tenant": "mine"}),
        ({"principalType": "user"}, {"object_id": "alice"}),
        ({"principalType": "user"}, {"version": "2023-10-01"}),
    ],
)
async def test_what_is_no_assignment_is_refused(
    acs: AcsCaller, body: object, changed: dict[str, Any]
) -> None:
    given = {"object_id": str(uuid.uuid4()), **changed}

    answer = await assignment(acs, "PUT", body=body, **given)

    assert answer.error[0] == 400
    assert answer.error[1] in ("ValidationError", "UnsupportedApiVersion")


async def test_there_is_no_patch_and_nothing_without_a_credential(acs: AcsCaller) -> None:
    path = f"/access/teamsExtension/tenants/{TENANT}/assignments/{ACCOUNT}?api-version=2025-06-30"

    assert (await assignment(acs, "PATCH", ACCOUNT, {"principalType": "user"})).status == 405
    assert (await acs.send("GET", path)).status == 401


async def test_consent_of_the_start_can_be_withdrawn_and_the_rest_outlives_a_kill(
    tmp_path: Path, issuer: TokenIssuer
) -> None:
    account = f"--teams-account={NUMBER}={TENANT}/{ACCOUNT}"
    with running_emulator(tmp_path, issuer.url, account) as running:
        async with calling(running) as acs:
            assert (await assignment(acs, "GET", ACCOUNT)).status == 200
            assert (await assignment(acs, "DELETE", ACCOUNT)).status == 204
            agent = await hire(acs)
            before = (await acs.state())["assignments"]
            running.stop(signal.SIGKILL)
            running.start()

            after = (await acs.state())["assignments"]

    assert [one["objectId"] for one in before] == [agent]
    assert sorted(one["objectId"] for one in after) == sorted([agent, ACCOUNT])


async def test_a_fault_is_found_by_its_operation(acs: AcsCaller) -> None:
    """So a test can have the documented word refused."""
    await acs.add_fault(operation="putAssignment", status=400, times=1)

    statuses = [
        (await assignment(acs, "PUT", ACCOUNT, {"principalType": word})).status
        for word in ("teamsResourceAccount", "resourceAccount")
    ]

    assert statuses == [400, 200]


async def test_an_agents_token_is_theirs_and_ends_with_that_of_entra(
    acs: AcsCaller, issuer: TokenIssuer
) -> None:
    agent, exp = await hire(acs), int(time.time()) + 1234

    answer = await exchange(acs, entra_token(issuer, agent, exp=exp))

    assert answer.status == 200, answer
    assert answer.json["identity"] == {"id": f"8:acs:{ACS_RESOURCE_ID}_{TENANT}_{agent}"}
    assert set(answer.json["accessToken"]) == {"token", "expiresOn"}
    token = {"token": answer.json["accessToken"]["token"]}
    claims = (await acs.inspect("POST", "introspect", token)).json
    assert (claims["active"], claims["exp"], claims["tid"]) == (True, exp, TENANT)
    assert f"8:{claims['skypeid']}" == raw_id_of(agent)
    assert "voip" in claims["acsScope"].split(",")


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({"exp": 1}, 401),
        ({"aud": "https://communication.azure.com/"}, 401),
        ({"scp": "Teams.ManageCalls"}, 401),
        ({"iss": "http://elsewhere"}, 401),
        ({"appid": ACCOUNT}, 403),
        ({"oid": ACCOUNT}, 403),
        ({"tid": APP}, 403),
        ({"tid": None}, 403),
    ],
)
async def test_a_token_that_is_no_agents_gets_nothing(
    acs: AcsCaller, issuer: TokenIssuer, claims: dict[str, object], status: int
) -> None:
    agent = await hire(acs)

    answer = await exchange(acs, entra_token(issuer, agent, **claims))

    assert answer.error[0] == status
    assert answer.headers["access-control-allow-origin"] == "*"


async def test_a_page_may_ask_for_it_and_read_the_refusal(acs: AcsCaller) -> None:
    headers = {
        "Origin": "https://app.example.com",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    path = "/access/teamsExtension/:exchangeAccessToken?api-version=2025-06-30"

    allowed = (await acs.send("OPTIONS", path, tls=True, headers=headers)).headers
    refused = await exchange(acs, None)

    assert allowed["access-control-allow-origin"] == "*"
    assert allowed["access-control-allow-methods"] == "POST"
    assert allowed["access-control-allow-headers"] == "authorization,content-type"
    assert refused.error[:2] == (401, "InvalidAccessToken")
    assert refused.headers["access-control-allow-origin"] == "*"


async def test_an_agents_window_is_closed_when_the_assignment_ends(
    acs: AcsCaller, windows: Windows, issuer: TokenIssuer, calls: CallsCaller
) -> None:
    agent = await hire(acs)
    token = (await exchange(acs, entra_token(issuer, agent))).json["accessToken"]["token"]
    window = await windows.welcomed(token, raw_id_of(agent))

    await assignment(acs, "DELETE", agent)

    assert (await window.closed())[0] == 4401
    assert not await acs.is_active(token)
    assert (await exchange(acs, entra_token(issuer, agent))).status == 403
