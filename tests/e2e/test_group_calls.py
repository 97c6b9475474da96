"""Sharing a group call's id over HTTP: friends, named users, spaces and events."""

import asyncio
import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
import vobject

from tests.control import Control
from tests.e2e.api import Reply, ask
from tests.e2e.test_erasure import rows_about
from tests.e2e.test_friends import People, Person, befriend
from tests.stack import Host, Issuer, Stack, StartHost
from tests.table_proxy import TableProxy

FRIENDS = {"friends": True}


@pytest.fixture
def people(client: aiohttp.ClientSession, stack: Stack, request: pytest.FixtureRequest) -> People:
    return People(client, stack.issuer, request.node.name)


@pytest.fixture
async def counted_host(start_host: StartHost, tables: TableProxy) -> Host:
    """A host whose storage requests are counted by `tables`."""
    return await start_host(TABLES_CONNECTION_STRING=tables.connection_string)


async def request_of(
    person: Person, path: str, method: str = "GET", body: object = None, **headers: str
) -> Reply:
    return await ask(
        person._client, person.host, path, person.bearer, method=method, json=body, headers=headers
    )


async def share(person: Person, group_id: str, audience: object, **more: object) -> Reply:
    body = {"groupId": group_id, "audience": audience, **more}
    return await request_of(person, "/groupCalls", "POST", body)


async def unshare(person: Person, call: str) -> Reply:
    return await request_of(person, f"/groupCalls/{call}", "DELETE")


async def opened(person: Person, call: str) -> Reply:
    return await request_of(person, f"/invitations/{call}")


async def listed(person: Person, space: str | None = None) -> list[dict[str, Any]]:
    query = f"?space={space}" if space else ""
    reply = await request_of(person, f"/invitations{query}")
    assert reply.status == 200, reply
    return list(reply.json["invitations"])


async def ids(person: Person, space: str | None = None) -> list[str]:
    return [invitation["id"] for invitation in await listed(person, space)]


def at(**delta: float) -> str:
    return (datetime.now(UTC) + timedelta(**delta)).isoformat(timespec="milliseconds")


async def test_friends_see_a_shared_call_and_nobody_else_until_it_is_unshared(
    one_host: Host, people: People
) -> None:
    alice, bob, carol, dave = people(one_host, "alice", "bob", "carol", "dave")
    await befriend(alice, bob, carol)
    group = str(uuid.uuid4())

    shared = await share(alice, group.upper(), FRIENDS, title="Coffee")

    call = shared.json["id"]
    assert shared.status == 201
    assert shared.headers["Location"] == f"/api/invitations/{call}"
    as_seen = {
        "id": call,
        "kind": "groupCall",
        "title": "Coffee",
        "locator": {"groupId": group},
        "alternatives": [],
        "host": {"id": alice.id, "displayName": "Alice"},
        "mine": False,
    }
    assert shared.json == {**as_seen, "mine": True, "invited": 2}
    assert group not in call
    for friend in (bob, carol):
        assert await listed(friend) == [as_seen]
        assert (await opened(friend, call)).json == as_seen
    assert await listed(alice) == [{**as_seen, "mine": True}]
    assert await listed(dave) == []
    hidden, unknown = await opened(dave, call), await opened(dave, "f" * 64)
    assert hidden.status == 404
    assert {**hidden.json, "instance": ""} == {**unknown.json, "instance": ""}

    for stranger in (dave, bob):  # nothing happens, and nobody learns that there is something
        assert (await unshare(stranger, call)).status == 204
    assert await ids(carol) == [call]
    for _ in range(2):
        assert (await unshare(alice, call)).status == 204
    for person in (alice, bob, carol):
        assert await listed(person) == []
        assert (await opened(person, call)).status == 404


