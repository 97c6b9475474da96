"""Calls where ACS's answers get lost, and many at a time: one call each, and no event lost."""

import asyncio
import uuid
from collections import Counter
from http import HTTPStatus
from typing import Any

import pytest

from tests.calls.test_calls import (
    DONE_SECONDS,
    MANAGER,
    PHONE,
    done,
    has,
    in_acs,
    invite,
    is_connected,
    of,
    place,
    watched,
)
from tests.support.control import Control
from tests.support.people import People, Person
from tests.support.stack import Host, StartHost


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ({"drop": "before"}, 503),
        ({"drop": "after"}, 503),
        ({"status": 500}, 503),
        ({"status": 503, "retryAfter": 7}, 503),
        ({"status": 429, "retryAfter": 7}, 429),
        ({"status": 401}, 503),
        ({"status": 400}, 400),
    ],
)
async def test_what_acs_did_not_answer_is_one_call_when_the_key_comes_again(
    manager: Person, acs: Control, fault: dict[str, Any], status: int
) -> None:
    before = len((await acs.state())["calls"])
    await acs.fault("createCall", **fault)

    refused = await place(manager, {"phoneNumber": PHONE}, key="again")
    assert refused.status == status
    assert ("Retry-After" in refused.headers) == (status != 400)
    await acs.clear()
    placed = await place(manager, {"phoneNumber": PHONE}, key="again")

    assert placed.status == 201
    # Nor is the service itself shown as a participant.
    await watched(manager, placed.json["id"], lambda now: is_connected(now) and has(1)(now))
    assert len((await acs.state())["calls"]) == before + 1


async def test_an_answer_that_is_lost_in_between_is_made_up_for_by_the_same_request(
    manager: Person, acs: Control
) -> None:
    before = len((await acs.state())["calls"])
    await acs.fault("createCall", drop="after", times=1)

    placed = await place(manager, {"phoneNumber": PHONE})

    assert placed.status == 201
    assert len((await acs.state())["calls"]) == before + 1


async def test_an_event_that_comes_before_the_answer_binds_the_call(
    manager: Person, acs: Control
) -> None:
    fault = await acs.fault("createCall", hold="after", times=1)

    placing = asyncio.create_task(place(manager, {"phoneNumber": PHONE}))
    await acs.held(fault)
    async with asyncio.timeout(DONE_SECONDS):
        while not (calls := (await manager.ask("/calls")).json["calls"]):
            await asyncio.sleep(0.02)
    call = calls[0]["id"]
    await watched(manager, call, is_connected)
    await acs.release(fault)

    placed = await placing
    assert (placed.status, placed.json["id"]) == (201, call)
    assert placed.json["state"] == "connected"


async def test_an_invitation_whose_answer_is_lost_rings_once(
    manager: Person, people: People, one_host: Host, acs: Control
) -> None:
    [bob] = people(one_host, "bob")
    await bob.token()
    call = (await place(manager, {"user": bob.id})).json["id"]
    await watched(manager, call, has(1))
    await acs.fault("addParticipant", drop="after")

    lost = await invite(manager, call, {"phoneNumber": PHONE}, "phone")
    assert lost.status == 503
    await acs.clear()
    again = await invite(manager, call, {"phoneNumber": PHONE}, "phone")

    assert again.status == 202
    seen = await watched(manager, call, done(again.json["id"]))
    assert of(seen, again.json["id"])["state"] == "succeeded"
    assert len(seen["actions"]) == 1
    other = await invite(manager, call, {"user": manager.id}, "phone")
    assert (other.status, other.json["code"]) == (409, "idempotency-key-reused")
    kinds = Counter(one["type"] for one in (await in_acs(acs, call))["callbacks"])
    assert kinds["Microsoft.Communication.AddParticipantSucceeded"] == 1


@pytest.mark.slow
async def test_fifty_calls_at_once_over_two_hosts_lose_no_event(
    one_host: Host, start_host: StartHost, people: People, acs: Control
) -> None:
    hosts = [one_host, await start_host()]
    managers = []
    for n in range(10):
        [manager] = people(hosts[n % 2], f"manager {n}")
        manager.sign_in(*MANAGER)
        managers.append(manager)
    before = len((await acs.state())["calls"])

    async def one_call(manager: Person, n: int) -> tuple[Person, str]:
        placed, key = None, uuid.uuid4().hex
        # A busy machine may not answer fifty at once in time: then clients repeat the request.
        while placed is None or placed.status == HTTPStatus.SERVICE_UNAVAILABLE:
            placed = await place(manager, {"phoneNumber": f"+142555501{n:02}"}, key=key)
        assert placed.status in (HTTPStatus.CREATED, HTTPStatus.OK), placed
        call = str(placed.json["id"])
        await watched(manager, call, lambda now: is_connected(now) and has(1)(now))
        assert (await manager.ask(f"/calls/{call}", "DELETE")).status == 204
        await watched(manager, call, lambda now: now["state"] == "disconnected")
        return manager, call

    calls = await asyncio.gather(
        *(one_call(manager, n) for n, manager in enumerate(managers * 5, start=10))
    )

    made = (await acs.state())["calls"][before:]
    assert len(made) == len(calls) == 50
    sent = {
        one["callbackUri"].rpartition("/")[2]: Counter(
            event["type"].rpartition(".")[2] for event in one["callbacks"]
        )
        for one in made
    }
    for manager, call in calls:
        seen = await watched(
            manager, call, lambda now: len(now["events"]) == sum(sent[now["id"]].values())
        )
        assert Counter(event["type"] for event in seen["events"]) == sent[call]
