"""Shared calls and the windows that join them: what a person knows, nobody takes away."""

import uuid

from tests.support.people import FRIENDS, People
from tests.support.stack import Host
from tests.support.stack_windows import OpenWindow, window_of

__all__ = ["window_of"]


async def test_unsharing_takes_the_locator_away_and_ends_nobodys_knowledge_of_it(
    one_host: Host, people: People, window_of: OpenWindow
) -> None:
    """ACS lets anybody with a live token join a group id that they know."""
    alice, bob = people(one_host, "alice", "bob")
    for person in (alice, bob):
        assert (await person.token()).status == 200
    await alice.add(bob.id)
    await bob.add(alice.id)
    shared = await alice.share(str(uuid.uuid4()), FRIENDS)
    opened = await bob.open(shared.json["id"])
    group = opened.json["locator"]["groupId"]

    assert (await alice.unshare(shared.json["id"])).status == 204

    assert (await bob.open(shared.json["id"])).status == 404
    window = await window_of(bob)
    await window.send("join", groupId=group)
    await window.state("connected", window.user)
