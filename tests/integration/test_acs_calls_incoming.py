"""Calls that ring at the app."""

import asyncio

import pytest

from tests.integration.acs_fixtures import emulator, issuer
from tests.integration.call_fixtures import (
    OTHER_PHONE,
    PHONE,
    CallsCaller,
    Receiver,
    calls,
    phone,
    receiver,
)

__all__ = ["calls", "emulator", "issuer", "receiver"]


async def ring(calls: CallsCaller) -> tuple[str, str]:
    """A phone calls a user of the app's; that user, and the context."""
    bot = await calls.create()
    answer = await calls.inspect("POST", "incomingCalls", {"caller": PHONE, "callee": bot})
    assert answer.status == 201
    return bot, answer.json["incomingCallContext"]


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
