"""Teams Phone on the whole stack: calls as an account and to it, with agents of the realm."""

import json
import uuid
from collections.abc import AsyncIterator

import aiohttp
import pytest

from devstack.well_known import TEAMS_ACCOUNT_ID, TEAMS_ACCOUNT_NUMBER, TENANT_ID
from tests.bot_calls.incoming import Line, has_ended, pressed, register, subscribe
from tests.bot_calls.incoming_fixtures import QUICK
from tests.calls.test_calls import PHONE, has, in_acs, invite, is_connected, place, watched
from tests.support.control import Control
from tests.support.people import People, Person
from tests.support.stack import Host, StartHost

AUDIO = "https://audio.example.com/hello.wav"


@pytest.fixture
async def desk(start_host: StartHost, acs: Control) -> AsyncIterator[tuple[Host, str, str]]:
    """A host with an account but without a number of its own; its bot, and an agent's object id."""
    bot, agent = f"desk {uuid.uuid4()}", str(uuid.uuid4())
    account = {"id": TEAMS_ACCOUNT_ID, "tenant": TENANT_ID, "bot": bot}
    script = {"greeting": AUDIO, "menu": {"1": {"agent": agent}, "0": "hang up"}}
    host = await start_host(
        TEAMS_RESOURCE_ACCOUNTS=json.dumps([account]),
        BOTS=json.dumps({bot: script}),
        CALLER_ID_NUMBER="",
        STANDALONE_CALLS="false",
    )
    await acs.put("farEnds", QUICK)
    yield host, bot, agent
    await acs.unsubscribe()


@pytest.fixture
async def manager(desk: tuple[Host, str, str], people: People) -> Person:
    host, _, agent = desk
    [manager] = people(host, "manager")
    manager.sign_in("Calls.Manage", "Bots.Operate", "Agents.Manage")
    assert (await manager.ask(f"/agents/{agent}", "PUT", {})).status == 201
    return manager


async def test_an_account_calls_a_phone_and_an_agent_is_added(
    manager: Person, desk: tuple[Host, str, str], acs: Control
) -> None:
    _, _, agent = desk

    placed = await place(manager, {"phoneNumber": PHONE}, key="call")
    repeated = await place(manager, {"phoneNumber": PHONE}, key="call")
    call = str(placed.json["id"])
    await watched(manager, call, is_connected)
    refused = await invite(manager, call, {"user": manager.id}, "user")
    invited = await invite(manager, call, {"agent": agent}, "agent")

    assert (placed.status, repeated.status, repeated.json["id"]) == (201, 201, call)
    assert refused.status == 400
    assert invited.status == 202, invited
    seen = await watched(manager, call, has(2))
    assert {one.get("phoneNumber", "")[-2:] for one in seen["participants"]} == {"23", ""}
    raw_ids = {one["identifier"]["rawId"] for one in (await in_acs(acs, call))["participants"]}
    assert any(one.endswith(f"_{TENANT_ID}_{agent}") for one in raw_ids)
    assert (await manager.ask(f"/calls/{call}", "DELETE")).status == 204


async def test_what_ends_in_2028_is_refused_where_the_settings_say_so(manager: Person) -> None:
    await manager.token()
    people = await place(manager, {"user": manager.id})
    mixed = await place(manager, {"phoneNumber": PHONE}, {"user": manager.id})

    assert (people.status, mixed.status) == (501, 400)
    assert "STANDALONE_CALLS" in people.json["detail"]
    assert "invite phone numbers or agents once the call is connected" in mixed.json["detail"]
    assert "callerId" not in mixed.json["detail"]


async def test_a_phone_that_calls_the_account_is_connected_to_an_agent(
    manager: Person, desk: tuple[Host, str, str], acs: Control, client: aiohttp.ClientSession
) -> None:
    host, bot, _ = desk
    line = Line(client, acs, manager, bot, await register(manager, bot))
    await subscribe(acs, host)

    await line.ring("4:+14255550188", "1", to=f"4:{TEAMS_ACCOUNT_NUMBER}")

    seen = await line.seen(has(2))
    assert (seen["state"], seen["answeredBy"]) == ("connected", bot)
    assert "caller" not in seen
    assert pressed(seen) == ["1"]
    assert {one.get("phoneNumber", "")[-2:] for one in seen["participants"]} == {"88", ""}
    assert "+14255550188" not in host.log.read_text()
    assert (await manager.ask(f"/calls/{seen['id']}", "DELETE")).status == 204
    assert has_ended(await line.seen(has_ended))
