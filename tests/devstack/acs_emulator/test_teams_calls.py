"""Calls of Teams resource accounts: placed, taken, and who may be in them."""

import uuid
from typing import Any

import pytest
from azure.communication.callautomation import (
    MicrosoftTeamsAppIdentifier,
    PhoneNumberIdentifier,
    TeamsExtensionUserIdentifier,
)
from azure.communication.callautomation.aio import CallAutomationClient
from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import HttpResponseError

from devstack.well_known import ACS_ACCESS_KEY, ACS_CALLER_ID, ACS_RESOURCE_ID
from tests.devstack.acs_emulator.acs_fixtures import AcsEmulator, issuer
from tests.devstack.acs_emulator.call_fixtures import (
    OTHER_PHONE,
    PHONE,
    CallsCaller,
    Receiver,
    calls,
    phone,
    receiver,
    user,
)
from tests.devstack.acs_emulator.event_grid_fixtures import Grid, Webhook, grid, webhook
from tests.devstack.acs_emulator.teams_fixtures import (
    ACCOUNT,
    ACCOUNT_RAW_ID,
    NUMBER,
    TENANT,
    VOICE_APP,
    agent_json,
    assignment,
    consent,
    emulator,
    entra_token,
    exchange,
    hire,
    raw_id_of,
)
from tests.devstack.acs_emulator.window_fixtures import Windows, windows
from tests.devstack.emulator_fixtures import Answer, TokenIssuer

__all__ = ["calls", "emulator", "grid", "issuer", "receiver", "webhook", "windows"]

SOMEBODY = {"microsoftTeamsUser": {"userId": str(uuid.uuid4())}}


def as_account(receiver: Receiver, *targets: object, **changed: object) -> dict[str, object]:
    source = {"appId": ACCOUNT, "cloud": "public"}
    body = {"targets": targets, "callbackUri": receiver.url, "teamsAppSource": source}
    return {**body, **changed}


async def placed(calls: CallsCaller, receiver: Receiver, **changed: object) -> str:
    """A call of the account to a phone, which has answered; its connection."""
    answer = await calls.ask("POST", "", as_account(receiver, phone(), **changed))
    assert answer.status == 201, answer
    await receiver.event("ParticipantsUpdated")
    connection: str = answer.json["callConnectionId"]
    return connection


async def added(calls: CallsCaller, connection: str, who: object, **more: object) -> Answer:
    body = {"participantToAdd": who, **more}
    return await calls.ask("POST", f"/{connection}/participants:add", body)


async def test_microsofts_client_for_python_calls_as_an_account_and_adds_an_agent(
    emulator: AcsEmulator, calls: CallsCaller, receiver: Receiver
) -> None:
    agent = TeamsExtensionUserIdentifier(
        user_id=await hire(calls), tenant_id=TENANT, resource_id=ACS_RESOURCE_ID
    )
    number = PhoneNumberIdentifier(PHONE.removeprefix("4:"))
    async with CallAutomationClient(emulator.url, AzureKeyCredential(ACS_ACCESS_KEY)) as client:
        with pytest.raises(HttpResponseError) as refused:
            await client.create_call(
                number,
                receiver.url,
                source_caller_id_number=PhoneNumberIdentifier(ACS_CALLER_ID),
                teams_app_source=MicrosoftTeamsAppIdentifier(ACCOUNT),
            )
        made = await client.create_call(
            number, receiver.url, teams_app_source=MicrosoftTeamsAppIdentifier(ACCOUNT)
        )
        assert made.source is not None
        assert made.source.raw_id == ACCOUNT_RAW_ID
        assert made.call_connection_id is not None
        await receiver.event("ParticipantsUpdated")
        async with client.get_call_connection(made.call_connection_id) as call:
            await call.add_participant(agent, operation_context="agent")
            told = await receiver.event("AddParticipantSucceeded")
            await receiver.event("ParticipantsUpdated", 2)
            people = [each.identifier async for each in call.list_participants()]
            await call.transfer_call_to_participant(agent, transferee=number)
            await call.remove_participant(agent)
            await receiver.event("RemoveParticipantSucceeded")
            await call.hang_up(is_for_everyone=True)
        await receiver.event("CallDisconnected")
    assert told["data"]["participant"]["kind"] == "teamsExtensionUser"
    assert agent in people
    assert {each.raw_id for each in people if each} == {ACCOUNT_RAW_ID, PHONE, agent.raw_id}
    assert refused.value.error is not None
    assert (refused.value.status_code, refused.value.error.code) == (400, "8523")


