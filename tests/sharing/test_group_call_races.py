"""Sharing a group call while others share, leave or are erased."""

import asyncio
import uuid

from tests.privacy.test_erasure import rows_about
from tests.support.control import Control
from tests.support.people import FRIENDS, People, befriend
from tests.support.stack import Host, Stack, StartHost


async def test_shares_at_the_same_instant_end_in_one_of_them(
    start_host: StartHost, people: People
) -> None:
    hosts = [await start_host(), await start_host()]
    alice, bob, carol = people(hosts[0], "alice", "bob", "carol")
    await befriend(alice, bob, carol)
    also = alice.at(hosts[1])
    group = str(uuid.uuid4())

    replies = await asyncio.gather(
        *(
            (alice, also)[n % 2].share(
                group, {"users": [(bob, carol)[n // 2 % 2].id]}, title=str(n)
            )
            for n in range(8)
        )
    )

    assert {reply.status for reply in replies} <= {200, 201, 409}
    [mine] = await alice.invitations()
    seen = {person.id: await person.invitations() for person in (bob, carol)}
    [(invitee, [theirs])] = [(who, found) for who, found in seen.items() if found]
    assert theirs == {**mine, "mine": False}
    assert [bob.id, carol.id].index(invitee) == int(mine["title"]) // 2 % 2


async def test_an_erasure_that_overtakes_a_sharing_leaves_nothing_of_it(
    stack: Stack, one_host: Host, counted_host: Host, people: People, table_faults: Control
) -> None:
    alice, bob = people(counted_host, "alice", "bob")
    await befriend(alice, bob)
    fault = await table_faults.fault("insert", hold="before", times=1)  # the record
    sharing = asyncio.create_task(alice.share(str(uuid.uuid4()), FRIENDS))
    await table_faults.held(fault)
    erasing = alice.at(one_host)
    assert (await erasing.forget()).status == 204
    await table_faults.release(fault)

    assert (await sharing).status == 401
    assert rows_about(stack, alice.id) == []
    bob.host = one_host
    assert await bob.calls() == []


async def test_a_friend_who_leaves_during_a_sharing_does_not_see_it(
    one_host: Host, counted_host: Host, people: People, table_faults: Control
) -> None:
    alice, bob = people(counted_host, "alice", "bob")
    await befriend(alice, bob)
    bob.host = one_host
    fault = await table_faults.fault("insert", hold="after", times=1)  # the record
    sharing = asyncio.create_task(alice.share(str(uuid.uuid4()), FRIENDS))
    await table_faults.held(fault)
    assert (await bob.remove(alice.id)).status == 204
    await table_faults.release(fault)

    shared = await sharing
    assert (shared.status, shared.json["invited"]) == (201, 0)
    assert await bob.calls() == []
    assert (await bob.open(shared.json["id"])).status == 404
