"""Sharing a group call's id over HTTP: with friends, named users and spaces."""

import asyncio
import json
import uuid

import aiohttp
import pytest

from tests.privacy.test_erasure import rows_about
from tests.support.people import FRIENDS, People, Person, befriend
from tests.support.stack import Host, Issuer, Stack, StartHost


async def test_friends_see_a_shared_call_and_nobody_else_until_it_is_unshared(
    one_host: Host, people: People
) -> None:
    alice, bob, carol, dave = people(one_host, "alice", "bob", "carol", "dave")
    await befriend(alice, bob, carol)
    group = str(uuid.uuid4())

    shared = await alice.share(group.upper(), FRIENDS, title="Coffee")

    call = shared.json["id"]
    assert shared.status == 201
    assert shared.headers["Location"] == f"/api/invitations/{call}"
    as_seen = {
        "id": call,
        "kind": "groupCall",
        "title": "Coffee",
        "host": {"id": alice.id, "displayName": "Alice"},
        "mine": False,
    }
    ways_to_join = {"locator": {"groupId": group}, "alternatives": []}
    assert shared.json == {**as_seen, **ways_to_join, "mine": True, "invited": 2}
    assert group not in call
    for friend in (bob, carol):
        assert await friend.invitations() == [as_seen]
        assert (await friend.open(call)).json == {**as_seen, **ways_to_join}
    assert await alice.invitations() == [{**as_seen, "mine": True}]
    assert await dave.invitations() == []
    hidden, unknown = await dave.open(call), await dave.open("f" * 64)
    assert hidden.status == 404
    assert {**hidden.json, "instance": ""} == {**unknown.json, "instance": ""}

    for stranger in (dave, bob):  # nothing happens, and nobody learns that there is something
        assert (await stranger.unshare(call)).status == 204
    assert await carol.calls() == [call]
    for _ in range(2):
        assert (await alice.unshare(call)).status == 204
    for person in (alice, bob, carol):
        assert await person.invitations() == []
        assert (await person.open(call)).status == 404


async def test_sharing_again_changes_it_for_everybody(one_host: Host, people: People) -> None:
    alice, bob, carol = people(one_host, "alice", "bob", "carol")
    await befriend(alice, bob, carol)
    group = str(uuid.uuid4())
    first = await alice.share(group, {"users": [bob.id, bob.id, alice.id]}, title="One")
    assert (first.status, first.json["invited"]) == (201, 1)

    again = await alice.share(group, {"users": [carol.id]}, title="Two")

    assert (again.status, again.json["id"]) == (200, first.json["id"])
    assert await bob.calls() == []
    assert (await bob.open(first.json["id"])).status == 404
    assert [one["title"] for one in await carol.invitations()] == ["Two"]
    into_space = await alice.share(group, {"space": "lounge of again"})
    assert (into_space.status, into_space.json["title"]) == (200, None)
    assert await carol.calls() == []
    assert await bob.calls("lounge of again") == [first.json["id"]]
    assert (await bob.open(first.json["id"])).status == 200
    await alice.share(group, FRIENDS)
    assert await bob.calls("lounge of again") == []
    assert await bob.calls() == await carol.calls() == [first.json["id"]]
    await alice.unshare(first.json["id"])
    assert (await alice.share(group, FRIENDS)).status == 201


async def test_two_who_share_one_group_id_have_a_record_each(
    one_host: Host, people: People
) -> None:
    alice, bob, carol = people(one_host, "alice", "bob", "carol")
    await befriend(carol, alice, bob)
    group = str(uuid.uuid4())
    mine, other = await alice.share(group, FRIENDS), await bob.share(group, FRIENDS)

    assert mine.json["id"] != other.json["id"]
    assert sorted(await carol.calls()) == sorted([mine.json["id"], other.json["id"]])
    await bob.unshare(mine.json["id"])
    await bob.unshare(other.json["id"])
    assert await carol.calls() == [mine.json["id"]]