async def test_sharing_again_changes_it_for_everybody(one_host: Host, people: People) -> None:
    alice, bob, carol = people(one_host, "alice", "bob", "carol")
    await befriend(alice, bob, carol)
    group = str(uuid.uuid4())
    first = await share(alice, group, {"users": [bob.id, bob.id, alice.id]}, title="One")
    assert (first.status, first.json["invited"]) == (201, 1)

    again = await share(alice, group, {"users": [carol.id]}, title="Two")

    assert (again.status, again.json["id"]) == (200, first.json["id"])
    assert await ids(bob) == []
    assert (await opened(bob, first.json["id"])).status == 404
    assert [one["title"] for one in await listed(carol)] == ["Two"]
    into_space = await share(alice, group, {"space": "lounge of again"})
    assert (into_space.status, into_space.json["title"]) == (200, None)
    assert await ids(carol) == []
    assert await ids(bob, "lounge of again") == [first.json["id"]]
    assert (await opened(bob, first.json["id"])).status == 200
    await share(alice, group, FRIENDS)
    assert await ids(bob, "lounge of again") == []
    assert await ids(bob) == await ids(carol) == [first.json["id"]]
    await unshare(alice, first.json["id"])
    assert (await share(alice, group, FRIENDS)).status == 201


async def test_two_who_share_one_group_id_have_a_record_each(
    one_host: Host, people: People
) -> None:
    alice, bob, carol = people(one_host, "alice", "bob", "carol")
    await befriend(carol, alice, bob)
    group = str(uuid.uuid4())
    mine, other = await share(alice, group, FRIENDS), await share(bob, group, FRIENDS)

    assert mine.json["id"] != other.json["id"]
    assert sorted(await ids(carol)) == sorted([mine.json["id"], other.json["id"]])
    await unshare(bob, mine.json["id"])
    await unshare(bob, other.json["id"])
    assert await ids(carol) == [mine.json["id"]]


async def test_a_space_is_open_to_everybody_of_the_realm_and_ten_calls_of_each(
    client: aiohttp.ClientSession, start_host: StartHost, people: People, second_issuer: Issuer
) -> None:
    second = {"issuer": second_issuer.url, "audience": second_issuer.audience}
    host = await start_host(AUTH_ISSUERS=json.dumps([second]))
    alice, bob = people(host, "alice", "bob")
    stranger = Person(client, host, second_issuer, bob.id, "Bob")
    space = {"space": "garden"}
    groups = [str(uuid.uuid4()) for _ in range(11)]
    calls = [(await share(alice, group, space)).json["id"] for group in groups[:10]]

    refused = await share(alice, groups[10], space)
    assert (refused.status, refused.json["code"]) == (429, "too-many-shared")
    assert (await share(alice, groups[0], space, title="Changed")).status == 200
    assert (await share(bob, groups[0], space)).status == 201
    assert set(calls) < set(await ids(bob, "garden"))
    assert len(await ids(bob, "garden")) == 11
    assert await ids(bob) != []
    assert await ids(stranger, "garden") == []
    assert (await opened(stranger, calls[0])).status == 404
    await unshare(alice, calls[0])
    crowd = await asyncio.gather(*(share(alice, str(uuid.uuid4()), space) for _ in range(6)))
    assert {reply.status for reply in crowd} <= {201, 429}
    live = [one for one in await listed(alice) if not one["title"]]
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

    both = await share(alice, group, {"users": [bob.id, silent.id, nobody.id]})

    assert (both.status, both.json["code"]) == (400, "invalid-request")
    assert [fault["field"] for fault in both.json["errors"]] == [
        "audience.users.1",
        "audience.users.2",
    ]
    assert len({fault["message"] for fault in both.json["errors"]}) == 1
    assert await ids(bob) == await ids(alice) == []


async def test_a_manager_may_name_anyone_of_the_realm_who_has_an_identity(
    stack: Stack, one_host: Host, people: People
) -> None:
    manager, carol, nobody = people(one_host, "manager", "carol", "nobody")
    manager.bearer = stack.token(manager.id, name="Manager", roles=["Calls.Manage"])
    await carol.token()
    group = str(uuid.uuid4())
    refused = await share(manager, group, {"users": [carol.id, nobody.id]})
    assert [fault["field"] for fault in refused.json["errors"]] == ["audience.users.1"]

    shared = await share(manager, group, {"users": [carol.id]})

    assert await ids(carol) == [shared.json["id"]]
    await befriend(manager, carol)
    await carol.remove(manager.id)  # they were not invited as a friend
    assert await ids(carol) == [shared.json["id"]]
    await carol.forget()
    carol.bearer = stack.token(carol.id)
    assert await ids(carol) == []
    assert (await opened(carol, shared.json["id"])).status == 404


