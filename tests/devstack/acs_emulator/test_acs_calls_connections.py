"""How calls begin, are answered or not, and end."""

import base64
import re
import uuid
from typing import Any
from urllib.parse import quote

import pytest

from devstack.well_known import ACS_CALLER_ID, ACS_RESOURCE_ID
from tests.devstack.acs_emulator.acs_fixtures import emulator, issuer
from tests.devstack.acs_emulator.call_fixtures import (
    OTHER_PHONE,
    PHONE,
    CallsCaller,
    Receiver,
    calls,
    how_they_ended,
    new_call,
    phone,
    receiver,
    user,
)

__all__ = ["calls", "emulator", "issuer", "receiver"]

GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
GONE = (404, "8522", "Call not found.", None)


async def test_a_new_call_is_connecting_and_has_no_server_call_id_yet(
    calls: CallsCaller, receiver: Receiver
) -> None:
    await calls.far_ends({PHONE: {"answer": "ring"}})
    source = await calls.create()

    answer = await calls.ask(
        "POST",
        "",
        new_call(receiver, PHONE, source={"id": source}, sourceDisplayName="Desk"),
    )

    call = answer.json
    assert answer.status == 201
    assert answer.headers["x-microsoft-skype-chain-id"] == call["correlationId"]
    assert GUID.fullmatch(call.pop("callConnectionId"))
    assert GUID.fullmatch(call.pop("correlationId"))
    assert call == {
        "callConnectionState": "connecting",
        "callbackUri": receiver.url,
        "sourceDisplayName": "Desk",
        "source": {"rawId": source, **user(source)},
        "sourceCallerIdNumber": {"value": ACS_CALLER_ID},
        "targets": [{"rawId": PHONE, **phone()}],
        "mediaStreamingSubscription": {"state": "disabled"},
    }


async def test_inspection_shows_the_calls_that_are_asked_for(
    calls: CallsCaller, receiver: Receiver
) -> None:
    first, second = [await calls.connected(receiver, PHONE) for _ in range(2)]
    server_call_id = (await calls.ask("GET", f"/{first}")).json["serverCallId"]

    async def ids(query: str) -> list[str]:
        listed = (await calls.inspect("GET", f"calls?{query}")).json["calls"]
        return [one["callConnectionId"] for one in listed]

    assert (await ids(""))[-2:] == [first, second]
    assert await ids(f"callbackEnd={receiver.url.removeprefix('http:')}") == [first, second]
    assert await ids("callbackEnd=/elsewhere") == []
    assert await ids(f"serverCallId={quote(server_call_id)}") == [first]


async def test_a_call_that_is_answered_is_connected(calls: CallsCaller, receiver: Receiver) -> None:
    connection = await calls.connected(receiver, PHONE, operationContext="mine")

    known = (await calls.ask("GET", f"/{connection}")).json
    assert known["callConnectionState"] == "connected"
    assert base64.b64decode(known["serverCallId"]).startswith(b"https://")
    connected, updated = receiver.events
    for event in (connected, updated):
        assert event["source"] == event["subject"] == f"calling/callConnections/{connection}"
        assert (event["specversion"], event["datacontenttype"]) == ("1.0", "application/json")
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}\+00:00", event["time"])
        assert event["data"]["publicEventType"] == event["type"]
        assert event["data"]["resultInformation"] == {"code": 200, "subCode": 0, "message": ""}
        for name in ("callConnectionId", "serverCallId", "correlationId"):
            assert event["data"][name] == known[name]
    assert connected["data"]["operationContext"] == "mine"
    assert "operationContext" not in updated["data"]
    assert updated["data"]["sequenceNumber"] == 1
    people = {each["identifier"]["rawId"] for each in updated["data"]["participants"]}
    assert people == {PHONE, known["source"]["rawId"]}