@pytest.mark.slow
async def test_a_space_is_open_to_everybody_of_the_realm_and_ten_calls_of_each(
    client: aiohttp.ClientSession, start_host: StartHost, people: People, second_issuer: Issuer
) -> None:
    second = {"issuer": second_issuer.url, "audience": second_issuer.audience}
    host = await start_host(AUTH_ISSUERS=json.dumps([second]))
    alice, bob = people(host, "alice", "bob")
    stranger = Person(client, host, second_issuer, bob.id, "Bob")
    space = {"space": "garden"}
    groups = [str(uuid.uuid4()) for _ in range(11)]
    calls = [(await alice.share(group, space)).json["id"] for group in groups[:10]]

    refused = await alice.share(groups[10], space)
    assert (refused.status, refused.json["code"]) == (429, "too-many-shared")
    assert (await alice.share(groups[0], space, title="Changed")).status == 200
    assert (await bob.share(groups[0], space)).status == 201
    assert set(calls) < set(await bob.calls("garden"))
    assert len(await bob.calls("garden")) == 11
    assert await bob.calls() != []
    assert await stranger.calls("garden") == []
    assert (await stranger.open(calls[0])).status == 404
    await alice.unshare(calls[0])
    crowd = await asyncio.gather(*(alice.share(str(uuid.uuid4()), space) for _ in range(6)))
    assert {reply.status for reply in crowd} <= {201, 429}
    live = [one for one in await alice.invitations() if not one["title"]]
    assert len(live) == 9 + sum(reply.status == 201 for reply in crowd) <= 10


async def test_only_accepted_friends_can_be_named_and_nobody_learns_who_exists(
    one_host: Host, people: People
) -> None:
    alice, bob, silent, nobody = people(one_host, "alice", "bob", "silent", "nobody")
    await befriend(alice, bob)
    await silent.token()
    await alice.add(silent.id)
    await alice.add(nobody.id)
    group = str(uuid.uuid4())

    both = await alice.share(group, {"users": [bob.id, silent.id, nobody.id]})

    assert (both.status, both.json["code"]) == (400, "invalid-request")
    assert [fault["field"] for fault in both.json["errors"]] == [
        "audience.users.1",
        "audience.users.2",
    ]
    assert len({fault["message"] for fault in both.json["errors"]}) == 1
    assert both.json["detail"].endswith("takes the app role Calls.Manage.")
    assert await bob.calls() == await alice.calls() == []


async def test_a_manager_may_name_anyone_of_the_realm_who_has_an_identity(
    stack: Stack, one_host: Host, people: People
) -> None:
    manager, carol, nobody = people(one_host, "manager", "carol", "nobody")
    manager.bearer = stack.token(manager.id, name="Manager", roles=["Calls.Manage"])
    await carol.token()
    group = str(uuid.uuid4())
    refused = await manager.share(group, {"users": [carol.id, nobody.id]})
    assert [fault["field"] for fault in refused.json["errors"]] == ["audience.users.1"]
    assert "gets an identity with their first GET /token" in refused.json["detail"]

    shared = await manager.share(group, {"users": [carol.id]})

    assert await carol.calls() == [shared.json["id"]]
    await befriend(manager, carol)
    await carol.remove(manager.id)  # they were not invited as a friend
    assert await carol.calls() == [shared.json["id"]]
    await carol.forget()
    carol.bearer = stack.token(carol.id)
    assert await carol.calls() == []
    assert (await carol.open(shared.json["id"])).status == 404


async def test_a_former_friend_does_not_see_the_call_any_more(
    one_host: Host, people: People
) -> None:
    alice, bob, carol, dave = people(one_host, "alice", "bob", "carol", "dave")
    await befriend(alice, bob, carol, dave)
    call = (await alice.share(str(uuid.uuid4()), FRIENDS)).json["id"]
    theirs = (await bob.share(str(uuid.uuid4()), FRIENDS)).json["id"]
    assert set(await alice.calls()) == {call, theirs}

    await bob.remove(alice.id)
    await alice.remove(carol.id, "?block=true")

    assert await bob.calls() == [theirs]
    assert await carol.calls() == []
    assert await alice.calls() == [call]
    assert await dave.calls() == [call]
    for former in (bob, carol):
        assert (await former.open(call)).status == 404


async def test_erasing_the_owner_or_an_invitee_leaves_nothing_about_them(
    stack: Stack, one_host: Host, people: People
) -> None:
    alice, bob, carol = people(one_host, "alice", "bob", "carol")
    await befriend(alice, bob, carol)
    title = f"title of {alice.id}"
    call = (await alice.share(str(uuid.uuid4()), FRIENDS, title=title)).json["id"]
    held = (await bob.export()).json["held"]["invitations"]
    assert [(row["role"], row["title"]) for row in held] == [("invitee", title)]

    await bob.forget()
    assert rows_about(stack, bob.id) == []
    assert await carol.calls() == [call]
    await alice.forget()

    assert rows_about(stack, alice.id, title, call) == []
    assert await carol.calls() == []
