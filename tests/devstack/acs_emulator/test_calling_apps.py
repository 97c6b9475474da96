"""Windows as the far end of Call Automation: apps ring at them, answer them, and play to them."""

import asyncio
from typing import Any

from tests.devstack.acs_emulator.acs_fixtures import emulator, issuer
from tests.devstack.acs_emulator.call_fixtures import (
    CallsCaller,
    Receiver,
    calls,
    how_they_ended,
    receiver,
    user,
)
from tests.devstack.acs_emulator.event_grid_fixtures import Grid, Webhook, grid, webhook
from tests.devstack.acs_emulator.window_fixtures import Window, Windows, windows

__all__ = ["calls", "emulator", "grid", "issuer", "receiver", "webhook", "windows"]

SPEECH = {"cognitiveServicesEndpoint": "https://speech.example.com"}


async def rung(windows: Windows, receiver: Receiver, window: Window, **more: object) -> str:
    """A call of an app that the window has accepted; the connection."""
    connection = await windows.calls.place(receiver, window.user, **more)
    await accept(window)
    await window.state("connected")
    await receiver.event("CallConnected")
    return connection


async def accept(window: Window) -> None:
    await window.send("answer", ring=(await window.next("ring"))["ring"], accept=True)


async def bot_answers(
    windows: Windows, receiver: Receiver, webhook: Webhook, caller: Window
) -> tuple[str, str]:
    """A window calls a bot, whose app answers; the bot and the connection."""
    bot = await windows.person()
    await caller.send("call", to=bot)
    arrival = (await webhook.until_told(1))[0]
    data = arrival.event["data"]
    assert data["from"]["rawId"] == caller.user
    assert data["to"]["rawId"] == bot
    body = {"incomingCallContext": data["incomingCallContext"], "callbackUri": receiver.url}
    answer = await windows.calls.ask("POST", ":answer", body | {"callIntelligenceOptions": SPEECH})
    assert answer.status == 200, answer
    await caller.state("connected", caller.user, bot)
    return bot, answer.json["callConnectionId"]


async def test_an_app_rings_at_a_window_which_accepts_and_leaves(
    windows: Windows, receiver: Receiver
) -> None:
    alice = await windows.open(name="Alice")
    source = await windows.person()

    connection = await rung(
        windows, receiver, alice, source=user(source)["communicationUser"], sourceDisplayName="Shop"
    )

    assert alice.came[1]["from"] == {"user": source, "displayName": "Shop"}
    assert set(await windows.calls.participants(connection)) == {source, alice.user}
    await alice.send("leave")
    await receiver.event("CallDisconnected")


async def test_a_window_declines_a_call_of_an_app(windows: Windows, receiver: Receiver) -> None:
    alice = await windows.open()
    connection = await windows.calls.place(receiver, alice.user)
    await alice.send("answer", ring=(await alice.next("ring"))["ring"], accept=False)

    await receiver.event("CreateCallFailed")

    assert how_they_ended(receiver) == {connection: (200, 5002)}


async def test_without_a_window_the_far_end_is_the_default(
    windows: Windows, receiver: Receiver
) -> None:
    alice = await windows.open()
    await alice.socket.close()
    async with asyncio.timeout(10):
        while (await windows.calls.inspect("GET", "calling/windows")).json["windows"]:
            await asyncio.sleep(0.01)

    await windows.calls.place(receiver, alice.user)

    await receiver.event("CallConnected")


async def test_a_far_end_of_inspection_comes_before_the_window(
    windows: Windows, receiver: Receiver
) -> None:
    alice = await windows.open()
    await windows.calls.far_ends({alice.user: {"answer": "busy"}}, default={"afterMs": 5})

    await windows.calls.place(receiver, alice.user)

    await receiver.event("CreateCallFailed")
    await alice.settled()
    assert not any(message["type"] == "ring" for message in alice.came)


async def test_it_stops_ringing_when_the_app_gives_up(windows: Windows, receiver: Receiver) -> None:
    alice = await windows.open()
    connection = await windows.calls.place(receiver, alice.user)
    await alice.next("ring")

    await windows.calls.ask("DELETE", f"/{connection}")

    assert (await alice.next("ringEnded"))["reason"] == "canceled"


