"""Adding, removing and muting participants of a call."""

import pytest

from devstack.well_known import ACS_CALLER_ID
from tests.devstack.acs_emulator.acs_fixtures import emulator, issuer
from tests.devstack.acs_emulator.call_fixtures import (
    OTHER_PHONE,
    PHONE,
    CallsCaller,
    Receiver,
    calls,
    participant_path,
    phone,
    receiver,
    user,
)

__all__ = ["calls", "emulator", "issuer", "receiver"]


async def test_a_person_who_is_added_is_called_and_comes(
    calls: CallsCaller, receiver: Receiver
) -> None:
    connection = await calls.connected(receiver, PHONE)
    alice = await calls.create()

    answer = await calls.add(connection, alice, operationContext="add alice")

    assert answer.status == 202
    assert answer.headers["repeatability-result"] == "accepted"
    assert answer.json["operationContext"] == "add alice"
    assert answer.json["participant"] == {
        "identifier": {"rawId": alice, **user(alice)},
        "isMuted": False,
        "isOnHold": False,
    }
    updated = await receiver.event("ParticipantsUpdated", 2)
    assert receiver.names[2:] == ["AddParticipantSucceeded", "ParticipantsUpdated"]
    added = receiver.events[2]["data"]
    assert added["operationContext"] == "add alice"
    assert added["participant"] == {"rawId": alice, **user(alice)}
    assert alice in [each["identifier"]["rawId"] for each in updated["data"]["participants"]]


@pytest.mark.parametrize(
    ("answer", "code"), [("busy", 486), ("decline", 487), ("none", 487), ("unreachable", 480)]
)
async def test_a_failed_addition_is_reported(
    calls: CallsCaller, receiver: Receiver, answer: str, code: int
) -> None:
    connection = await calls.connected(receiver, PHONE)
    await calls.far_ends({OTHER_PHONE: {"answer": answer, "afterMs": 0}})

    await calls.add(connection, OTHER_PHONE, operationContext="add")

    failed = (await receiver.event("AddParticipantFailed"))["data"]
    assert failed["operationContext"] == "add"
    assert failed["participant"]["rawId"] == OTHER_PHONE
    assert failed["resultInformation"]["code"] == code
    assert OTHER_PHONE not in await calls.participants(connection)
    assert receiver.names[2:] == ["AddParticipantFailed"]


async def test_an_invitation_ends_after_its_own_time(
    calls: CallsCaller, receiver: Receiver
) -> None:
    connection = await calls.connected(receiver, PHONE)
    await calls.far_ends({OTHER_PHONE: {"answer": "ring"}})

    await calls.add(connection, OTHER_PHONE, invitationTimeoutInSeconds=0)

    failed = await receiver.event("AddParticipantFailed")
    assert failed["data"]["resultInformation"]["subCode"] == 10004


async def test_nobody_is_added_twice(calls: CallsCaller, receiver: Receiver) -> None:
    connection = await calls.connected(receiver, PHONE)

    await calls.add(connection, PHONE)

    failed = await receiver.event("AddParticipantFailed")
    assert failed["data"]["resultInformation"]["code"] == 400


async def test_of_two_invitations_at_once_one_succeeds(
    calls: CallsCaller, receiver: Receiver
) -> None:
    connection = await calls.connected(receiver, PHONE)
    alice = await calls.create()

    for _ in range(2):
        await calls.add(connection, alice)

    await receiver.event("AddParticipantSucceeded")
    await receiver.event("AddParticipantFailed")
    assert (await calls.participants(connection)).count(alice) == 1


async def test_a_call_goes_on_while_somebody_is_still_called_to_it(
    calls: CallsCaller, receiver: Receiver
) -> None:
    connection = await calls.connected(receiver, PHONE)
    await calls.far_ends({OTHER_PHONE: {"answer": "ring"}})
    invitation = (await calls.add(connection, OTHER_PHONE)).json["invitationId"]
    await calls.does(connection, "hangUp", participant=PHONE)
    await receiver.event("ParticipantsUpdated", 2)

    body = {"invitationId": invitation}
    await calls.ask("POST", f"/{connection}/participants:cancelAddParticipant", body)

    await receiver.event("CallDisconnected")
    assert receiver.names[-2:] == ["CancelAddParticipantSucceeded", "CallDisconnected"]


