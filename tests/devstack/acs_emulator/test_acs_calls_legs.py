"""Calls to identities: Event Grid tells an app, which answers, so that it may be both legs.

The sequences and codes are those of the recordings that Microsoft keeps with the tests of its SDKs.
"""

from typing import Any

import pytest

from devstack.well_known import ACS_CALLER_ID
from tests.devstack.acs_emulator.acs_fixtures import emulator, issuer
from tests.devstack.acs_emulator.call_fixtures import (
    OTHER_PHONE,
    PHONE,
    CallsCaller,
    Receiver,
    calls,
    how_they_ended,
    name_of,
    phone,
    receiver,
    user,
)
from tests.devstack.acs_emulator.event_grid_fixtures import Grid, Webhook, grid, webhook

__all__ = ["calls", "emulator", "grid", "issuer", "receiver", "webhook"]


class Legs:
    """An app that calls itself: identities without a client, and Event Grid tells it."""

    def __init__(self, calls: CallsCaller, receiver: Receiver, webhook: Webhook) -> None:
        self.calls = calls
        self.receiver = receiver
        self.webhook = webhook

    async def told(self, number: int = 1) -> Any:
        """The data of an IncomingCall event."""
        arrivals = await self.webhook.until_told(number)
        assert arrivals[number - 1].event["eventType"] == "Microsoft.Communication.IncomingCall"
        return arrivals[number - 1].event["data"]

    async def answers(self, incoming: Any) -> str:
        """The app answers; the id of its leg."""
        answer = await self.calls.ask(
            "POST",
            ":answer",
            {
                "incomingCallContext": incoming["incomingCallContext"],
                "callbackUri": self.receiver.url,
                "operationContext": "answered",
            },
        )
        assert answer.status == 200, answer
        assert answer.json["callConnectionState"] == "unknown"
        leg: str = answer.json["callConnectionId"]
        return leg

    async def both(self) -> tuple[str, str, str]:
        """A call between two legs: the caller's, the one that was called, and who that is."""
        callee = await self.calls.create()
        calling = await self.calls.place(self.receiver, callee, operationContext="placed")
        leg = await self.answers(await self.told(len(self.webhook.told) + 1))
        await self.receiver.event("CallConnected", 2)
        await self.receiver.event("ParticipantsUpdated", 2)
        return calling, leg, callee

    async def say(self, how: str, incoming: Any, **more: object) -> None:
        body = {"incomingCallContext": incoming["incomingCallContext"], **more}
        answer = await self.calls.ask("POST", f":{how}", body)
        assert answer.status == 204, answer


@pytest.fixture
async def legs(calls: CallsCaller, receiver: Receiver, webhook: Webhook, grid: Grid) -> Legs:
    await grid.subscribed(webhook)
    return Legs(calls, receiver, webhook)


async def test_one_app_is_both_legs_of_a_call(legs: Legs) -> None:
    alice, bob = await legs.calls.create(), await legs.calls.create()
    calling = await legs.calls.place(legs.receiver, bob, source={"id": alice})
    incoming = await legs.told()
    assert incoming["from"] == {"rawId": alice, **user(alice)}
    assert incoming["to"] == {"rawId": bob, **user(bob)}

    leg = await legs.answers(incoming)

    await legs.receiver.event("ParticipantsUpdated", 2)
    connected = legs.receiver.named("CallConnected")
    assert {each["data"]["callConnectionId"] for each in connected} == {calling, leg}
    for name in ("serverCallId", "correlationId"):
        assert {each["data"][name] for each in legs.receiver.events} == {incoming[name]}
    for connection in (calling, leg):
        assert set(await legs.calls.participants(connection)) == {alice, bob}


async def test_a_terminated_call_ends_for_the_other_leg_as_a_call_does(legs: Legs) -> None:
    calling, leg, _ = await legs.both()

    await legs.calls.ask("POST", f"/{leg}:terminate")

    await legs.receiver.event("CallDisconnected", 2)
    assert how_they_ended(legs.receiver) == {leg: (200, 7000), calling: (200, 5002)}