async def test_any_account_with_consent_calls_and_none_without(
    calls: CallsCaller, receiver: Receiver
) -> None:
    account = await consent(calls)
    person = await hire(calls)
    await placed(calls, receiver, teamsAppSource={"appId": account})
    await assignment(calls, "DELETE", account)

    for source in (account, person, str(uuid.uuid4())):
        body = as_account(receiver, phone(), teamsAppSource={"appId": source})
        assert (await calls.ask("POST", "", body)).error[:2] == (403, "403")


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"sourceCallerIdNumber": {"value": ACS_CALLER_ID}}, (400, "8523")),
        ({"sourceDisplayName": "Contoso"}, (400, "8523")),
        ({"source": {"id": "8:acs:anybody"}}, (400, "8523")),
        ({"targets": [phone(), user("8:acs:anybody")]}, (400, "8523")),
        ({"targets": [SOMEBODY]}, (400, "8523")),
        ({"targets": [agent_json(str(uuid.uuid4()))]}, (400, "8523")),
        ({"teamsAppSource": {"appId": "the account"}}, (400, "400")),
        ({"teamsAppSource": {}}, (400, "400")),
        ({"teamsAppSource": {"appId": ACCOUNT, "cloud": "gcch"}}, (501, "NotEmulated")),
    ],
)
async def test_a_call_as_an_account_goes_to_phones_and_shows_its_number(
    calls: CallsCaller, receiver: Receiver, changed: dict[str, Any], error: tuple[int, str]
) -> None:
    answer = await calls.ask("POST", "", as_account(receiver, phone(), **changed))

    assert answer.error[:2] == error
    assert receiver.events == []


async def test_phones_and_agents_are_added_and_nobody_else_is(
    calls: CallsCaller, receiver: Receiver
) -> None:
    connection, person = await placed(calls, receiver), await calls.create()

    assert (await added(calls, connection, phone(OTHER_PHONE))).status == 202
    await receiver.event("AddParticipantSucceeded")
    for who, more in (
        (user(person), {}),
        (SOMEBODY, {}),
        (phone(), {"sourceCallerIdNumber": {"value": ACS_CALLER_ID}}),
        (phone(), {"sourceDisplayName": "Contoso"}),
    ):
        assert (await added(calls, connection, who, **more)).error[:2] == (400, "8523")
    moving = {"targetParticipant": user(person), "transferee": phone()}
    transfer = await calls.ask("POST", f"/{connection}:transferToParticipant", moving)
    assert transfer.error[:2] == (400, "8523")
    muted = {"targetParticipants": [phone()]}
    mute = await calls.ask("POST", f"/{connection}/participants:mute", muted)
    assert mute.error[:2] == (400, "8523")
    assert (await added(calls, connection, phone(OTHER_PHONE))).status == 202
    failed = await receiver.event("AddParticipantFailed")
    assert failed["data"]["resultInformation"]["subCode"] == 8523  # the same number twice


async def test_only_agents_of_this_resource_can_be_reached(
    calls: CallsCaller, receiver: Receiver
) -> None:
    connection, agent = await placed(calls, receiver), await hire(calls)
    strangers = [
        agent_json(str(uuid.uuid4())),
        agent_json(agent, tenantId=str(uuid.uuid4())),
        agent_json(agent, resourceId=str(uuid.uuid4())),
    ]

    for number, stranger in enumerate(strangers, start=1):
        assert (await added(calls, connection, stranger)).status == 202
        failed = await receiver.event("AddParticipantFailed", number)
        assert failed["data"]["resultInformation"]["subCode"] == 10037
    assert (await added(calls, connection, {"rawId": raw_id_of(agent)})).status == 202
    reached = await receiver.event("AddParticipantSucceeded")

    assert reached["data"]["participant"] == {
        "rawId": raw_id_of(agent),
        "kind": "teamsExtensionUser",
        "teamsExtensionUser": {
            "userId": agent,
            "tenantId": TENANT,
            "resourceId": ACS_RESOURCE_ID,
            "cloud": "public",
        },
    }


