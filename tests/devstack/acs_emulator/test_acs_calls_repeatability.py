"""The same request again: one effect, one answer."""

import asyncio
import uuid

import aiohttp
import pytest

from tests.devstack.acs_emulator.acs_fixtures import emulator, issuer
from tests.devstack.acs_emulator.call_fixtures import (
    OTHER_PHONE,
    PHONE,
    CallsCaller,
    Receiver,
    calls,
    new_call,
    receiver,
    repeatable,
)

__all__ = ["calls", "emulator", "issuer", "receiver"]


async def number_of_calls(calls: CallsCaller) -> int:
    return len((await calls.state())["calls"])


async def test_a_call_is_created_once_however_often_it_is_asked_for(
    calls: CallsCaller, receiver: Receiver
) -> None:
    before = await number_of_calls(calls)
    body, headers = new_call(receiver, PHONE), repeatable()

    answers = await asyncio.gather(
        *(calls.ask("POST", "", body, headers=headers) for _ in range(20))
    )

    assert {(answer.status, answer.text) for answer in answers} == {(201, answers[0].text)}
    assert len({answer.headers["x-microsoft-skype-chain-id"] for answer in answers}) == 1
    assert await number_of_calls(calls) == before + 1
    await receiver.event("ParticipantsUpdated")
    assert receiver.names == ["CallConnected", "ParticipantsUpdated"]


async def test_a_repetition_gets_the_answer_that_was_lost(
    calls: CallsCaller, receiver: Receiver
) -> None:
    before = await number_of_calls(calls)
    body, headers = new_call(receiver, PHONE), repeatable()
    await calls.add_fault(operation="createCall", drop="after", times=1)
    with pytest.raises(aiohttp.ClientConnectionError):
        await calls.ask("POST", "", body, headers=headers)
    connected = await receiver.event("CallConnected")  # before anybody knew of it

    again = await calls.ask("POST", "", body, headers=headers)

    assert again.json["callConnectionId"] == connected["data"]["callConnectionId"]
    assert await number_of_calls(calls) == before + 1


async def test_other_ids_and_none_at_all_are_other_calls(
    calls: CallsCaller, receiver: Receiver
) -> None:
    before = await number_of_calls(calls)
    body = new_call(receiver, PHONE)

    for headers in (repeatable(), repeatable(), None, None):
        await calls.ask("POST", "", body, headers=headers)

    assert await number_of_calls(calls) == before + 4


async def test_somebody_is_added_once(calls: CallsCaller, receiver: Receiver) -> None:
    connection = await calls.connected(receiver, PHONE)
    body = {"participantToAdd": {"rawId": await calls.create()}}
    path, headers = f"/{connection}/participants:add", repeatable()

    first = await calls.ask("POST", path, body, headers=headers)
    await receiver.event("AddParticipantSucceeded")
    second = await calls.ask("POST", path, body, headers=headers)

    assert first.text == second.text
    assert second.headers["repeatability-result"] == "accepted"
    await calls.ask("POST", f"/{connection}:terminate")
    await receiver.event("CallDisconnected")
    assert not receiver.named("AddParticipantFailed")


async def test_a_call_that_was_ended_by_the_same_request_is_no_missing_one(
    calls: CallsCaller, receiver: Receiver
) -> None:
    connection = await calls.connected(receiver, PHONE)
    path, headers = f"/{connection}:terminate", repeatable()

    statuses = [
        (await calls.ask("POST", path, headers=each)).status
        for each in (headers, headers, repeatable())
    ]

    assert statuses == [204, 204, 404]


async def test_an_id_stands_for_one_request(calls: CallsCaller, receiver: Receiver) -> None:
    connection = await calls.connected(receiver, PHONE)
    headers = repeatable()
    body = new_call(receiver, PHONE)
    await calls.ask("POST", "", body, headers=headers)
    before = await number_of_calls(calls)

    others = [
        await calls.ask("POST", "", new_call(receiver, OTHER_PHONE), headers=headers),
        await calls.ask("POST", f"/{connection}:terminate", headers=headers),
        await calls.ask(
            "POST",
            "",
            body,
            headers={**headers, "Repeatability-First-Sent": "Mon, 01 Jan 2024 00:00:00 GMT"},
        ),
    ]

    for refused in others:
        assert refused.error[:2] == (400, "400")
        assert refused.headers["repeatability-result"] == "rejected"
    assert await number_of_calls(calls) == before


async def test_what_was_refused_can_be_tried_again_under_its_id(
    calls: CallsCaller, receiver: Receiver
) -> None:
    body, headers = new_call(receiver, PHONE), repeatable()
    foreign = {**body, "sourceCallerIdNumber": {"value": "+14255550199"}}
    assert (await calls.ask("POST", "", foreign, headers=headers)).status == 400

    assert (await calls.ask("POST", "", body, headers=headers)).status == 201


@pytest.mark.parametrize(
    "headers",
    [
        {"Repeatability-Request-ID": str(uuid.uuid4())},
        {"Repeatability-First-Sent": "Mon, 01 Jan 2024 00:00:00 GMT"},
        {**repeatable("no-uuid")},
        {**repeatable(), "Repeatability-First-Sent": "yesterday"},
    ],
)
async def test_half_a_name_is_refused(
    calls: CallsCaller, receiver: Receiver, headers: dict[str, str]
) -> None:
    refused = await calls.ask("POST", "", new_call(receiver, PHONE), headers=headers)

    assert refused.error[:2] == (400, "400")
