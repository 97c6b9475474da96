"""Call management over HTTP: placed, watched and steered, with ACS calling back over HTTP."""

import asyncio
import json
import time
import uuid
from collections import Counter
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest

from tests.privacy.test_erasure import rows_about
from tests.support import patience
from tests.support.api import Reply
from tests.support.control import Control
from tests.support.patience import or_more
from tests.support.people import People, Person, coded
from tests.support.stack import Host, Issuer, Stack, StartHost

MANAGER = ["Calls.Manage"]
PHONE = "+14255550123"
AUDIO = "https://audio.example.com/hello.wav"
# The longest that anything which comes by itself may take, on a busy machine too.
DONE_SECONDS = 180.0 if patience.patient else 60.0
# Seconds between two looks: soon at first, then seldom. A look takes 25 ms of CPU, which what is
# looked for needs too.
_LOOK_AGAIN, _LONGEST_PAUSE = 0.05, 0.2


async def place(
    person: Person, *targets: dict[str, str], key: str | None = None, **more: object
) -> Reply:
    body = {**({"to": list(targets)} if targets else {}), **more}
    headers = {"Idempotency-Key": key or uuid.uuid4().hex}
    return await person.ask("/calls", "POST", body, **headers)


async def invite(person: Person, call: str, target: dict[str, str], key: str) -> Reply:
    path = f"/calls/{call}/participants"
    return await person.ask(path, "POST", target, **{"Idempotency-Key": key})


async def watched(
    person: Person, call: str, wanted: Callable[[dict[str, Any]], object]
) -> dict[str, Any]:
    """The call once it is as wanted; its events come by themselves."""
    deadline, pause = time.monotonic() + DONE_SECONDS, _LOOK_AGAIN
    while True:
        reply = await person.ask(f"/calls/{call}")
        assert reply.status == 200, reply
        if wanted(reply.json):
            # An answer's events are no newer than its state: where reading takes long, some are
            # missing that led to it.
            later = await person.ask(f"/calls/{call}") if patience.patient else reply
            return {**reply.json, "events": later.json["events"]}
        assert time.monotonic() < deadline, reply.json
        await asyncio.sleep(pause)
        pause = min(1.5 * pause, _LONGEST_PAUSE)


async def in_acs(acs: Control, call: str) -> dict[str, Any]:
    """The one call of ACS that is this."""
    [found] = await acs.calls(callbackEnd=f"/{call}")
    return found


def is_connected(call: dict[str, Any]) -> bool:
    return bool(call["state"] == "connected")


def has(number: int) -> Callable[[dict[str, Any]], bool]:
    return lambda call: len(call["participants"]) == number


def done(action: str) -> Callable[[dict[str, Any]], bool]:
    """Has an action ended?"""
    return lambda call: any(one["id"] == action and "endedAt" in one for one in call["actions"])


def of(call: dict[str, Any], action: str) -> dict[str, Any]:
    return next(one for one in call["actions"] if one["id"] == action)


@pytest.mark.parametrize(
    "mode",
    [
        {},
        {"order": "shuffled", "seed": 1},
        *(
            pytest.param(mode, marks=pytest.mark.slow)
            for mode in ({"order": "reversed"}, {"repeat": 3}, {"delayMs": 300})
        ),
    ],
)
async def test_a_call_from_the_first_ring_to_the_last_however_its_events_come(
    one_host: Host, people: People, manager: Person, acs: Control, mode: dict[str, object]
) -> None:
    await acs.put("callbacks", mode)
    bob, carol = people(one_host, "bob", "carol")
    for person in (bob, carol):
        await person.token()
    await acs.put("farEnds", {"farEnds": {PHONE: {"tones": "1 2 #"}}})

    placed = await place(manager, {"user": bob.id}, {"phoneNumber": PHONE})
    assert placed.status == 201
    call = placed.json["id"]
    assert placed.headers["Location"] == f"/api/calls/{call}"
    seen = await watched(manager, call, lambda now: is_connected(now) and has(2)(now))
    names = {one.get("user") or one.get("phoneNumber") for one in seen["participants"]}
    assert names == {bob.id, "•" * 10 + "23"}

    invited = await invite(manager, call, {"user": carol.id}, "carol-too")
    assert invited.status == 202
    seen = await watched(manager, call, has(3))
    assert (
        of(await watched(manager, call, done(invited.json["id"])), invited.json["id"])["state"]
        == "succeeded"
    )

    played = await manager.ask(f"/calls/{call}/play", "POST", {"url": AUDIO})
    spoken = await manager.ask(
        f"/calls/{call}/play", "POST", {"text": "Hello", "voice": "en-US-JennyNeural"}
    )
    for action in (played, spoken):
        assert action.status == 202
        ended = await watched(manager, call, done(action.json["id"]))
        assert of(ended, action.json["id"])["state"] == "succeeded"

    listening = await manager.ask(
        f"/calls/{call}/tones",
        "POST",
        {"from": {"phoneNumber": PHONE}, "maxTones": 3},
    )
    assert listening.status == 202
    heard = of(await watched(manager, call, done(listening.json["id"])), listening.json["id"])
    assert (heard["state"], heard["tones"]) == ("succeeded", "12#")

    [carols] = [one["id"] for one in seen["participants"] if one.get("user") == carol.id]
    removed = await manager.ask(f"/calls/{call}/participants/{carols}", "DELETE")
    assert removed.status == 202
    await watched(manager, call, has(2))

    assert (await manager.ask(f"/calls/{call}", "DELETE")).status == 204
    ended = await watched(manager, call, lambda now: now["state"] == "disconnected")
    assert ended["endedAt"]
    assert ended["connectedAt"] < ended["endedAt"]
    states = {one["id"]: one["state"] for one in ended["actions"]}
    asked = (invited, played, spoken, listening, removed)
    assert {states[one.json["id"]] for one in asked} == {"succeeded"}
    assert len(states) == or_more(5)
    kinds = Counter(event["type"] for event in ended["events"])
    for kind in ("CallConnected", "AddParticipantSucceeded"):
        assert kinds[kind] == 1
    assert (kinds["RecognizeCompleted"], kinds["PlayCompleted"]) == (or_more(1), or_more(2))
    listed = (await manager.ask("/calls")).json["calls"]
    assert [one["id"] for one in listed] == [call]
    assert (await manager.ask(f"/calls/{call}", "DELETE")).status == 204
    log = one_host.log.read_text()
    assert PHONE not in log
    assert "12#" not in log