async def test_a_leg_is_not_left_alone(legs: Legs) -> None:
    calling, leg, _ = await legs.both()

    await legs.calls.ask("DELETE", f"/{leg}")

    await legs.receiver.event("CallDisconnected", 2)
    assert how_they_ended(legs.receiver) == {leg: (200, 7000), calling: (200, 5002)}


async def test_a_leg_that_is_removed_ends_and_so_does_the_one_that_is_left(legs: Legs) -> None:
    calling, leg, callee = await legs.both()

    body = {"participantToRemove": user(callee)}
    await legs.calls.ask("POST", f"/{calling}/participants:remove", body)

    await legs.receiver.event("CallDisconnected", 2)
    assert how_they_ended(legs.receiver) == {leg: (200, 5300), calling: (200, 5002)}
    names = legs.receiver.names
    assert names.index("RemoveParticipantSucceeded") < names.index("CallDisconnected")


async def test_a_call_between_legs_goes_on_while_others_leave(legs: Legs) -> None:
    calling, leg, _ = await legs.both()
    await legs.calls.add(calling, PHONE)
    await legs.receiver.event("AddParticipantSucceeded")

    await legs.calls.does(calling, "hangUp", participant=PHONE)

    assert PHONE not in await legs.calls.participants(leg)
    assert "CallDisconnected" not in legs.receiver.names


@pytest.mark.parametrize("reason", ["none", "busy", "forbidden"])
async def test_a_rejected_call_is_disconnected_and_then_has_failed(legs: Legs, reason: str) -> None:
    await legs.calls.place(legs.receiver, await legs.calls.create())

    await legs.say("reject", await legs.told(), callRejectReason=reason)

    await legs.receiver.event("CreateCallFailed")
    assert legs.receiver.names == ["CallDisconnected", "CreateCallFailed"]
    for event in legs.receiver.events:
        result = event["data"]["resultInformation"]
        assert (result["code"], result["subCode"]) == (200, 5002)


async def test_an_identity_that_is_added_rings_at_its_app(legs: Legs) -> None:
    calling = await legs.calls.connected(legs.receiver, PHONE)
    bob = await legs.calls.create()
    context = {"voipHeaders": {"topic": "billing"}, "sipHeaders": {"User-To-User": "00"}}
    answer = await legs.calls.add(calling, bob, customCallingContext=context)
    incoming = await legs.told()
    assert incoming["customContext"] == context

    leg = await legs.answers(incoming)

    await legs.receiver.event("AddParticipantSucceeded")
    names = legs.receiver.names[2:]
    assert names[:2] == ["CallConnected", "AddParticipantSucceeded"]
    assert set(await legs.calls.participants(leg)) == set(await legs.calls.participants(calling))
    body = {"invitationId": answer.json["invitationId"]}
    await legs.calls.ask("POST", f"/{calling}/participants:cancelAddParticipant", body)
    await legs.receiver.event("CancelAddParticipantFailed")  # it was accepted


async def test_a_call_that_is_canceled_rings_no_more(legs: Legs) -> None:
    calling = await legs.calls.connected(legs.receiver, PHONE)
    added = await legs.calls.add(calling, await legs.calls.create())
    incoming = await legs.told()

    body = {"invitationId": added.json["invitationId"]}
    await legs.calls.ask("POST", f"/{calling}/participants:cancelAddParticipant", body)

    body = {
        "incomingCallContext": incoming["incomingCallContext"],
        "callbackUri": legs.receiver.url,
    }
    assert (await legs.calls.ask("POST", ":answer", body)).status == 404


async def test_a_redirected_call_rings_at_the_other_identity(legs: Legs) -> None:
    bob, carol = await legs.calls.create(), await legs.calls.create()
    calling = await legs.calls.place(legs.receiver, bob)

    await legs.say("redirect", await legs.told(), target=user(carol))
    incoming = await legs.told(2)
    await legs.answers(incoming)

    await legs.receiver.event("CallConnected", 2)
    assert incoming["to"]["rawId"] == carol
    people = await legs.calls.participants(calling)
    assert carol in people
    assert bob not in people


