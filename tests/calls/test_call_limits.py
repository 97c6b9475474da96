"""The people and numbers that may not be called, the files that may not be played, and how many
calls there may be."""

import asyncio
from collections import Counter

import pytest

from shared.calls.settling import PLACE
from tests.calls.test_calls import DONE_SECONDS, PHONE, invite, is_connected, place, watched
from tests.support.control import Control
from tests.support.people import People, Person
from tests.support.stack import Host, Stack, StartHost
from tests.support.table_proxy import TableProxy
from tests.support.tidying import intents_of

WRONG: list[tuple[dict[str, object], set[str]]] = [
    ({}, {""}),
    ({"to": [], "groupId": "x"}, {"to", "groupId"}),
    ({"to": [{"user": "a", "bot": "b"}, {}]}, {"to.0", "to.1"}),
    (
        {"to": [{"phoneNumber": "911"}, {"phoneNumber": "tel:1"}]},
        {"to.0.phoneNumber", "to.1.phoneNumber"},
    ),
    (
        {"to": [{"phoneNumber": "+19005550123"}, {"user": "nobody"}]},
        {"to.0.phoneNumber", "to.1.user"},
    ),
    ({"to": [{"phoneNumber": PHONE}], "callerId": "+14255550199"}, {"callerId"}),
    ({"to": [{"user": "a"}], "callerId": "+14255550100"}, {""}),
]


@pytest.mark.parametrize(("body", "fields"), WRONG)
async def test_who_may_not_be_called_is_named(
    manager: Person, acs: Control, body: dict[str, object], fields: set[str]
) -> None:
    before = (await acs.state())["requests"]["createCall"]

    reply = await manager.ask("/calls", "POST", body, **{"Idempotency-Key": "k"})

    assert reply.status == 400
    assert {fault["field"] for fault in reply.json["errors"]} == fields
    assert (await acs.state())["requests"]["createCall"] == before


async def test_a_call_needs_a_key(manager: Person) -> None:
    reply = await manager.ask("/calls", "POST", {"to": [{"phoneNumber": PHONE}]})

    [fault] = reply.json["errors"]
    assert (reply.status, fault["field"]) == (400, "Idempotency-Key")


async def test_a_caller_has_so_many_calls_and_hanging_up_makes_room(
    manager: Person, people: People, one_host: Host
) -> None:
    [bob] = people(one_host, "bob")
    await bob.token()
    calls = [(await place(manager, {"user": bob.id})).json["id"] for _ in range(5)]

    refused = await place(manager, {"user": bob.id}, key="the-sixth")
    assert (refused.status, refused.json["code"]) == (429, "too-many-calls")
    await watched(manager, calls[0], is_connected)
    await manager.ask(f"/calls/{calls[0]}", "DELETE")
    await watched(manager, calls[0], lambda now: now["state"] == "disconnected")

    assert (await place(manager, {"user": bob.id}, key="the-sixth")).status == 201


async def test_audio_comes_from_known_hosts_only(
    manager: Person, people: People, one_host: Host
) -> None:
    [bob] = people(one_host, "bob")
    await bob.token()
    call = (await place(manager, {"user": bob.id})).json["id"]
    for url in (
        "http://audio.example.com/x.wav",
        "https://evil.example/x.wav",
        "https://audio.example.com@evil.example/x.wav",
        "https://audio.example.com:8443/x.wav",
        "https://[",
        "https://audio.example.com\t/x.wav",
        "file:///etc/passwd",
    ):
        reply = await manager.ask(f"/calls/{call}/play", "POST", {"url": url})
        assert (reply.status, reply.json["errors"][0]["field"]) == (400, "url"), url


async def test_refused_calls_do_not_get_past_the_ceiling(
    manager: Person, people: People, one_host: Host, acs: Control
) -> None:
    [bob] = people(one_host, "bob")
    await bob.token()
    await acs.fault("createCall", status=400)
    for n in range(7):
        assert (await place(manager, {"user": bob.id}, key=f"k{n}")).status == 400
    await acs.clear()

    again = [(await place(manager, {"user": bob.id}, key=f"k{n}")).status for n in range(7)]

    assert again == [201] * 5 + [429] * 2


async def test_a_caller_learns_nothing_about_a_person_who_is_being_erased(
    manager: Person, people: People, one_host: Host, start_host: StartHost, acs: Control
) -> None:
    [bob] = people(one_host, "bob")
    await bob.token()
    fault = await acs.fault("delete", hold="before", times=1)
    erasing = asyncio.create_task(bob.forget())
    await acs.held(fault)

    refused = await place(manager, {"user": bob.id})
    await acs.release(fault)

    assert (refused.status, refused.json["errors"][0]["message"]) == (400, "has no identity here")
    assert "gets an identity with their first GET /token" in refused.json["detail"]
    assert (await erasing).status == 204