async def test_who_is_no_friend_any_more_sees_the_call_no_more(
    one_host: Host, people: People
) -> None:
    alice, bob, carol, dave = people(one_host, "alice", "bob", "carol", "dave")
    await befriend(alice, bob, carol, dave)
    call = (await share(alice, str(uuid.uuid4()), FRIENDS)).json["id"]
    theirs = (await share(bob, str(uuid.uuid4()), FRIENDS)).json["id"]
    assert set(await ids(alice)) == {call, theirs}

    await bob.remove(alice.id)
    await alice.remove(carol.id, "?block=true")

    assert await ids(bob) == [theirs]
    assert await ids(carol) == []
    assert await ids(alice) == [call]
    assert await ids(dave) == [call]
    for former in (bob, carol):
        assert (await opened(former, call)).status == 404


async def test_an_event_is_listed_soonest_first_until_it_ends(
    one_host: Host, people: People, stack: Stack
) -> None:
    alice, bob = people(one_host, "alice", "bob")
    await befriend(alice, bob)
    to_bob = {"users": [bob.id]}
    times = {
        "tomorrow": {"startsAt": at(days=1), "endsAt": at(days=1, hours=1)},
        "now": {},
        "in an hour": {"startsAt": at(hours=1)},
        "soon over": {"startsAt": at(hours=-23), "endsAt": at(seconds=2)},
        "began yesterday": {"startsAt": at(hours=-24, seconds=3)},
    }
    for title, when in times.items():
        shared = await share(alice, str(uuid.uuid4()), to_bob, title=title, **when)
        assert shared.status == 201, shared
        for name, moment in when.items():
            sent = datetime.fromisoformat(moment)
            assert abs(datetime.fromisoformat(shared.json[name]) - sent) < timedelta(seconds=1)

    order = ["began yesterday", "soon over", "now", "in an hour", "tomorrow"]
    assert [one["title"] for one in await listed(bob)] == order
    first = (await listed(bob))[0]["id"]
    async with asyncio.timeout(20):
        while [one["title"] for one in await listed(bob)] != order[2:]:
            await asyncio.sleep(0.1)
    assert (await opened(bob, first)).status == 404
    await listed(alice)
    assert rows_about(stack, "began yesterday") == rows_about(stack, "soon over") == []


async def test_a_calendar_reads_the_event(one_host: Host, people: People) -> None:
    [alice] = people(one_host, "alice")
    starts, title = at(days=3), "Plan; the, \\trip to Zürich " + "x" * 100
    group = str(uuid.uuid4())
    shared = await share(
        alice, group, FRIENDS, title=title, startsAt=starts, endsAt=at(days=3, hours=2)
    )
    untimed = await share(alice, str(uuid.uuid4()), FRIENDS)

    for call, begins in ((shared, datetime.fromisoformat(starts)), (untimed, datetime.now(UTC))):
        event = (await calendar(alice, call.json["id"])).vevent
        assert abs(event.dtstart.value - begins) < timedelta(seconds=60)
        assert call.json["id"] in event.uid.value
    event = (await calendar(alice, shared.json["id"])).vevent
    assert event.summary.value == title
    assert group in event.description.value
    assert event.dtend.value - event.dtstart.value == timedelta(hours=2)


async def calendar(person: Person, call: str) -> Any:
    url = f"{person.host.api}/invitations/{call}"
    headers = {"Authorization": f"Bearer {person.bearer}", "Accept": "text/calendar"}
    async with person._client.get(url, headers=headers) as response:
        assert response.status == 200
        assert response.headers["Content-Type"].startswith("text/calendar")
        return vobject.readOne(await response.text())


async def test_erasing_the_owner_or_an_invitee_leaves_nothing_about_them(
    stack: Stack, one_host: Host, people: People
) -> None:
    alice, bob, carol = people(one_host, "alice", "bob", "carol")
    await befriend(alice, bob, carol)
    title = f"title of {alice.id}"
    call = (await share(alice, str(uuid.uuid4()), FRIENDS, title=title)).json["id"]
    held = (await bob.export()).json["held"]["invitations"]
    assert [(row["role"], row["title"]) for row in held] == [("invitee", title)]

    await bob.forget()
    assert rows_about(stack, bob.id) == []
    assert await ids(carol) == [call]
    await alice.forget()

    assert rows_about(stack, alice.id, title, call) == []
    assert await ids(carol) == []