async def test_an_invitation_is_canceled_while_it_rings(
    calls: CallsCaller, receiver: Receiver
) -> None:
    connection = await calls.connected(receiver, PHONE)
    await calls.far_ends({OTHER_PHONE: {"answer": "ring"}})
    invitation = (await calls.add(connection, OTHER_PHONE)).json["invitationId"]
    assert (await calls.seen(connection))["ringing"] == [
        {"invitationId": invitation, "participant": OTHER_PHONE}
    ]
    path, body = f"/{connection}/participants:cancelAddParticipant", {"invitationId": invitation}

    answer = await calls.ask("POST", path, {**body, "operationContext": "no"})

    assert (answer.status, answer.json) == (202, {**body, "operationContext": "no"})
    canceled = (await receiver.event("CancelAddParticipantSucceeded"))["data"]
    assert (canceled["invitationId"], canceled["operationContext"]) == (invitation, "no")
    assert (await calls.seen(connection))["ringing"] == []

    await calls.ask("POST", path, body)
    await receiver.event("CancelAddParticipantFailed")
    assert "AddParticipantFailed" not in receiver.names


async def test_a_participant_who_is_removed_leaves(calls: CallsCaller, receiver: Receiver) -> None:
    alice = await calls.create()
    connection = await calls.connected(receiver, PHONE, alice)
    path = f"/{connection}/participants:remove"
    body = {"participantToRemove": user(alice), "operationContext": "out"}

    answer = await calls.ask("POST", path, body)

    assert (answer.status, answer.json) == (202, {"operationContext": "out"})
    await receiver.event("ParticipantsUpdated", 3)
    assert receiver.names[3:] == ["RemoveParticipantSucceeded", "ParticipantsUpdated"]
    assert receiver.events[3]["data"]["participant"]["rawId"] == alice
    assert alice not in await calls.participants(connection)

    await calls.ask("POST", path, body)
    failed = await receiver.event("RemoveParticipantFailed")
    assert failed["data"]["participant"]["rawId"] == alice


async def test_a_call_ends_when_its_last_participant_is_removed(
    calls: CallsCaller, receiver: Receiver
) -> None:
    connection = await calls.connected(receiver, PHONE)

    await calls.ask("POST", f"/{connection}/participants:remove", {"participantToRemove": phone()})

    ended = await receiver.event("CallDisconnected")
    assert receiver.names[2:] == ["RemoveParticipantSucceeded", "CallDisconnected"]
    result = ended["data"]["resultInformation"]
    assert (result["code"], result["subCode"]) == (200, 5002)


async def test_users_are_muted_and_phones_are_not(calls: CallsCaller, receiver: Receiver) -> None:
    alice, bob = await calls.create(), await calls.create()
    connection = await calls.connected(receiver, PHONE, alice)
    path = f"/{connection}/participants:mute"

    answer = await calls.ask("POST", path, {"targetParticipants": [user(alice)]})

    assert (answer.status, answer.json) == (200, {})
    muted = await calls.ask("GET", participant_path(connection, alice))
    assert muted.json["isMuted"] is True
    updated = await receiver.event("ParticipantsUpdated", 3)
    assert [each["isMuted"] for each in updated["data"]["participants"]].count(True) == 1
    assert (await calls.ask("POST", path, {"targetParticipants": [phone()]})).status == 400
    assert (await calls.ask("POST", path, {"targetParticipants": [user(bob)]})).status == 404


async def test_who_is_not_there_is_not_found(calls: CallsCaller, receiver: Receiver) -> None:
    connection = await calls.connected(receiver, PHONE)

    found = await calls.ask("GET", participant_path(connection, PHONE))
    missing = await calls.ask("GET", participant_path(connection, OTHER_PHONE))

    assert found.json["identifier"] == {"rawId": PHONE, **phone()}
    assert missing.status == 404


@pytest.mark.parametrize("caller_id", [None, {"value": "+14255550199"}])
async def test_a_phone_is_added_from_the_resources_number_only(
    calls: CallsCaller, receiver: Receiver, caller_id: object
) -> None:
    connection = await calls.connected(receiver, PHONE)

    refused = await calls.add(connection, OTHER_PHONE, sourceCallerIdNumber=caller_id)

    assert refused.status == 400
    assert "SourceCallerIdNumber" in refused.error[2]
    good = await calls.add(connection, OTHER_PHONE, sourceCallerIdNumber={"value": ACS_CALLER_ID})
    assert good.status == 202
