"""Who and what may not be called or played, and how many calls there may be."""

import asyncio

import pytest

from tests.calls.test_calls import PHONE, invite, is_connected, place, watched
from tests.support.control import Control
from tests.support.people import People, Person
from tests.support.stack import Host, StartHost

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


async def test_of_who_is_being_erased_a_caller_learns_nothing(
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


async def test_a_placed_call_and_an_invited_number_have_one_line_in_the_audit_log_each(
    manager: Person, one_host: Host
) -> None:
    placed = await asyncio.gather(
        *(place(manager, {"phoneNumber": PHONE}, key="key") for _ in range(10))
    )
    [call] = {reply.json["id"] for reply in placed}
    await watched(manager, call, is_connected)
    other = {"phoneNumber": "+14255550124"}
    invited = await asyncio.gather(*(invite(manager, call, other, "key") for _ in range(5)))
    assert {reply.status for reply in invited} == {202}

    log = [line for line in one_host.log.read_text().splitlines() if f"call={call}" in line]

    assert [line.count("call-placed by user:") for line in log] == [1, 0]
    assert [line.count("number-invited by user:") for line in log] == [0, 1]
    assert "5550124" not in "".join(log)
