"""The delivery of callbacks: in order, badly on demand, and again until they are accepted."""

import asyncio
import time
from collections import Counter
from typing import Any

import aiohttp
import jwt
import pytest

from devstack.well_known import ACS_CALLBACK_ISSUER, ACS_RESOURCE_ID
from tests.devstack.acs_emulator.acs_fixtures import AcsEmulator, emulator, issuer
from tests.devstack.acs_emulator.call_fixtures import (
    PHONE,
    CallsCaller,
    Receiver,
    calls,
    name_of,
    receiver,
)

__all__ = ["calls", "emulator", "issuer", "receiver"]

FIRST_TWO = ["CallConnected", "ParticipantsUpdated"]
SWAPS_TWO = 0  # the seed of a shuffle that does not leave two events where they were
STORY = [*FIRST_TWO, "PlayStarted", "PlayCompleted", "CallDisconnected"]


async def tell_a_story(calls: CallsCaller, receiver: Receiver) -> str:
    """A call with the events of STORY, which nobody has to have received yet."""
    connection = await calls.place(receiver, PHONE)
    await calls.until_seen(connection, lambda call: len(call["callbacks"]) == 2)
    await calls.play(connection)
    await calls.until_seen(connection, lambda call: len(call["callbacks"]) == 4)
    await calls.ask("POST", f"/{connection}:terminate")
    return connection


class TestTheTokenOfACallback:
    async def test_is_new_each_time_and_good_for_five_minutes(
        self, calls: CallsCaller, receiver: Receiver
    ) -> None:
        await calls.connected(receiver, PHONE)

        claims = [jwt.decode(t, options={"verify_signature": False}) for t in receiver.tokens]
        assert len(set(receiver.tokens)) == 2
        assert set(receiver.content_types) == {"application/json"}
        for each in claims:
            assert (each["iss"], each["aud"]) == (ACS_CALLBACK_ISSUER, ACS_RESOURCE_ID)
            assert each["exp"] - each["iat"] == 300
            assert abs(each["iat"] - time.time()) < 60

    async def test_is_signed_with_a_key_that_signs_nothing_else(
        self, calls: CallsCaller, receiver: Receiver
    ) -> None:
        await calls.connected(receiver, PHONE)
        users_keys = (await calls.inspect("GET", "jwks")).json["keys"]

        kid = jwt.get_unverified_header(receiver.tokens[0])["kid"]
        assert kid not in [key["kid"] for key in users_keys]
        assert not await calls.is_active(receiver.tokens[0])

    async def test_is_verified_by_discovery(self, emulator: AcsEmulator) -> None:
        async with aiohttp.ClientSession(raise_for_status=True) as session:
            path = "/calling/.well-known/acsopenidconfiguration"
            async with session.get(emulator.url + path) as answer:
                discovery: dict[str, Any] = await answer.json()
            async with session.get(discovery["jwks_uri"]) as answer:
                keys = (await answer.json())["keys"]

        assert discovery["issuer"] == ACS_CALLBACK_ISSUER
        assert [(key["kty"], key["alg"], key["use"]) for key in keys] == [("RSA", "RS256", "sig")]


async def test_events_come_in_order_and_once(calls: CallsCaller, receiver: Receiver) -> None:
    connection = await tell_a_story(calls, receiver)
    await receiver.event("CallDisconnected")

    assert receiver.names == STORY
    callbacks = (await calls.seen(connection))["callbacks"]
    assert [each["id"] for each in callbacks] == [event["id"] for event in receiver.events]
    assert all(each["state"] == "taken" for each in callbacks[:-1])


async def test_an_operation_may_have_an_address_of_its_own(
    calls: CallsCaller, receiver: Receiver
) -> None:
    connection = await calls.connected(receiver, PHONE)
    other = receiver.url.replace("/events", "/played")

    await calls.play(connection, operationCallbackUri=other)
    await receiver.event("PlayCompleted")

    paths = {name: path for path, name, _ in receiver.arrivals}
    assert paths == {
        "CallConnected": "/events",
        "ParticipantsUpdated": "/events",
        "PlayStarted": "/played",
        "PlayCompleted": "/played",
    }


async def test_events_are_held_and_released_as_a_test_likes(
    calls: CallsCaller, receiver: Receiver
) -> None:
    await calls.callbacks(hold=True)
    assert (await calls.inspect("GET", "callbacks/wait?timeoutMs=1")).status == 408
    await tell_a_story(calls, receiver)
    await calls.until_callbacks_held(5)
    assert receiver.names == []
    held = (await calls.inspect("GET", "callbacks")).json["held"]
    assert [name_of(event) for event in held] == STORY

    assert await calls.release(types=["PlayCompleted"]) == 1
    assert await calls.release(count=2, order="reversed") == 2
    assert await calls.release() == 2
    assert receiver.names == [
        "PlayCompleted",
        "ParticipantsUpdated",
        "CallConnected",
        "PlayStarted",
        "CallDisconnected",
    ]


async def test_events_of_some_types_are_held(calls: CallsCaller, receiver: Receiver) -> None:
    await calls.callbacks(hold=["CallConnected"])
    await tell_a_story(calls, receiver)
    await receiver.event("CallDisconnected")
    assert receiver.names == STORY[1:]

    await calls.callbacks()  # nothing is held any more
    await receiver.event("CallConnected")
    assert receiver.names[-1] == "CallConnected"


