"""The buddy list tells nobody whether a person exists, has said no, or was erased."""

from collections import Counter

from tests.privacy.test_erasure import rows_about
from tests.support.api import Reply
from tests.support.control import Control
from tests.support.patience import or_more
from tests.support.people import People, Person, befriend
from tests.support.stack import Host, Stack
from tests.support.table_proxy import TableProxy


def told(reply: Reply) -> tuple[int, dict[str, str], object]:
    """All of an answer that a client sees, except the parts that differ between any two answers."""
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
    # A former friend has rows already: they are updated, while those of others are inserted.
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

    assert (await acs.state())["created"] - before == or_more(1)
    user_id = (await alice.token()).user_id
    assert (await bob.add(alice.id)).json["communicationUserId"] == user_id


async def test_a_block_outlives_the_erasure_of_the_blocked_person_but_not_their_id(
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