@pytest.mark.parametrize("wrong", [{"userId": "alice"}, {"tenantId": ""}, {"cloud": "dod"}])
async def test_an_agent_is_named_by_three_guids_of_the_public_cloud(
    calls: CallsCaller, receiver: Receiver, wrong: dict[str, str]
) -> None:
    connection = await placed(calls, receiver)

    answer = await added(calls, connection, agent_json(str(uuid.uuid4()), **wrong))

    assert answer.error[:2] == (400, "400")


async def test_an_agent_takes_no_call_without_teams(calls: CallsCaller, receiver: Receiver) -> None:
    connection, agent = await calls.connected(receiver, PHONE), agent_json(await hire(calls))

    assert (await added(calls, connection, agent)).error[:2] == (400, "8523")
    body = {"targets": [agent], "callbackUri": receiver.url}
    assert (await calls.ask("POST", "", body)).error[:2] == (400, "8523")


async def test_an_agents_window_rings_and_is_in_the_call(
    calls: CallsCaller, receiver: Receiver, windows: Windows, issuer: TokenIssuer
) -> None:
    connection, agent = await placed(calls, receiver), await hire(calls)
    token = (await exchange(calls, entra_token(issuer, agent))).json["accessToken"]["token"]
    window = await windows.welcomed(token, raw_id_of(agent))

    assert (await added(calls, connection, agent_json(agent))).status == 202
    ring = await window.next("ring")
    await window.send("answer", ring=ring["ring"], accept=True)

    await window.state("connected", PHONE, ACCOUNT_RAW_ID, window.user)
    assert ring["from"]["user"] == ACCOUNT_RAW_ID


@pytest.mark.parametrize("callee", [f"4:{NUMBER}", ACCOUNT_RAW_ID])
async def test_a_call_to_an_accounts_number_rings_at_the_app(
    calls: CallsCaller, receiver: Receiver, grid: Grid, webhook: Webhook, callee: str
) -> None:
    await grid.subscribed(webhook)
    agent = await hire(calls)

    ringing = await grid.ring(callee=callee, presses=["1"])
    [told] = await webhook.until_told(1)
    body = {"incomingCallContext": ringing["incomingCallContext"], "callbackUri": receiver.url}
    answer = await calls.ask("POST", ":answer", body)
    await receiver.event("ParticipantsUpdated")
    connection = answer.json["callConnectionId"]

    data = told.event["data"]
    assert data["to"] == {"kind": "unknown", "rawId": ACCOUNT_RAW_ID}
    assert data["from"]["phoneNumber"] == {"value": PHONE.removeprefix("4:")}
    assert told.event["eventType"] == "Microsoft.Communication.IncomingCall"
    assert set(await calls.participants(connection)) == {PHONE, ACCOUNT_RAW_ID}
    assert (await added(calls, connection, agent_json(agent))).status == 202
    await receiver.event("AddParticipantSucceeded")


async def test_without_consent_nobody_is_told(
    calls: CallsCaller, grid: Grid, webhook: Webhook
) -> None:
    await grid.subscribed(webhook)
    account = await consent(calls)
    heard = await grid.ring(callee=f"28:orgid:{account}")
    await assignment(calls, "DELETE", account)

    silent = await grid.ring(callee=f"28:orgid:{account}")
    await grid.until_settled()

    assert heard["eventId"] is not None
    assert silent["eventId"] is None
    assert len(webhook.told) == 1


async def test_a_window_calls_a_voice_app_and_no_other_account(windows: Windows) -> None:
    window = await windows.open()

    await window.send("call", to=f"28:orgid:{VOICE_APP}")
    await window.state("connected", window.user, f"28:orgid:{VOICE_APP}")
    await window.send("leave")
    await window.send("call", to=f"28:orgid:{uuid.uuid4()}")

    ended = await window.next("call", lambda call: call.get("reason") == "unreachable")
    assert ended["state"] == "ended"
