"""Consent for Teams resource accounts: the command, the doctor, and both words of Microsoft."""

import json
import uuid
from collections.abc import AsyncIterator

import pytest

from devstack.well_known import TEAMS_ACCOUNT_ID
from shared.operate.doctor import examine
from shared.operate.teams_phone import main, run
from shared.problems import AssignmentRefused
from shared.settings import load
from shared.teams_phone.acs import Assignment, Assignments
from shared.unavailable import CommunicationUnavailable
from shared.upstream.clients import Upstream
from tests.support.control import Control
from tests.support.stack import Stack


@pytest.fixture
async def assignments(stack: Stack) -> AsyncIterator[Assignments]:
    upstream = Upstream()
    yield Assignments(load(stack.settings).upstream, upstream)
    await upstream.close()


@pytest.fixture
def tenant(stack: Stack) -> str:
    return str(stack.values["teams"]["tenantId"])


async def test_the_word_of_the_specification_is_sent_if_acs_refuses_the_documented_one(
    assignments: Assignments, tenant: str, acs: Control
) -> None:
    first, second, third = (str(uuid.uuid4()) for _ in range(3))
    assert await assignments.put_resource_account(tenant, first)
    assert not await assignments.put_resource_account(tenant, first)
    await acs.fault("putAssignment", status=400, times=1)
    assert await assignments.put_resource_account(tenant, second)
    await acs.fault("putAssignment", status=400, times=2)
    with pytest.raises(AssignmentRefused):
        await assignments.put_resource_account(tenant, third)

    found = [await assignments.find(tenant, one) for one in (first, second, third)]
    assert found == [
        Assignment("teamsResourceAccount", ()),
        Assignment("resourceAccount", ()),
        None,
    ]


async def test_an_acs_that_is_down_is_no_refusal_and_gets_no_other_word(
    assignments: Assignments, tenant: str, acs: Control
) -> None:
    before = (await acs.state())["requests"]["putAssignment"]
    await acs.fault("putAssignment", status=503, times=3)
    with pytest.raises(CommunicationUnavailable):
        await assignments.put_resource_account(tenant, str(uuid.uuid4()))

    assert (await acs.state())["requests"]["putAssignment"] == before + 3


async def test_consent_is_granted_checked_and_revoked(
    stack: Stack, assignments: Assignments, tenant: str
) -> None:
    desk, sales = (str(uuid.uuid4()) for _ in range(2))
    accounts = [
        {"id": desk, "tenant": tenant, "name": "Desk"},
        {"id": sales, "tenant": tenant, "name": "Sales"},
    ]
    settings = load({**stack.settings, "TEAMS_RESOURCE_ACCOUNTS": json.dumps(accounts)})

    missing = await run(settings, "check", ["Desk"])
    granted = await run(settings, "grant", [])
    again = await run(settings, "grant", [desk.upper()])
    checked = await run(settings, "check", [])
    revoked = [await run(settings, "revoke", []) for _ in range(2)]
    unknown = await run(settings, "grant", ["Nobody"])

    assert missing == ([f"Desk {desk}: missing: run this with grant"], False)
    assert granted == ([f"Desk {desk}: granted", f"Sales {sales}: granted"], True)
    assert again == ([f"Desk {desk}: was granted already"], True)
    assert checked == granted
    assert revoked == [([f"Desk {desk}: revoked", f"Sales {sales}: revoked"], True)] * 2
    assert unknown == (["TEAMS_RESOURCE_ACCOUNTS has no account Nobody"], False)
    await assignments.put_agent(tenant, desk, str(uuid.uuid4()))
    assert "assigned as a user" in (await run(settings, "check", ["Desk"]))[0][0]


