"""Participants of one call of the app who are moved into another one."""

from typing import Any

from tests.devstack.acs_emulator.acs_fixtures import emulator, issuer
from tests.devstack.acs_emulator.call_fixtures import (
    OTHER_PHONE,
    PHONE,
    CallsCaller,
    Receiver,
    calls,
    how_they_ended,
    phone,
    receiver,
    repeatable,
)
from tests.devstack.emulator_fixtures import Answer

__all__ = ["calls", "emulator", "issuer", "receiver"]

GUEST = "4:+14255550125"


async def move(
    calls: CallsCaller, here: str, there: str, *who: str, headers: Any = None, **more: object
) -> Answer:
    body = {"targetParticipants": [phone(raw_id) for raw_id in who], "fromCall": there, **more}
    return await calls.ask("POST", f"/{here}/participants:moveHere", body, headers=headers)


async def test_a_participant_moves_from_one_call_to_the_other(
    calls: CallsCaller, receiver: Receiver
) -> None:
    here = await calls.connected(receiver, PHONE)
    there = await calls.connected(receiver, OTHER_PHONE, GUEST)
    receiver.events.clear()

    answer = await move(calls, here, there, GUEST, operationContext="moved")

    assert answer.status == 202
    present = [each["identifier"]["rawId"] for each in answer.json["participants"]]
    assert set(present) >= {PHONE, GUEST}  # documented: those who are in the call
    assert (answer.json["fromCall"], answer.json["operationContext"]) == (there, "moved")
    moved = (await receiver.event("MoveParticipantSucceeded"))["data"]
    assert moved["callConnectionId"] == here
    assert moved["fromCall"] == there
    assert moved["participant"]["rawId"] == GUEST
    assert moved["operationContext"] == "moved"
    await receiver.event("ParticipantsUpdated", 2)
    assert GUEST in await calls.participants(here)
    assert GUEST not in await calls.participants(there)


async def test_a_call_that_nobody_is_left_in_ends(calls: CallsCaller, receiver: Receiver) -> None:
    here = await calls.connected(receiver, PHONE)
    there = await calls.connected(receiver, OTHER_PHONE)

    await move(calls, here, there, OTHER_PHONE)

    await receiver.event("CallDisconnected")
    assert how_they_ended(receiver) == {there: (200, 5002)}
    assert set(await calls.participants(here)) >= {PHONE, OTHER_PHONE}


async def test_each_participant_has_an_event_of_its_own(
    calls: CallsCaller, receiver: Receiver
) -> None:
    here = await calls.connected(receiver, PHONE)
    there = await calls.connected(receiver, PHONE, OTHER_PHONE)

    await move(calls, here, there, PHONE, GUEST, OTHER_PHONE)

    moved = (await receiver.event("MoveParticipantSucceeded"))["data"]
    await receiver.event("MoveParticipantFailed", 2)
    failed = {
        event["data"]["participant"]["rawId"]: event["data"]["resultInformation"]["code"]
        for event in receiver.named("MoveParticipantFailed")
    }
    assert moved["participant"]["rawId"] == OTHER_PHONE
    assert failed == {PHONE: 400, GUEST: 404}  # in this call already, and in neither
    assert PHONE in await calls.participants(there)


async def test_a_repeated_request_moves_once(calls: CallsCaller, receiver: Receiver) -> None:
    here = await calls.connected(receiver, PHONE)
    there = await calls.connected(receiver, OTHER_PHONE, GUEST)
    headers = repeatable()

    answers = [await move(calls, here, there, GUEST, headers=headers) for _ in range(2)]
    await calls.ask("DELETE", f"/{here}")
    await receiver.event("CallDisconnected")

    assert [(answer.status, answer.json) for answer in answers] == [(202, answers[0].json)] * 2
    assert answers[0].headers["repeatability-result"] == "accepted"
    assert len(receiver.named("MoveParticipantSucceeded")) == 1
    assert receiver.named("MoveParticipantFailed") == []


async def test_both_calls_have_to_be_there(calls: CallsCaller, receiver: Receiver) -> None:
    here = await calls.connected(receiver, PHONE)
    await calls.far_ends({GUEST: {"answer": "ring"}})
    ringing = await calls.place(receiver, GUEST)

    assert (await move(calls, here, "unknown", PHONE)).error[:2] == (404, "8522")
    assert (await move(calls, "unknown", here, PHONE)).error[:2] == (404, "8522")
    assert (await move(calls, here, ringing, GUEST)).error[1] == "8501"
    assert (await move(calls, here, here, PHONE)).error[:2] == (400, "400")
    assert (await move(calls, here, here)).error[:2] == (400, "400")
    await calls.ask("DELETE", f"/{ringing}")


async def test_a_leg_of_the_app_is_not_moved(calls: CallsCaller, receiver: Receiver) -> None:
    here = await calls.connected(receiver, PHONE)
    source = await calls.create()
    there = await calls.connected(receiver, OTHER_PHONE, source={"id": source})
    body = {"targetParticipants": [{"communicationUser": {"id": source}}], "fromCall": there}

    refused = await calls.ask("POST", f"/{here}/participants:moveHere", body)

    assert refused.error[:2] == (501, "NotEmulated")
    assert "move of a participant who is an app" in refused.error[2]