async def test_a_bot_answers_a_window_and_its_keys_connect_carol(
    windows: Windows, receiver: Receiver, webhook: Webhook, grid: Grid
) -> None:
    await grid.subscribed(webhook)
    calls, alice, carol = windows.calls, await windows.open(), await windows.open(name="Carol")
    bot, connection = await bot_answers(windows, receiver, webhook, alice)
    prompt = {"kind": "text", "text": {"text": "Press one for Carol", "sourceLocale": "en-GB"}}

    answer = await calls.recognize(
        connection,
        alice.user,
        dtmf={"maxTonesToCollect": 2},
        options={"interruptPrompt": True},
        playPrompt=prompt,
    )

    assert answer.status == 202, answer
    play = await alice.next("play")
    assert (play["state"], play["source"], play["ms"]) == ("started", "text", 1600)
    assert (play["text"], play["locale"]) == ("Press one for Carol", "en-GB")
    await alice.send("press", key="1")
    assert await alice.next("play") == {"type": "play", "play": play["play"], "state": "ended"}
    await alice.send("press", key="#")
    completed = await receiver.event("RecognizeCompleted")
    assert completed["data"]["dtmfResult"]["tones"] == ["one", "pound"]

    assert (await calls.add(connection, carol.user)).status == 202
    await accept(carol)

    for window in (alice, carol):
        call = await window.state("connected", alice.user, bot, carol.user)
        seen = {one["user"]: one["window"] for one in call["participants"]}
        assert seen == {alice.user: alice.id, bot: None, carol.user: carol.id}
    await receiver.event("AddParticipantSucceeded")
    await alice.send("signal", to=carol.id, data={"candidate": {}})
    await carol.next("signal")

    assert (await calls.ask("DELETE", f"/{connection}")).status == 204
    await carol.state("connected", alice.user, carol.user)  # they talk on without the bot
    await alice.send("leave")
    assert (await carol.state("ended"))["reason"] == "hungUp"


async def test_a_bot_hangs_up(
    windows: Windows, receiver: Receiver, webhook: Webhook, grid: Grid
) -> None:
    await grid.subscribed(webhook)
    alice = await windows.open()
    _, connection = await bot_answers(windows, receiver, webhook, alice)

    await windows.calls.ask("DELETE", f"/{connection}")

    assert (await alice.state("ended"))["reason"] == "hungUp"


async def test_a_window_leaves_a_bot(
    windows: Windows, receiver: Receiver, webhook: Webhook, grid: Grid
) -> None:
    await grid.subscribed(webhook)
    alice = await windows.open()
    await bot_answers(windows, receiver, webhook, alice)

    await alice.socket.close()

    await receiver.event("CallDisconnected")


async def test_a_bot_rejects_or_redirects_a_window(
    windows: Windows, webhook: Webhook, grid: Grid
) -> None:
    await grid.subscribed(webhook)
    alice, carol, bot = await windows.open(), await windows.open(), await windows.person()

    await alice.send("call", to=bot)
    told = (await webhook.until_told(1))[0].event["data"]["incomingCallContext"]
    answer = await windows.calls.ask("POST", ":reject", {"incomingCallContext": told})
    assert answer.status == 204, answer
    assert (await alice.state("ended"))["reason"] == "declined"
    assert (await windows.calls.ask("POST", ":reject", {"incomingCallContext": told})).status == 404

    await alice.send("call", to=bot)
    told = (await webhook.until_told(2))[1].event["data"]["incomingCallContext"]
    body = {"incomingCallContext": told, "target": user(carol.user)}
    assert (await windows.calls.ask("POST", ":redirect", body)).status == 204
    ring = await carol.next("ring")
    assert ring["from"]["user"] == alice.user
    await carol.send("answer", ring=ring["ring"], accept=True)
    await alice.state("connected", alice.user, carol.user)


async def test_whoever_answers_first_has_the_call_app_or_window(
    windows: Windows, receiver: Receiver, webhook: Webhook, grid: Grid
) -> None:
    await grid.subscribed(webhook)
    alice, bob = await windows.open(), await windows.open()
    await alice.send("call", to=bob.user)
    ring = await bob.next("ring")
    context = (await webhook.until_told(1))[0].event["data"]["incomingCallContext"]
    body = {"incomingCallContext": context, "callbackUri": receiver.url}

    answer = await windows.calls.ask("POST", ":answer", body)

    assert answer.status == 200, answer
    assert (await bob.next("ringEnded"))["reason"] == "answeredElsewhere"
    assert await bob.refusal("answer", ring=ring["ring"], accept=True) == "noSuchRing"
    await alice.send("leave")
    await alice.send("call", to=bob.user)
    await accept(bob)
    await alice.state("connected")
    context = (await webhook.until_told(2))[1].event["data"]["incomingCallContext"]
    late = await windows.calls.ask("POST", ":answer", body | {"incomingCallContext": context})
    assert late.status == 404