WRONG = [
    (
        {"groupId": "x", "title": "", "endsAt": "soon", "b": 1, "audience": {}},
        {"groupId", "title", "endsAt", "b", "audience"},
    ),
    ({"audience": {"friends": True, "space": "x"}}, {"groupId", "audience"}),
    ({"startsAt": at(days=-2), "title": "x" * 257}, {"groupId", "startsAt", "title", "audience"}),
    ({"startsAt": at(hours=2), "endsAt": at(hours=1)}, {"groupId", "endsAt", "audience"}),
    ({"endsAt": at(minutes=-1)}, {"groupId", "endsAt", "audience"}),
    ({"startsAt": "2026-11-22T10:00:00"}, {"groupId", "startsAt", "audience"}),  # whose clock?
    ({"startsAt": "9999-12-31T23:59:59Z"}, {"groupId", "startsAt", "audience"}),
    ({"audience": {"users": ["x"] * 351}}, {"groupId", "audience.users"}),
    ({"audience": {"users": ["", "x" * 257]}}, {"groupId", "audience.users.0", "audience.users.1"}),
    ({"audience": {"friends": False}}, {"groupId", "audience.friends"}),
    ({"audience": {"space": "\u202egnp"}}, {"groupId", "audience.space"}),
]


@pytest.mark.parametrize(("body", "fields"), WRONG)
async def test_all_faults_are_told_at_once(
    one_host: Host, people: People, body: dict[str, object], fields: set[str]
) -> None:
    [alice] = people(one_host, "alice")
    refused = await request_of(alice, "/groupCalls", "POST", body)

    assert (refused.status, refused.json["code"]) == (400, "invalid-request")
    assert {fault["field"] for fault in refused.json["errors"]} == fields


async def test_shares_at_the_same_instant_end_in_one_of_them(
    start_host: StartHost, people: People
) -> None:
    hosts = [await start_host(), await start_host()]
    alice, bob, carol = people(hosts[0], "alice", "bob", "carol")
    await befriend(alice, bob, carol)
    also = Person(alice._client, hosts[1], alice._issuer, alice.id, alice.name)
    group = str(uuid.uuid4())

    replies = await asyncio.gather(
        *(
            share(
                (alice, also)[n % 2], group, {"users": [(bob, carol)[n // 2 % 2].id]}, title=str(n)
            )
            for n in range(8)
        )
    )

    assert {reply.status for reply in replies} <= {200, 201, 409}
    [mine] = await listed(alice)
    seen = {person.id: await listed(person) for person in (bob, carol)}
    [(invitee, [theirs])] = [(who, found) for who, found in seen.items() if found]
    assert theirs == {**mine, "mine": False}
    assert [bob.id, carol.id].index(invitee) == int(mine["title"]) // 2 % 2


async def test_an_erasure_that_overtakes_a_sharing_leaves_nothing_of_it(
    stack: Stack, one_host: Host, counted_host: Host, people: People, table_faults: Control
) -> None:
    alice, bob = people(counted_host, "alice", "bob")
    await befriend(alice, bob)
    await table_faults.fault("insert", delayMs=0, times=1)  # the pointer
    fault = await table_faults.fault("insert", hold="before", times=1)  # the record
    sharing = asyncio.create_task(share(alice, str(uuid.uuid4()), FRIENDS))
    await table_faults.held(fault)
    erasing = Person(alice._client, one_host, alice._issuer, alice.id, alice.name)
    erasing.bearer = alice.bearer
    assert (await erasing.forget()).status == 204
    await table_faults.release(fault)

    assert (await sharing).status == 401
    assert rows_about(stack, alice.id) == []
    bob.host = one_host
    assert await ids(bob) == []


async def test_a_friend_who_leaves_during_a_sharing_does_not_see_it(
    one_host: Host, counted_host: Host, people: People, table_faults: Control
) -> None:
    alice, bob = people(counted_host, "alice", "bob")
    await befriend(alice, bob)
    bob.host = one_host
    await table_faults.fault("insert", delayMs=0, times=1)  # the pointer
    fault = await table_faults.fault("insert", hold="after", times=1)  # the record
    sharing = asyncio.create_task(share(alice, str(uuid.uuid4()), FRIENDS))
    await table_faults.held(fault)
    assert (await bob.remove(alice.id)).status == 204
    await table_faults.release(fault)

    shared = await sharing
    assert (shared.status, shared.json["invited"]) == (201, 0)
    assert await ids(bob) == []
    assert (await opened(bob, shared.json["id"])).status == 404