async def test_what_the_command_cannot_do_is_told(stack: Stack, tenant: str, acs: Control) -> None:
    account = {"id": str(uuid.uuid4()), "tenant": tenant}
    settings = load({**stack.settings, "TEAMS_RESOURCE_ACCOUNTS": json.dumps([account])})
    await acs.fault("putAssignment", status=400, times=2)
    refused = await run(settings, "grant", [])
    await acs.fault("putAssignment", status=401, times=1)
    stranger = await run(settings, "grant", [])

    assert "tied to the resource" in refused[0][0]
    assert "COMMUNICATION_CONNECTION_STRING" in stranger[0][0]
    assert not any(done for _, done in (refused, stranger))
    assert await run(load(stack.settings | {"TEAMS_RESOURCE_ACCOUNTS": ""}), "grant", []) == (
        ["TEAMS_RESOURCE_ACCOUNTS has no account at all"],
        False,
    )


def test_the_command_says_how_it_is_used(capsys: pytest.CaptureFixture[str]) -> None:
    assert [main(wrong) for wrong in ([], ["take"])] == [2, 2]
    assert "grant | check | revoke" in capsys.readouterr().err


async def doctor(stack: Stack, **settings: str) -> list[str]:
    return [str(found) async for found in examine({**stack.settings, **settings})]


async def test_the_doctor_says_what_is_missing_and_what_the_administrator_runs(
    stack: Stack, tenant: str
) -> None:
    without = str(uuid.uuid4())
    accounts = [
        {"id": TEAMS_ACCOUNT_ID, "tenant": tenant, "name": "Desk"},
        {"id": without, "tenant": tenant, "name": "Sales"},
    ]
    app = {"id": str(uuid.uuid4()), "name": "Queue", "kind": "callQueue"}
    resource = stack.settings["COMMUNICATION_RESOURCE_ID"]
    found = await doctor(
        stack,
        TEAMS_RESOURCE_ACCOUNTS=json.dumps(accounts),
        TEAMS_VOICE_APPS=json.dumps([app]),
        TOKEN_SCOPES="voip.join",
    )

    said = "\n".join(found)
    assert f"ok    consent for the Teams resource account {TEAMS_ACCOUNT_ID}" in found
    [missing] = [line for line in found if line.startswith("FIX   consent")]
    assert without in missing
    assert "python -m shared.operate.teams_phone grant" in missing
    tied = f"-ApplicationId BOT_APP_ID -AcsResourceId {resource}"
    for account in (TEAMS_ACCOUNT_ID, without):
        assert f"Set-CsOnlineApplicationInstance -Identity {account} {tied}" in said
        assert f"Sync-CsOnlineApplicationInstance -ObjectId {account} {tied}" in said
    assert "New-CsOnlineApplicationInstance" in said
    assert "Teams Phone Resource Account" in said
    assert "Teams channel" in said
    federation = "Set-CsTeamsAcsFederationConfiguration -EnableAcsUsers $true"
    assert f"{federation} -AllowedAcsResources {resource}" in said
    assert "which TOKEN_SCOPES lacks" in said


async def test_the_doctor_counts_what_ends_in_2028(stack: Stack) -> None:
    some = await doctor(stack, TOKEN_SCOPES="voip,chat", TOKEN_SCOPES_BY_ROLE='{"Host": ["chat"]}')
    none = await doctor(stack, CALLER_ID_NUMBER="", STANDALONE_CALLS="false", TOKEN_SCOPES="voip")

    def of_2028(lines: list[str]) -> list[str]:
        return [line for line in lines if "2028-09-30" in line]

    warning, count = of_2028(some)
    assert "warning: TOKEN_SCOPES and TOKEN_SCOPES_BY_ROLE gives scopes of chat" in warning
    assert "ends 4 of the settings in use (TOKEN_SCOPES, TOKEN_SCOPES_BY_ROLE, CALLER_ID" in count
    assert "of which none for Python exists yet" in count
    assert "azure-communication-callautomation 1.6.0" in count
    [count] = of_2028(none)
    assert "ends 0 of the settings in use:" in count