async def test_until_somebody_answers_only_the_end_can_be_had(
    calls: CallsCaller, receiver: Receiver
) -> None:
    await calls.far_ends({PHONE: {"answer": "ring"}})
    connection = await calls.place(receiver, PHONE)

    assert (await calls.ask("GET", f"/{connection}")).json["callConnectionState"] == "connecting"
    assert await calls.participants(connection) == []
    for refused in (await calls.play(connection), await calls.add(connection, OTHER_PHONE)):
        assert refused.error[:2] == (400, "8501")
    assert (await calls.ask("DELETE", f"/{connection}")).status == 204
    ended = await receiver.event("CallDisconnected")
    assert ended["data"]["resultInformation"]["subCode"] == 7000
    assert receiver.names == ["CallDisconnected"]


@pytest.mark.parametrize(
    ("answer", "code", "sub_code"),
    [
        ("busy", 486, 560486),
        ("decline", 200, 5002),
        ("none", 487, 10004),
        ("unreachable", 480, 10037),
    ],
)
async def test_a_call_that_nobody_takes_fails(
    calls: CallsCaller, receiver: Receiver, answer: str, code: int, sub_code: int
) -> None:
    await calls.far_ends({"+14255550123": {"answer": answer, "afterMs": 5}})
    connection = await calls.place(receiver, PHONE, operationContext="mine")

    await receiver.event("CreateCallFailed")

    assert receiver.names == ["CallDisconnected", "CreateCallFailed"]
    for event in receiver.events:
        result = event["data"]["resultInformation"]
        assert (result["code"], result["subCode"]) == (code, sub_code)
        assert event["data"]["operationContext"] == "mine"
    assert (await calls.ask("GET", f"/{connection}")).error == GONE


@pytest.mark.parametrize(
    "who",
    [
        f"8:acs:{ACS_RESOURCE_ID}_0000001c-0000-0000-0000-000000000000",
        "8:acs:acde0000-0000-4000-8000-000000000001_0000001c-0000-0000-0000-000000000000",
    ],
)
async def test_users_who_do_not_exist_here_cannot_be_reached(
    calls: CallsCaller, receiver: Receiver, who: str
) -> None:
    await calls.place(receiver, who)

    failed = await receiver.event("CreateCallFailed")

    assert failed["data"]["resultInformation"]["subCode"] == 10037


async def test_a_ringing_phone_gives_up_when_the_invitation_ends(
    calls: CallsCaller, receiver: Receiver
) -> None:
    await calls.far_ends({PHONE: {"answer": "ring"}}, secondMs=1)
    await calls.place(receiver, PHONE)

    failed = await receiver.event("CreateCallFailed")

    assert failed["data"]["resultInformation"]["subCode"] == 10004


async def test_of_several_targets_the_first_to_answer_connects_the_call(
    calls: CallsCaller, receiver: Receiver
) -> None:
    alice = await calls.create()
    await calls.far_ends(
        {PHONE: {"answer": "ring"}, OTHER_PHONE: {"answer": "busy", "afterMs": 0}},
        default={"afterMs": 5},
    )
    connection = await calls.place(receiver, PHONE, OTHER_PHONE, alice)
    await receiver.event("ParticipantsUpdated")
    await calls.does(connection, "react", participant=PHONE, answer="accept")
    updated = await receiver.event("ParticipantsUpdated", 2)

    assert receiver.names == ["CallConnected", "ParticipantsUpdated", "ParticipantsUpdated"]
    assert updated["data"]["sequenceNumber"] == 3
    assert {alice, PHONE} < set(await calls.participants(connection))
    assert OTHER_PHONE not in await calls.participants(connection)


@pytest.mark.parametrize(("who", "sub_code"), [("phone", 560000), ("user", 0)])
async def test_a_call_ends_when_its_last_participant_hangs_up(
    calls: CallsCaller, receiver: Receiver, who: str, sub_code: int
) -> None:
    participant = PHONE if who == "phone" else await calls.create()
    connection = await calls.connected(receiver, participant)

    await calls.does(connection, "hangUp", participant=participant)

    result = (await receiver.event("CallDisconnected"))["data"]["resultInformation"]
    assert (result["code"], result["subCode"]) == (200, sub_code)
    assert (await calls.ask("GET", f"/{connection}")).error == GONE
    assert (await calls.seen(connection))["callConnectionState"] == "disconnected"


