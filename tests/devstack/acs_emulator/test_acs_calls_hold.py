"""Participants who wait: the events and codes are recorded."""

from typing import Any

import pytest

from tests.devstack.acs_emulator.acs_fixtures import emulator, issuer
from tests.devstack.acs_emulator.call_fixtures import (
    OTHER_PHONE,
    PHONE,
    CallsCaller,
    Event,
    Receiver,
    calls,
    participant_path,
    phone,
    receiver,
)

__all__ = ["calls", "emulator", "issuer", "receiver"]

MUSIC = "https://a.example.com/music.wav"


def on_hold(event: Event) -> list[str]:
    """The participants who wait, in an event about all of them."""
    participants: list[Any] = event["data"]["participants"]
    return [each["identifier"]["rawId"] for each in participants if each["isOnHold"]]


async def test_a_participant_waits_until_they_need_not(
    calls: CallsCaller, receiver: Receiver
) -> None:
    connection = await calls.connected(receiver, PHONE)
    target = {"targetParticipant": phone()}

    held = await calls.ask("POST", f"/{connection}:hold", target)
    assert on_hold(await receiver.event("ParticipantsUpdated", 2)) == [PHONE]
    shown = await calls.ask("GET", participant_path(connection, PHONE))
    unheld = await calls.ask("POST", f"/{connection}:unhold", target)
    assert on_hold(await receiver.event("ParticipantsUpdated", 3)) == []

    assert [held.status, unheld.status] == [200, 200]
    assert shown.json["isOnHold"] is True


async def test_participants_do_not_wait_for_music_that_cannot_be_played(
    calls: CallsCaller, receiver: Receiver
) -> None:
    connection = await calls.connected(receiver, PHONE)
    await calls.far_ends(sources={MUSIC: "badFormat"})
    body = {
        "targetParticipant": phone(),
        "playSourceInfo": {"kind": "file", "file": {"uri": MUSIC}},
        "operationContext": "hold",
    }

    await calls.ask("POST", f"/{connection}:hold", body)

    await receiver.event("ParticipantsUpdated", 3)
    waiting, failed, back = receiver.events[2:]
    assert (on_hold(waiting), on_hold(back)) == ([PHONE], [])
    assert failed["data"]["operationContext"] == "hold"
    result = failed["data"]["resultInformation"]
    assert (result["code"], result["subCode"]) == (400, 8535)
    assert receiver.names[3] == "HoldFailed"


@pytest.mark.parametrize("action", ["hold", "unhold"])
async def test_only_who_is_in_the_call_can_wait(
    calls: CallsCaller, receiver: Receiver, action: str
) -> None:
    connection = await calls.connected(receiver, PHONE)
    path = f"/{connection}:{action}"

    absent = await calls.ask("POST", path, {"targetParticipant": phone(OTHER_PHONE)})

    assert absent.status == 404
    assert (await calls.ask("POST", path, {})).status == 400
    speech = {"targetParticipant": phone(), "playSourceInfo": {"kind": "text"}}
    if action == "hold":
        assert (await calls.ask("POST", path, speech)).status == 400