async def test_a_key_that_comes_again_is_the_same_call(
    manager: Person, people: People, one_host: Host, start_host: StartHost, acs: Control
) -> None:
    [bob] = people(one_host, "bob")
    await bob.token()
    before = len((await acs.state())["calls"])
    base = manager.host.api.removesuffix("/api")
    elsewhere = manager.at(await start_host(CALLBACK_BASE_URL=base))

    replies = await asyncio.gather(
        *(place(one, {"user": bob.id}, key="k") for one in (manager, elsewhere) for _ in range(10))
    )

    assert {reply.status for reply in replies} == {201}, [one.json for one in replies]
    [call] = {reply.json["id"] for reply in replies}
    assert {reply.status for reply in replies} == {201}
    await watched(manager, call, is_connected)
    assert len((await acs.state())["calls"]) == before + 1
    other = await place(manager, {"phoneNumber": PHONE}, key="k")
    assert (other.status, other.json["code"]) == (409, "idempotency-key-reused")


async def test_only_managers_place_calls_and_only_who_may_sees_them(
    manager: Person, people: People, one_host: Host, stack: Stack
) -> None:
    bob, stranger, colleague = people(one_host, "bob", "stranger", "colleague")
    await bob.token()
    colleague.sign_in(*MANAGER)
    assert (await place(bob, {"user": manager.id})).status == 403
    call = (await place(manager, {"user": bob.id})).json["id"]

    for path in (f"/calls/{call}", f"/calls/{uuid.uuid4().hex}"):
        assert (await stranger.ask(path)).status == 404
    assert (await colleague.ask(f"/calls/{call}")).status == 200
    assert (await colleague.ask("/calls")).json["calls"] == []
    for method, path, body in (
        ("DELETE", f"/calls/{call}", None),
        ("POST", f"/calls/{call}/play", {"url": AUDIO}),
        ("DELETE", f"/calls/{call}/participants/{'0' * 32}", None),
    ):
        assert (await stranger.ask(path, method, body)).status == 403


@pytest.mark.parametrize(
    ("answer", "code"), [("busy", 486), ("decline", 200), ("none", 487), ("unreachable", 480)]
)
async def test_a_call_that_nobody_answers_ends(
    manager: Person, acs: Control, answer: str, code: int
) -> None:
    await acs.put("farEnds", {"farEnds": {PHONE: {"answer": answer}}})

    call = (await place(manager, {"phoneNumber": PHONE})).json["id"]

    ended = await watched(manager, call, lambda now: now["state"] == "disconnected")
    assert ended["reason"]["code"] == code


async def test_the_service_joins_a_group_call(manager: Person) -> None:
    call = (await place(manager, groupId=str(uuid.uuid4()))).json["id"]

    await watched(manager, call, is_connected)


async def test_a_bot_is_called_by_its_name(manager: Person, people: People, one_host: Host) -> None:
    [bot] = people(one_host, "bot")
    operator = manager.others(f"operator of {bot.id}")[0]
    operator.sign_in("Bots.Operate")
    made = await operator.ask(f"/bots/{coded(bot.id)}", "PUT", {"displayName": "Bot"})
    assert made.status == 201

    call = (await place(manager, {"bot": bot.id})).json["id"]

    seen = await watched(manager, call, has(1))
    assert [one["bot"] for one in seen["participants"]] == [bot.id]