@pytest.mark.parametrize(("method", "action"), [("DELETE", ""), ("POST", ":terminate")])
async def test_an_app_hangs_up_once(
    calls: CallsCaller, receiver: Receiver, method: str, action: str
) -> None:
    connection = await calls.connected(receiver, PHONE)

    assert (await calls.ask(method, f"/{connection}{action}")).status == 204
    assert (await calls.ask(method, f"/{connection}{action}")).error == GONE

    result = (await receiver.event("CallDisconnected"))["data"]["resultInformation"]
    assert result == {
        "code": 200,
        "subCode": 7000,
        "message": "The conversation has ended. DiagCode: 0#7000.@",
    }
    assert receiver.names.count("CallDisconnected") == 1


class TestGroupCalls:
    def connect(self, receiver: Receiver, group: str) -> dict[str, Any]:
        locator = {"kind": "groupCallLocator", "groupCallId": group}
        return {"callLocator": locator, "callbackUri": receiver.url}

    async def test_two_connections_share_the_call_but_not_their_ids(
        self, calls: CallsCaller, receiver: Receiver
    ) -> None:
        body = self.connect(receiver, str(uuid.uuid4()))
        answers = [await calls.ask("POST", ":connect", body) for _ in range(2)]
        await receiver.event("CallConnected", 2)
        await receiver.event("ParticipantsUpdated", 3)

        first, second = (answer.json for answer in answers)
        assert [answer.status for answer in answers] == [200, 200]
        assert first["callConnectionId"] != second["callConnectionId"]
        assert first["serverCallId"] == second["serverCallId"]
        assert len(await calls.participants(first["callConnectionId"])) == 2

        await calls.ask("DELETE", f"/{first['callConnectionId']}")
        await receiver.event("CallDisconnected")
        assert len(await calls.participants(second["callConnectionId"])) == 1

    @pytest.mark.parametrize(
        ("locator", "status"),
        [
            ({"kind": "groupCallLocator", "groupCallId": "standup"}, 400),
            ({"kind": "groupCallLocator"}, 400),
            ({"kind": "serverCallLocator", "serverCallId": "aGVsbG8="}, 404),
            ({"kind": "roomCallLocator", "roomId": "99440204096132370"}, 501),
        ],
    )
    async def test_a_call_that_cannot_be_found_is_not_joined(
        self, calls: CallsCaller, receiver: Receiver, locator: object, status: int
    ) -> None:
        body = {"callLocator": locator, "callbackUri": receiver.url}

        assert (await calls.ask("POST", ":connect", body)).status == status

    async def test_people_join_and_leave_while_the_app_stays(
        self, calls: CallsCaller, receiver: Receiver
    ) -> None:
        alice = await calls.create()
        answer = await calls.ask("POST", ":connect", self.connect(receiver, str(uuid.uuid4())))
        connection = answer.json["callConnectionId"]
        await receiver.event("CallConnected")

        await calls.does(connection, "join", participant=alice)
        assert alice in await calls.participants(connection)
        await calls.does(connection, "hangUp", participant=alice)
        assert alice not in await calls.participants(connection)

        last = await receiver.event("ParticipantsUpdated", 3)
        assert last["data"]["sequenceNumber"] == 5

    async def test_a_call_is_joined_by_its_server_call_id(
        self, calls: CallsCaller, receiver: Receiver
    ) -> None:
        connection = await calls.connected(receiver, PHONE)
        server_call_id = (await calls.ask("GET", f"/{connection}")).json["serverCallId"]
        locator = {"kind": "serverCallLocator", "serverCallId": server_call_id}
        body = {"callLocator": locator, "callbackUri": receiver.url}

        joined = (await calls.ask("POST", ":connect", body)).json["callConnectionId"]
        await receiver.event("CallConnected", 2)
        assert PHONE in await calls.participants(joined)

        await calls.ask("POST", f"/{joined}:terminate")
        await receiver.event("CallDisconnected", 2)
        assert how_they_ended(receiver) == {joined: (200, 7000), connection: (200, 5002)}
        assert (await calls.ask("POST", ":connect", body)).error == GONE
