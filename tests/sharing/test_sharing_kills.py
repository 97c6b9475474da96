"""A host that dies while a call is shared or taken back leaves nothing that a repetition does not
finish."""

import asyncio
import uuid
from collections import Counter
from collections.abc import Awaitable

import pytest

from shared.operate.tidy import Tidy
from tests.privacy.test_erasure import rows_about
from tests.support.api import Reply
from tests.support.kills import Step
from tests.support.people import FRIENDS, People, Person
from tests.support.sampling import Few
from tests.support.stack import Host, Stack
from tests.support.storage import Kill, every_step, mapping_key, rows_of, store_friends
from tests.support.table_proxy import TableProxy

MOST = 350
WRITES = frozenset({"insert", "update", "remove", "batch"})

# How often each request writes, and so how often the host dies after each operation.
WRITTEN = {
    # The intent, the owner's row, the record; the rows of the owner and five, and the record, which
    # says so; the intent.
    "first": {"insert": 3, "update": 6 + 1, "remove": 1},
    # The intent, and a place, which the call has already; its place, the record, the rows of the
    # owner and three, and the record when nobody is leaving any more; the rows of two who leave,
    # and the intent.
    "changed": {"insert": 2, "update": 1 + 1 + 4 + 1, "remove": 2 + 1},
    # As before, without any row but that of the owner, which gives the place back.
    "repeated": {"insert": 2, "update": 1 + 1 + 1, "remove": 1},
    # The intent; the record, which says so; the rows of the owner and three, the record, and the
    # intent.
    "taken back": {"insert": 1, "update": 1, "remove": 4 + 1 + 1},
}


def named(audience: list[Person]) -> dict[str, list[str]]:
    return {"users": [person.id for person in audience]}


async def with_friends(stack: Stack, owner: Person, number: int) -> list[str]:
    """The ids of so many accepted friends of the owner, who is not known here yet."""
    assert (await owner.token()).status == 200
    return await store_friends(stack, owner, number)


async def every_write(tables: TableProxy, request: Awaitable[Reply]) -> list[Step]:
    """The moments after each write of the request, and before the first of each operation.

    Before each other is after the one before it, or while several go on at once, as after it.
    """
    return [
        step
        for step in await every_step(tables, request)
        if step.operation in WRITES and (step.moment == "after" or step.skip == 0)
    ]


def written(steps: list[Step]) -> Counter[str]:
    return Counter(step.operation for step in steps if step.moment == "after")


async def see_only(
    call: str, title: str, audience: list[Person], everybody: list[Person], at: object
) -> None:
    """The audience is shown this one call, under this title; the rest of everybody no call."""
    shown = await asyncio.gather(*(person.invitations() for person in everybody))
    replies = await asyncio.gather(*(person.open(call) for person in everybody))
    for person, found, reply in zip(everybody, shown, replies, strict=True):
        told = (at, person.id)
        titles = [(one["id"], one["title"]) for one in found]
        if person in audience:
            assert titles == [(call, title)], told
            assert (reply.status, reply.json["title"]) == (200, title), told
        else:
            assert titles == [], told
            assert reply.status == 404, told


async def test_a_first_sharing_killed_at_any_write_is_finished_by_its_repetition(
    stack: Stack,
    tables: TableProxy,
    counted_host: Host,
    people: People,
    kill: Kill,
    tidy: Tidy,
    few: Few,
) -> None:
    [owner] = people(counted_host, "owner")
    friends = owner.others(*await with_friends(stack, owner, 6))
    audience, everybody = named(friends[:5]), [owner, *friends]
    steps = await every_write(tables, owner.share(str(uuid.uuid4()), audience))
    assert written(steps) == WRITTEN["first"]
    calls = await owner.calls()
    await owner.unshare(calls[0])

    for step in few(steps):
        group = str(uuid.uuid4())
        await kill(step, owner.share(group, audience, title="New"))
        repeated = await owner.share(group, audience, title="New")

        # The third that is inserted is the record.
        unsaid = step.operation == "insert" and step.skip < 2
        assert repeated.status == (201 if unsaid else 200), step
        assert repeated.json["invited"] == 5, step
        await see_only(repeated.json["id"], "New", [owner, *friends[:5]], everybody, step)
        calls.append(repeated.json["id"])
        await owner.unshare(calls[-1])

    await tidy.run()
    assert rows_about(stack, *calls) == []


