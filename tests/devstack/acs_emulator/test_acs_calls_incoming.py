"""Calls that ring at the app."""

import asyncio

import pytest

from tests.devstack.acs_emulator.acs_fixtures import emulator, issuer
from tests.devstack.acs_emulator.call_fixtures import (
    OTHER_PHONE,
    PHONE,
    CallsCaller,
    Receiver,
    calls,
    phone,
    receiver,
)

__all__ = ["calls", "emulator", "issuer", "receiver"]


async def ring(calls: CallsCaller, *presses: str | list[str]) -> tuple[str, str]:
    """A phone calls a user of the app's; that user, and the context."""
    bot = await calls.create()
    body = {"caller": PHONE, "callee": bot, "presses": presses}
    answer = await calls.inspect("POST", "incomingCalls", body)
    assert answer.status == 201
    return bot, answer.json["incomingCallContext"]


async def answered(calls: CallsCaller, receiver: Receiver, *presses: str | list[str]) -> str:
    """A call of a phone that was answered; its connection."""
    _, context = await ring(calls, *presses)
    body = {"incomingCallContext": context, "callbackUri": receiver.url}
    answer = await calls.ask("POST", ":answer", body)
    assert answer.status == 200, answer
    await receiver.event("CallConnected")
    connection: str = answer.json["callConnectionId"]
    return connection


async def collected(
    calls: CallsCaller, receiver: Receiver, connection: str, who: str, context: str | None = None
) -> list[str]:
    """What somebody presses when two tones are collected from them."""
    receiver.events.clear()
    answer = await calls.recognize(
        connection, who, dtmf={"maxTonesToCollect": 2}, operationContext=context
    )
    assert answer.status == 202, answer
    completed = await receiver.event("RecognizeCompleted")
    tones: list[str] = completed["data"]["dtmfResult"]["tones"]
    return tones


async def test_a_call_is_answered_once(calls: CallsCaller, receiver: Receiver) -> None:
    bot, context = await ring(calls)
    body = {"incomingCallContext": context, "callbackUri": receiver.url}

    answers = await asyncio.gather(*(calls.ask("POST", ":answer", body) for _ in range(2)))

    answered, refused = sorted(answers, key=lambda answer: answer.status)
    assert (answered.status, refused.status) == (200, 404)
    assert answered.json["callConnectionState"] == "unknown"
    assert answered.json["answeredBy"] == {"id": bot}
    await receiver.event("CallConnected")
    people = await calls.participants(answered.json["callConnectionId"])
    assert set(people) == {PHONE, bot}


async def test_a_call_rings_for_30_seconds(calls: CallsCaller, receiver: Receiver) -> None:
    await calls.far_ends(secondMs=0)
    _, context = await ring(calls)

    body = {"incomingCallContext": context, "callbackUri": receiver.url}
    assert (await calls.ask("POST", ":answer", body)).status == 404


@pytest.mark.parametrize("how", ["redirect", "reject"])
async def test_a_call_is_sent_away(calls: CallsCaller, how: str) -> None:
    _, context = await ring(calls)
    more = {"target": phone(OTHER_PHONE)} if how == "redirect" else {}
    body = {"incomingCallContext": context, **more}

    assert (await calls.ask("POST", f":{how}", body)).status == 204
    assert (await calls.ask("POST", f":{how}", body)).status == 404


async def test_a_caller_presses_what_they_were_told_to_menu_after_menu(
    calls: CallsCaller, receiver: Receiver
) -> None:
    await calls.far_ends({PHONE: {"tones": "99", "toneMs": 0}})
    connection = await answered(calls, receiver, "1 2", ["pound", "zero"])

    menus = [await collected(calls, receiver, connection, PHONE) for _ in range(4)]

    nine = ["nine", "nine"]
    assert menus == [["one", "two"], ["pound", "zero"], nine, nine]


async def test_a_caller_who_is_asked_the_same_again_presses_the_same_again(
    calls: CallsCaller, receiver: Receiver
) -> None:
    """The app did not get the answer, and has sent the request again."""
    await calls.far_ends({PHONE: {"tones": "", "toneMs": 0}})
    connection = await answered(calls, receiver, "1 2", "3 4")

    menus = [
        await collected(calls, receiver, connection, PHONE, context) for context in ("a", "a", "b")
    ]

    assert menus == [["one", "two"], ["one", "two"], ["three", "four"]]


async def test_a_caller_presses_nothing_where_that_is_what_they_were_told(
    calls: CallsCaller, receiver: Receiver
) -> None:
    far_ends = {PHONE: {"tones": "99", "toneMs": 0}}
    await calls.far_ends(far_ends)
    connection = await answered(calls, receiver, "")
    await calls.far_ends(far_ends, secondMs=1)  # not before: it would not ring for long

    await calls.recognize(connection, PHONE)

    await receiver.event("RecognizeFailed")
    assert await collected(calls, receiver, connection, PHONE) == ["nine", "nine"]


async def test_the_keys_of_a_caller_are_for_them_alone(
    calls: CallsCaller, receiver: Receiver
) -> None:
    await calls.far_ends(default={"afterMs": 5, "toneMs": 0, "tones": "99"})
    connection = await answered(calls, receiver, "12")
    await calls.add(connection, OTHER_PHONE)
    await receiver.event("AddParticipantSucceeded")

    assert await collected(calls, receiver, connection, OTHER_PHONE) == ["nine", "nine"]
    assert await collected(calls, receiver, connection, PHONE) == ["one", "two"]


@pytest.mark.parametrize(
    ("spec", "fields"),
    [
        ({}, ["caller", "callee"]),
        (
            {"caller": "me", "callee": "4:0123", "presses": ["1", "x"], "speed": 1},
            ["caller", "callee", "presses.1", "speed"],
        ),
        ({"caller": PHONE, "callee": PHONE, "presses": "12"}, ["presses"]),
        ({"caller": PHONE, "callee": PHONE, "displayName": None}, ["displayName"]),
        (None, [""]),
    ],
)
async def test_all_that_is_wrong_with_a_call_is_told(
    calls: CallsCaller, spec: object, fields: list[str]
) -> None:
    refused = await calls.inspect("POST", "incomingCalls", spec)

    assert refused.status == 400
    assert [error["field"] for error in refused.json["errors"]] == fields
