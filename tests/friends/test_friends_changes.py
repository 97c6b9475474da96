"""A person's friends learn of their new name, their new identity, and their erasure."""

import asyncio

from tests.identity.test_healing import delete_behind_our_back
from tests.privacy.test_erasure import rows_about
from tests.support.control import Control
from tests.support.people import People, befriend
from tests.support.stack import Host, Stack
from tests.support.table_proxy import TableProxy


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
    healed = await alice.ask("/token?expiresInMinutes=97")
    assert healed.user_id != plain.user_id
    for friend in (bob, carol):
        resolved = await friend.resolve(alice.id)
        assert resolved.json["communicationUserId"] == healed.user_id
        listed = (await friend.friends()).json["friends"]
        assert [f["communicationUserId"] for f in listed] == [healed.user_id]


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
    erasing = alice.at(one_host)
    assert (await erasing.forget()).status == 204
    await table_faults.release(fault)

    assert (await asking).status == 401
    assert rows_about(stack, alice.id, bob.id) == []


async def test_a_request_for_a_person_who_is_erased_meanwhile_is_for_the_next_one(
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