async def test_a_changed_sharing_killed_at_any_write_is_finished_by_its_repetition(
    stack: Stack,
    tables: TableProxy,
    counted_host: Host,
    people: People,
    kill: Kill,
    tidy: Tidy,
    few: Few,
) -> None:
    [owner] = people(counted_host, "owner")
    friends = owner.others(*await with_friends(stack, owner, 6))
    before, after, everybody = named(friends[:3]), named(friends[2:5]), [owner, *friends]
    group = str(uuid.uuid4())
    await owner.share(group, before, title="Old")
    steps = await every_write(tables, owner.share(group, after, title="New"))
    assert written(steps) == WRITTEN["changed"]
    calls = await owner.calls()
    await owner.unshare(calls[0])

    for step in few(steps):
        group = str(uuid.uuid4())
        assert (await owner.share(group, before, title="Old")).status == 201

        await kill(step, owner.share(group, after, title="New"))
        repeated = await owner.share(group, after, title="New")

        assert (repeated.status, repeated.json["invited"]) == (200, 3), step
        await see_only(repeated.json["id"], "New", [owner, *friends[2:5]], everybody, step)
        calls.append(repeated.json["id"])
        await owner.unshare(calls[-1])

    await tidy.run()
    assert rows_about(stack, *calls) == []


async def test_a_repetition_killed_at_any_write_leaves_the_call_shared_as_it_was(
    stack: Stack,
    tables: TableProxy,
    counted_host: Host,
    people: People,
    kill: Kill,
    tidy: Tidy,
    few: Few,
) -> None:
    [owner] = people(counted_host, "owner")
    friends = owner.others(*await with_friends(stack, owner, 3))
    group, everybody = str(uuid.uuid4()), [owner, *friends]
    first = await owner.share(group, FRIENDS, title="Same")
    call = first.json["id"]
    steps = await every_write(tables, owner.share(group, FRIENDS, title="Same"))
    assert written(steps) == WRITTEN["repeated"]

    for step in few(steps):
        await kill(step, owner.share(group, FRIENDS, title="Same"))
        await see_only(call, "Same", everybody, everybody, step)
        repeated = await owner.share(group, FRIENDS, title="Same")

        assert (repeated.status, repeated.json["invited"]) == (200, 3), step
        await see_only(call, "Same", everybody, everybody, step)

    assert (await owner.unshare(call)).status == 204
    await tidy.run()
    assert rows_about(stack, call) == []


@pytest.mark.slow
async def test_a_sharing_with_as_many_as_a_call_holds_is_finished_too_wherever_it_was_killed(
    stack: Stack, counted_host: Host, people: People, kill: Kill, tidy: Tidy, few: Few
) -> None:
    [owner] = people(counted_host, "owner")
    friends = await with_friends(stack, owner, MOST + 3)
    # Those who come, those who leave, and one who stays.
    some = owner.others(*friends[:3], *friends[-3:], friends[MOST // 2])
    group = str(uuid.uuid4())
    first = await owner.share(group, {"users": friends[:3]}, title="Old")
    call = first.json["id"]
    assert (first.status, first.json["invited"]) == (201, 3)

    # The record's; a row's; and the record's once more, when nobody is leaving any more.
    for skip in few((1, MOST // 2, 2 + MOST + 1)):
        step = Step("tables", "update", skip, "after")
        friends.reverse()
        audience, title = friends[:MOST], f"New at {step}"

        await kill(step, owner.share(group, {"users": audience}, title=title))
        repeated = await owner.share(group, {"users": audience}, title=title)

        assert (repeated.status, repeated.json["invited"]) == (200, MOST), step
        everybody = {mapping_key(stack, user): title for user in (owner.id, *audience)}
        assert await rows_of(stack, call) == everybody, step
        invited = [person for person in some if person.id in audience]
        assert len(invited) == 4
        await see_only(call, title, [owner, *invited], [owner, *some], step)

    assert (await owner.unshare(call)).status == 204
    await tidy.run()
    assert rows_about(stack, call) == []


async def test_an_unsharing_killed_at_any_write_is_finished_by_its_repetition(
    stack: Stack,
    tables: TableProxy,
    counted_host: Host,
    people: People,
    kill: Kill,
    tidy: Tidy,
    few: Few,
) -> None:
    [owner] = people(counted_host, "owner")
    friends = owner.others(*await with_friends(stack, owner, 3))
    calls = [(await owner.share(str(uuid.uuid4()), FRIENDS)).json["id"]]
    steps = await every_write(tables, owner.unshare(calls[0]))
    assert written(steps) == WRITTEN["taken back"]

    for step in few(steps):
        shared = await owner.share(str(uuid.uuid4()), FRIENDS, title="Taken back")
        assert (shared.status, shared.json["invited"]) == (201, 3), step
        calls.append(shared.json["id"])

        await kill(step, owner.unshare(calls[-1]))
        repeated = await owner.unshare(calls[-1])

        assert repeated.status == 204, step
        await see_only(calls[-1], "", [], [owner, *friends], step)

    await tidy.run()
    assert rows_about(stack, *calls) == []
