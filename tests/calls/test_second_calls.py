"""A second call that ACS makes for one request is ended, as soon as anything tells of it."""

import asyncio
import uuid
from typing import Any

import aiohttp
import pytest
from azure.communication.callautomation import (
    CallAutomationClient,
    CommunicationUserIdentifier,
)
from azure.core.credentials import AzureKeyCredential

from devstack.well_known import ACS_ACCESS_KEY
from tests.bot_calls.incoming import Line, has_ended
from tests.bot_calls.incoming_fixtures import alice, line
from tests.calls.test_call_callbacks import Acs, event
from tests.calls.test_calls import DONE_SECONDS, PHONE, in_acs, is_connected, place, watched
from tests.support.control import Control
from tests.support.people import People, Person
from tests.support.stack import Host, Stack

__all__ = ["alice", "line"]


def second_call(stack: Stack, callee: str, callback_url: str) -> str:
    """ACS's id of a call as this service makes them, of which it does not know."""
    acs = CallAutomationClient(str(stack.values["acs"]), AzureKeyCredential(ACS_ACCESS_KEY))
    made: Any = acs.create_call(CommunicationUserIdentifier(callee), callback_url)
    return str(made.call_connection_id)


async def ended(acs: Control, connection: str) -> None:
    async with asyncio.timeout(DONE_SECONDS):
        while True:
            states = {
                one["callConnectionId"]: one["callConnectionState"]
                for one in (await acs.state())["calls"]
            }
            if states[connection] == "disconnected":
                return
            await asyncio.sleep(0.05)


@pytest.fixture
async def bob(people: People, one_host: Host) -> str:
    """The raw id of somebody who can be called."""
    [bob] = people(one_host, "bob")
    return (await bob.token()).user_id


async def test_a_second_call_of_acs_is_ended_when_its_events_come(
    manager: Person, acs: Control, stack: Stack, bob: str
) -> None:
    call = (await place(manager, {"phoneNumber": PHONE})).json["id"]
    before = await watched(manager, call, is_connected)
    first = await in_acs(acs, call)

    second = await asyncio.to_thread(second_call, stack, bob, first["callbackUri"])
    await ended(acs, second)

    now = (await manager.ask(f"/calls/{call}")).json
    assert (now["state"], now["connectedAt"]) == ("connected", before["connectedAt"])
    states = {one["callConnectionState"] for one in await acs.calls(callbackEnd=f"/{call}")}
    assert states == {"connected", "disconnected"}


async def test_a_call_whose_events_go_elsewhere_is_left_alone(
    manager: Person, acs: Control, stack: Stack, bob: str, one_host: Host,
    client: aiohttp.ClientSession,
) -> None:  # fmt: skip
    call = (await place(manager, {"phoneNumber": PHONE})).json["id"]
    await watched(manager, call, is_connected)
    url = (await in_acs(acs, call))["callbackUri"]
    other = await asyncio.to_thread(
        second_call, stack, bob, url.replace(call, uuid.uuid4().hex).replace("callEvents", "else")
    )
    told = await Acs(stack, client, one_host).tell(call, [event(other)])

    assert told.status == 403
    states = {
        one["callConnectionId"]: one["callConnectionState"] for one in (await acs.state())["calls"]
    }
    assert states[other] != "disconnected"


async def test_a_second_call_of_acs_is_ended_when_its_answer_comes(
    manager: Person, acs: Control, stack: Stack, bob: str
) -> None:
    await acs.fault("createCall", drop="after")
    lost = await place(manager, {"phoneNumber": PHONE}, key="key")
    assert lost.status == 503
    await acs.clear()
    [listed] = (await manager.ask("/calls")).json["calls"]
    call = listed["id"]
    await watched(manager, call, is_connected)
    await acs.put("callbacks", {"hold": True})  # nothing but its answer tells of the second
    first = await in_acs(acs, call)
    second = await asyncio.to_thread(second_call, stack, bob, first["callbackUri"])
    answer = {
        "callConnectionId": second,
        "serverCallId": "another",
        "callConnectionState": "connecting",
        "callbackUri": first["callbackUri"],
        "source": {"rawId": "8:acs:itself", "communicationUser": {"id": "8:acs:itself"}},
    }
    await acs.fault("createCall", status=201, body=answer, times=1)

    again = await place(manager, {"phoneNumber": PHONE}, key="key")
    await acs.put("callbacks", {})

    assert (again.status, again.json["id"]) == (201, call)
    await ended(acs, second)
    assert (await in_acs_of(acs, first["callConnectionId"]))["callConnectionState"] == "connected"


async def in_acs_of(acs: Control, connection: str) -> dict[str, Any]:
    [found] = [one for one in (await acs.state())["calls"] if one["callConnectionId"] == connection]
    return dict(found)


async def test_a_second_call_to_a_bot_is_ended_too(
    line: Line, acs: Control, alice: Person, stack: Stack, bob: str
) -> None:
    await acs.put("farEnds", {"playMs": 60_000})
    ringing = await line.ring(alice)
    assert (await line.deliver(ringing)).json == {"results": ["answered"]}
    await line.seen(is_connected)
    [first] = await line.in_acs(ringing)

    second = await asyncio.to_thread(second_call, stack, bob, first["callbackUri"])
    await ended(acs, second)

    assert not has_ended((await line.calls())[0])