async def test_who_placed_a_call_sees_it_without_the_role_too(manager: Person) -> None:
    call = (await place(manager, {"phoneNumber": PHONE})).json["id"]
    manager.sign_in()

    assert (await manager.ask(f"/calls/{call}")).status == 200
    assert [one["id"] for one in (await manager.ask("/calls")).json["calls"]] == [call]
    assert (await manager.ask(f"/calls/{call}", "DELETE")).status == 403


async def test_a_manager_of_another_realm_finds_nothing(
    client: aiohttp.ClientSession,
    stack: Stack,
    start_host: StartHost,
    people: People,
    second_issuer: Issuer,
) -> None:
    issuers = [{"issuer": second_issuer.url, "audience": second_issuer.audience}]
    host = await start_host(AUTH_ISSUERS=json.dumps(issuers))
    [manager] = people(host, "manager")
    manager.sign_in(*MANAGER)
    [stranger] = People(client, second_issuer, "elsewhere")(host, "manager")
    stranger.sign_in(*MANAGER)
    call = (await place(manager, {"phoneNumber": PHONE})).json["id"]

    assert (await manager.ask(f"/calls/{call}")).status == 200
    replies = [
        await stranger.ask(f"/calls/{call}"),
        await stranger.ask(f"/calls/{call}", "DELETE"),
        await stranger.ask(f"/calls/{call}/play", "POST", {"url": AUDIO}),
        await stranger.ask(f"/calls/{call}/participants/{'0' * 32}", "DELETE"),
        await invite(stranger, call, {"phoneNumber": PHONE}, "key"),
    ]
    assert [reply.status for reply in replies] == [404] * 5
    assert (await place(stranger, {"user": manager.id})).status == 400


async def test_who_is_erased_is_named_in_no_call_of_others(
    manager: Person, people: People, one_host: Host, stack: Stack
) -> None:
    [bob] = people(one_host, "bob")
    await bob.token()
    call = (await place(manager, {"user": bob.id})).json["id"]
    seen = await watched(manager, call, has(1))
    assert [one["user"] for one in seen["participants"]] == [bob.id]

    assert (await bob.forget()).status == 204

    assert "user" not in (await manager.ask(f"/calls/{call}")).json["participants"][0]
    assert rows_about(stack, bob.id) == []


async def test_hanging_up_may_be_repeated(
    manager: Person, people: People, one_host: Host, acs: Control
) -> None:
    [bob] = people(one_host, "bob")
    await bob.token()
    call = (await place(manager, {"user": bob.id})).json["id"]
    await watched(manager, call, is_connected)
    await acs.put("callbacks", {"hold": ["CallDisconnected"]})

    ended = [(await manager.ask(f"/calls/{call}", "DELETE")).status for _ in range(3)]

    assert ended == [204] * 3
    assert (await manager.forget()).status == 204


async def test_a_request_again_in_another_order_is_the_same_call(
    manager: Person, people: People, one_host: Host, acs: Control
) -> None:
    [bob] = people(one_host, "bob")
    await bob.token()
    to = [{"user": bob.id}, {"phoneNumber": PHONE}]
    await acs.fault("createCall", drop="after")
    assert (await place(manager, *to, key="again")).status == 503
    await acs.clear()

    again = await place(manager, *to[::-1], key="again")

    assert again.status == 201
    await watched(manager, again.json["id"], is_connected)


async def test_a_call_whose_answer_was_lost_ends_when_its_caller_is_erased(
    manager: Person, stack: Stack, acs: Control
) -> None:
    await acs.put("callbacks", {"hold": True})
    await acs.fault("createCall", drop="after")
    assert (await place(manager, {"phoneNumber": PHONE}, key="lost")).status == 503
    await acs.clear()

    assert (await manager.forget()).status == 204
    await acs.tell()  # its first event, which nobody is there to see

    [in_acs] = (await acs.state())["calls"][-1:]
    assert in_acs["callConnectionState"] == "disconnected"
    assert rows_about(stack, manager.id) == []


async def test_erasing_who_placed_a_call_ends_it_and_leaves_nothing(
    manager: Person, people: People, one_host: Host, stack: Stack, acs: Control
) -> None:
    [bob] = people(one_host, "bob")
    await bob.token()
    call = (await place(manager, {"user": bob.id})).json["id"]
    await watched(manager, call, is_connected)
    assert [one["callId"] for one in (await manager.export()).json["held"]["calls"]] == [call]

    assert (await manager.forget()).status == 204

    assert rows_about(stack, manager.id, call) == []