async def test_a_placed_call_and_an_invited_number_have_lines_in_the_audit_log(
    manager: Person, one_host: Host
) -> None:
    """One for each request that records it first, as far as it can tell; repetitions have none."""
    placed = await asyncio.gather(
        *(place(manager, {"phoneNumber": PHONE}, key="key") for _ in range(10))
    )
    [call] = {reply.json["id"] for reply in placed}
    await watched(manager, call, is_connected)
    other = {"phoneNumber": "+14255550124"}
    invited = await asyncio.gather(*(invite(manager, call, other, "key") for _ in range(5)))
    assert {reply.status for reply in invited} == {202}

    def lines() -> list[str]:
        log = one_host.log.read_text().splitlines()
        return [line for line in log if " audit " in line and f"call={call}" in line]

    before = lines()
    await place(manager, {"phoneNumber": PHONE}, key="key")
    await invite(manager, call, other, "key")

    assert lines() == before
    assert 1 <= sum("call-placed by user:" in line for line in before) <= 10
    assert 1 <= sum("number-invited by user:" in line for line in before) <= 5
    assert "5550124" not in "".join(before)


async def test_a_call_that_is_slow_to_begin_does_not_pass_the_limit(
    manager: Person,
    start_host: StartHost,
    tables: TableProxy,
    table_faults: Control,
    acs: Control,
) -> None:
    """It began before the other request, which takes the place; neither has asked ACS by then."""
    await acs.put("farEnds", {})
    there = manager.at(
        await start_host(
            MAX_CALLS_PER_CALLER="1",
            TABLES_CONNECTION_STRING=tables.connection_string,
            UPSTREAM_TIMEOUT_SECONDS="60",
            CALLBACK_BASE_URL=manager.host.api.removesuffix("/api"),
        )
    )
    await manager.token()
    before = len((await acs.state())["calls"])
    beginning = await table_faults.fault("batch", hold="before", times=1)
    slow = asyncio.create_task(place(there, {"phoneNumber": PHONE}))
    await table_faults.held(beginning)
    asking = await table_faults.fault("update", hold="before", times=1)
    quick = asyncio.create_task(place(there, {"phoneNumber": PHONE}))
    await table_faults.held(asking)

    await table_faults.release(beginning)
    refused = await slow
    await table_faults.release(asking)

    assert (refused.status, refused.json["code"]) == (429, "too-many-calls")
    assert (await quick).status == 201
    assert len((await acs.state())["calls"]) == before + 1


async def test_of_many_calls_at_two_hosts_as_many_are_placed_as_the_caller_may_have(
    manager: Person, start_host: StartHost, acs: Control
) -> None:
    base = manager.host.api.removesuffix("/api")
    hosts = [await start_host(MAX_CALLS_PER_CALLER="2", CALLBACK_BASE_URL=base) for _ in range(2)]
    await manager.token()
    before = len((await acs.state())["calls"])

    replies = await asyncio.gather(
        *(place(manager.at(host), {"phoneNumber": PHONE}) for host in hosts for _ in range(6))
    )

    assert Counter(reply.status for reply in replies) == {201: 2, 429: 10}
    assert len((await acs.state())["calls"]) == before + 2


async def test_legs_are_limited_over_all_hosts_and_told_in_the_words_of_clients(
    manager: Person, start_host: StartHost
) -> None:
    base = manager.host.api.removesuffix("/api")
    hosts = [
        manager.at(await start_host(MAX_LEGS_PER_MINUTE="3", CALLBACK_BASE_URL=base))
        for _ in range(2)
    ]
    numbers = [{"phoneNumber": f"+1425555012{n}"} for n in range(4)]
    call = (await place(hosts[0], *numbers[:2])).json["id"]
    await watched(manager, call, is_connected)

    invited = [await invite(hosts[1], call, number, "key") for number in (numbers[2],) * 2]
    refused = [await invite(hosts[0], call, numbers[3], "other"), await place(hosts[1], numbers[3])]
    never = await place(hosts[0], *numbers)

    assert [reply.status for reply in invited] == [202, 202]
    for reply in refused:
        assert (reply.status, reply.json["code"]) == (429, "too-many-legs")
        assert (
            reply.json["detail"] == "You may call and invite 3 people, bots and numbers a minute."
        )
        assert 1 <= int(reply.headers["Retry-After"]) <= 60
    [fault] = never.json["errors"]
    assert (never.status, fault["in"], fault["field"]) == (400, "policy", "to")


async def test_calls_that_have_ended_leave_nothing_for_tidy_to_look_at(
    manager: Person, stack: Stack
) -> None:
    calls = [(await place(manager, {"phoneNumber": PHONE})).json["id"] for _ in range(3)]
    for call in calls:
        await watched(manager, call, is_connected)
        assert (await manager.ask(f"/calls/{call}", "DELETE")).status == 204
    async with asyncio.timeout(DONE_SECONDS):
        while {row["subject"] for row in await intents_of(stack, PLACE)} & {*calls}:
            await asyncio.sleep(0.05)