async def test_once_events_are_held_nobody_is_being_told_of_earlier_ones(
    calls: CallsCaller, receiver: Receiver
) -> None:
    receiver.pause()
    connection = await calls.place(receiver, PHONE)
    await calls.until_seen(connection, lambda call: len(call["callbacks"]) == 2)

    holding = asyncio.create_task(calls.callbacks(hold=True))
    while not (await calls.inspect("GET", "callbacks")).json["hold"]:
        await asyncio.sleep(0.01)
    assert not holding.done()
    receiver.go_on()
    await holding

    assert receiver.names == FIRST_TWO


async def test_a_release_is_shuffled_the_same_way_for_the_same_seed(
    calls: CallsCaller, receiver: Receiver
) -> None:
    await calls.callbacks(hold=True)
    orders = []
    for seed in (7, 7, 8):
        receiver.events.clear()
        await tell_a_story(calls, receiver)
        await calls.until_callbacks_held(5)
        await calls.release(order="shuffled", seed=seed)
        orders.append(receiver.names)

    assert orders[0] == orders[1] != orders[2]
    assert all(sorted(order) == sorted(STORY) for order in orders)


@pytest.mark.parametrize("order", ["shuffled", "reversed"])
async def test_events_are_sent_in_another_order(
    calls: CallsCaller, receiver: Receiver, order: str
) -> None:
    await calls.callbacks(order=order, seed=SWAPS_TWO, windowMs=200)
    await calls.place(receiver, PHONE)
    await receiver.until(lambda: len(receiver.events) == 2)

    assert receiver.names == FIRST_TWO[::-1]


@pytest.mark.parametrize("order", ["documented", "shuffled"])
async def test_events_are_sent_several_times(
    calls: CallsCaller, receiver: Receiver, order: str
) -> None:
    await calls.callbacks(repeat=3, order=order, windowMs=50)
    await calls.place(receiver, PHONE)
    await receiver.until(lambda: len(receiver.events) == 6)

    assert Counter(receiver.names) == dict.fromkeys(FIRST_TWO, 3)
    assert len({event["id"] for event in receiver.events}) == 2


async def test_events_are_delayed(calls: CallsCaller, receiver: Receiver) -> None:
    await calls.callbacks(delayMs=200)
    begin = time.monotonic()
    connection = await calls.place(receiver, PHONE)
    await calls.until_seen(connection, lambda call: len(call["callbacks"]) == 2)
    await receiver.event("ParticipantsUpdated")

    assert receiver.names == FIRST_TWO
    assert time.monotonic() - begin >= 0.2


@pytest.mark.parametrize("refusal", [302, 400, 401, 404, 429, 500, 503])
async def test_an_event_is_sent_again_until_it_is_taken(
    calls: CallsCaller, receiver: Receiver, refusal: int
) -> None:
    await calls.callbacks(retryMs=200)
    receiver.answers = [refusal, 200, refusal]

    connection = await calls.place(receiver, PHONE)
    await receiver.until(lambda: len(receiver.events) == 2)

    first = [status for _, name, status in receiver.arrivals if name == "CallConnected"]
    assert first == [refusal, refusal, 200]  # the events after it did not wait
    call = await calls.until_seen(
        connection, lambda call: {each["state"] for each in call["callbacks"]} == {"taken"}
    )
    assert [each["attempts"] for each in call["callbacks"]] == [[refusal, refusal, 200], [200]]


async def test_an_event_that_is_not_taken_is_held_again_if_a_test_likes(
    calls: CallsCaller, receiver: Receiver
) -> None:
    await calls.callbacks(hold=["CallConnected"], holdAgain=True, retryMs=0)
    receiver.answers = [200, 503, 503]
    connection = await calls.place(receiver, PHONE)
    await receiver.event("ParticipantsUpdated")
    for _ in range(2):  # not taken, and held whether released or not
        await calls.until_callbacks_held(1)
        assert await calls.release() == 1
    await calls.until_callbacks_held(1)

    await calls.callbacks()

    call = await calls.until_seen(
        connection, lambda call: {each["state"] for each in call["callbacks"]} == {"taken"}
    )
    assert [each["attempts"] for each in call["callbacks"]] == [[503, 503, 200], [200]]


async def test_an_event_that_nobody_takes_is_given_up(
    calls: CallsCaller, receiver: Receiver
) -> None:
    await calls.callbacks(attempts=3, retryMs=1)
    nobody = "http://127.0.0.1:9/events"
    connection = await calls.place(receiver, PHONE, callbackUri=nobody)

    call = await calls.until_seen(
        connection,
        lambda call: (
            len(call["callbacks"]) == 2
            and {each["state"] for each in call["callbacks"]} == {"given up"}
        ),
    )

    assert [len(each["attempts"]) for each in call["callbacks"]] == [3, 3]


@pytest.mark.parametrize(
    ("mode", "field"),
    [
        ({"order": "random"}, "order"),
        ({"repeat": 0}, "repeat"),
        ({"hold": "yes"}, "hold.bool"),
        ({"delayMs": -1}, "delayMs"),
        ({"speed": 1}, "speed"),
        ([], ""),
    ],
)
async def test_a_wrong_mode_is_refused(calls: CallsCaller, mode: object, field: str) -> None:
    refused = await calls.inspect("PUT", "callbacks", mode)

    assert refused.status == 400
    assert field in [error["field"] for error in refused.json["errors"]]