async def test_an_app_mutes_holds_and_removes_a_window(
    windows: Windows, receiver: Receiver
) -> None:
    alice, bob = await windows.open(), await windows.open()
    connection = await rung(windows, receiver, alice)
    await windows.calls.add(connection, bob.user)
    await accept(bob)
    await bob.state("connected")
    calls, target = windows.calls, {"targetParticipants": [user(alice.user)]}

    def own(call: dict[str, Any]) -> dict[str, Any]:
        return next((one for one in call["participants"] if one["window"] == alice.id), {})

    await calls.ask("POST", f"/{connection}/participants:mute", target)
    await alice.next("call", lambda call: own(call).get("muted", False))
    await alice.send("mute", muted=False)
    await alice.next("call", lambda call: not own(call).get("muted", True))
    hold = {"targetParticipant": user(alice.user)}
    await calls.ask("POST", f"/{connection}:hold", hold)
    await alice.next("call", lambda call: own(call).get("onHold", False))
    await calls.ask("POST", f"/{connection}:unhold", hold)
    await alice.next("call", lambda call: not own(call).get("onHold", True))

    body = {"participantToRemove": user(alice.user)}
    await calls.ask("POST", f"/{connection}/participants:remove", body)

    assert (await alice.state("ended"))["reason"] == "removed"
    await calls.ask("POST", f"/{connection}:terminate")
    assert (await bob.state("ended"))["reason"] == "terminated"


async def test_an_app_joins_a_group_call_of_windows(windows: Windows, receiver: Receiver) -> None:
    alice = await windows.open()
    group = await windows.group(alice)
    body = {
        "callLocator": {"kind": "groupCallLocator", "groupCallId": group},
        "callbackUri": receiver.url,
    }

    answer = await windows.calls.ask("POST", ":connect", body)

    assert answer.status == 200, answer
    call = await alice.next("call", lambda call: len(call["participants"]) == 2)
    assert [one["user"] for one in call["participants"] if one["window"]] == [alice.user]
    connection = answer.json["callConnectionId"]
    assert alice.user in await windows.calls.participants(connection)
    updated = await receiver.event("ParticipantsUpdated")
    assert len(updated["data"]["participants"]) == 2
    await windows.calls.ask("DELETE", f"/{connection}")
    await alice.state("connected", alice.user)


async def test_an_app_moves_and_transfers_windows(windows: Windows, receiver: Receiver) -> None:
    alice, bob, carol = [await windows.open() for _ in range(3)]
    here = await rung(windows, receiver, alice)
    there = await windows.calls.place(receiver, bob.user)
    await accept(bob)
    await bob.state("connected")

    body = {"targetParticipants": [user(bob.user)], "fromCall": there}
    answer = await windows.calls.ask("POST", f"/{here}/participants:moveHere", body)

    assert answer.status == 202, answer
    assert (await bob.state("ended"))["reason"] == "moved"
    call = await bob.next("call", lambda one: one["state"] == "connected")
    assert {alice.id, bob.id} <= {one["window"] for one in call["participants"]}

    transfer = {"targetParticipant": user(carol.user), "transferee": user(bob.user)}
    await windows.calls.ask("POST", f"/{here}:transferToParticipant", transfer)
    ring = await carol.next("ring")
    assert ring["from"]["user"] == bob.user
    await carol.send("answer", ring=ring["ring"], accept=True)

    assert (await bob.state("ended"))["reason"] == "moved"
    for window in (bob, carol):
        await window.state("connected", bob.user, carol.user)
    await alice.next(
        "call", lambda one: all(who["user"] != bob.user for who in one["participants"])
    )
    await receiver.event("CallTransferAccepted")


async def test_two_windows_of_a_person_are_one_participant(
    windows: Windows, receiver: Receiver, calls: CallsCaller
) -> None:
    alice = await windows.open()
    second = await windows.open(alice.user)
    group = await windows.group(alice)
    body = {
        "callLocator": {"kind": "groupCallLocator", "groupCallId": group},
        "callbackUri": receiver.url,
    }
    connection = (await calls.ask("POST", ":connect", body)).json["callConnectionId"]
    await receiver.event("ParticipantsUpdated")

    await second.send("join", groupId=group)
    await second.state("connected")
    await alice.send("leave")
    await second.next("call", lambda one: len(one["participants"]) == 2)

    assert (await calls.participants(connection)).count(alice.user) == 1