async def test_a_phone_call_is_redirected_to_an_identity(legs: Legs, grid: Grid) -> None:
    bob, carol = await legs.calls.create(), await legs.calls.create()
    first = await grid.ring(callee=bob)

    await legs.say("redirect", first, target=user(carol))
    incoming = await legs.told(2)

    assert (incoming["from"]["rawId"], incoming["to"]["rawId"]) == (PHONE, carol)
    assert incoming["serverCallId"] == first["serverCallId"]
    leg = await legs.answers(incoming)
    await legs.receiver.event("CallConnected")
    assert set(await legs.calls.participants(leg)) == {PHONE, carol}


async def test_who_has_a_client_answers_there_though_an_app_is_told(legs: Legs) -> None:
    bob = await legs.calls.create()
    await legs.calls.issue(bob, scopes=["voip"])
    await legs.calls.connected(legs.receiver, bob)
    incoming = await legs.told()

    body = {
        "incomingCallContext": incoming["incomingCallContext"],
        "callbackUri": legs.receiver.url,
    }

    assert (await legs.calls.ask("POST", ":answer", body)).status == 404


class TestTransfer:
    async def transfer(self, legs: Legs, connection: str, target: object, **more: object) -> None:
        body = {"targetParticipant": target, "operationContext": "transfer", **more}
        answer = await legs.calls.ask("POST", f"/{connection}:transferToParticipant", body)
        assert (answer.status, answer.json) == (202, {"operationContext": "transfer"}), answer

    async def test_the_other_participant_leaves_for_the_target(self, legs: Legs) -> None:
        connection = await legs.calls.connected(legs.receiver, PHONE)
        number = {"sourceCallerIdNumber": {"value": ACS_CALLER_ID}}

        await self.transfer(legs, connection, phone(OTHER_PHONE), **number)

        await legs.receiver.event("CallDisconnected")
        accepted, _ = legs.receiver.events[2:]
        assert name_of(accepted) == "CallTransferAccepted"
        assert accepted["data"]["operationContext"] == "transfer"
        assert accepted["data"]["transferTarget"]["rawId"] == OTHER_PHONE
        assert accepted["data"]["transferee"]["rawId"] == PHONE

    async def test_who_is_named_leaves_and_the_others_stay(self, legs: Legs) -> None:
        connection = await legs.calls.connected(legs.receiver, PHONE)
        await legs.calls.add(connection, OTHER_PHONE)
        await legs.receiver.event("AddParticipantSucceeded")
        bob = await legs.calls.create()

        await self.transfer(legs, connection, user(bob), transferee=phone(PHONE))
        incoming = await legs.told()
        assert (incoming["from"]["rawId"], incoming["to"]["rawId"]) == (PHONE, bob)
        leg = await legs.answers(incoming)

        await legs.receiver.event("CallTransferAccepted")
        assert set(await legs.calls.participants(leg)) == {PHONE, bob}
        people = await legs.calls.participants(connection)
        assert PHONE not in people
        assert OTHER_PHONE in people

    async def test_if_the_target_declines_everybody_stays(self, legs: Legs) -> None:
        connection = await legs.calls.connected(legs.receiver, PHONE)
        await self.transfer(legs, connection, user(await legs.calls.create()))

        await legs.say("reject", await legs.told())

        failed = await legs.receiver.event("CallTransferFailed")
        assert failed["data"]["resultInformation"]["code"] == 487
        assert PHONE in await legs.calls.participants(connection)

    async def test_with_several_others_a_transfer_names_one(self, legs: Legs) -> None:
        connection = await legs.calls.connected(legs.receiver, PHONE)
        await legs.calls.add(connection, OTHER_PHONE)
        await legs.receiver.event("AddParticipantSucceeded")
        path, target = f"/{connection}:transferToParticipant", user(await legs.calls.create())

        unnamed = await legs.calls.ask("POST", path, {"targetParticipant": target})
        absent = {"targetParticipant": target, "transferee": phone("4:+14255550199")}

        assert unnamed.status == 400
        assert (await legs.calls.ask("POST", path, absent)).status == 404
        assert (await legs.calls.ask("POST", path, {})).status == 400
