"""What sharing a call asks of storage, with one friend and with as many as a call holds."""

import math
import uuid

from tests.privacy.test_erasure import rows_about
from tests.support.people import FRIENDS, People
from tests.support.stack import Host, Stack
from tests.support.storage import cost, mapping_key, rows_of, store_friends, store_invitations
from tests.support.table_proxy import TableProxy

MOST = 350
MOST_LISTED = 1000
# Who am I, the record, and the row.
OPENING = {"get": 3}
# Besides, of who is invited as a friend: whether each of the two still says yes.
OPENING_OF_FRIENDS = {"get": 5}


def costs(friends: int) -> dict[str, dict[str, int]]:
    """What each request asks of storage for somebody with so many friends, who share with all."""
    return {
        # Who am I, and am I still: 2. The record: 3. My row: 2. Each friend's word: N. My friends,
        # my calls, and whom I say yes to: 3. The intent, which goes in the end, my row, and the
        # record: 3. All rows: N + 1.
        "share": {
            "get": 7 + friends,
            "query": 3,
            "insert": 3,
            "update": 1 + friends,
            "remove": 1,
        },
        # My row takes the place of the new sharing, which needs no count, and the record is
        # written over.
        "share again": {
            "get": 7 + friends,
            "query": 2,
            "insert": 1,
            "update": 3 + friends,
            "remove": 1,
        },
        # Who am I: 1. The record: 4. My row: 2. The intent. That says so, and goes with all rows
        # and the intent: N + 3.
        "unshare": {"get": 7, "insert": 1, "update": 1, "remove": 3 + friends},
        # Who am I, and one friend too many; whether a request that was killed has left anything.
        "refuse": {"get": 3, "query": 1},
    }


def listing(invitations: int) -> dict[str, int]:
    """Who am I; my invitations; and who my friends are."""
    return {"get": 1, "query": math.ceil(invitations / MOST_LISTED) + 1}


async def test_sharing_costs_a_read_and_a_write_for_each_friend_and_unsharing_a_removal(
    stack: Stack, tables: TableProxy, counted_host: Host, people: People
) -> None:
    calls = []
    for number in (1, 10, 100, MOST):
        [owner] = people(counted_host, f"owner of {number}")
        await owner.token()
        friends = await store_friends(stack, owner, number)
        everybody = {mapping_key(stack, user): "" for user in (owner.id, *friends)}
        group, expected = str(uuid.uuid4()), costs(number)

        assert await cost(tables, owner.share(group, FRIENDS), 201) == expected["share"]
        [call] = await owner.calls()
        calls.append(call)
        assert await rows_of(stack, call) == everybody
        assert await cost(tables, owner.share(group, FRIENDS), 200) == expected["share again"]
        assert await rows_of(stack, call) == everybody
        [friend] = owner.others(friends[-1])
        assert await cost(tables, owner.open(call), 200) == OPENING
        assert await cost(tables, friend.open(call), 200) == OPENING_OF_FRIENDS
        assert await cost(tables, owner.unshare(call), 204) == expected["unshare"]
        assert await rows_of(stack, call) == {}
    assert rows_about(stack, *calls) == []


async def test_more_friends_than_fit_into_a_call_are_refused_before_anything_is_written(
    stack: Stack, tables: TableProxy, counted_host: Host, people: People
) -> None:
    [owner] = people(counted_host, "owner")
    await owner.token()
    friends = await store_friends(stack, owner, MOST + 1, mirrored=1)
    [friend] = owner.others(friends[0])

    tables.requests.clear()
    refused = await owner.share(str(uuid.uuid4()), FRIENDS)

    assert (refused.status, refused.json["code"]) == (400, "invalid-request")
    assert f"more than {MOST}," in refused.json["detail"]
    [fault] = refused.json["errors"]
    assert fault["field"] == "audience.friends"
    assert tables.requests == costs(MOST + 1)["refuse"]
    assert await owner.calls() == await friend.calls() == []


async def test_a_listing_costs_one_query_a_thousand_and_an_opening_three_reads_or_five(
    stack: Stack, tables: TableProxy, counted_host: Host, people: People
) -> None:
    for number in (1, 100, MOST_LISTED, MOST_LISTED + 1):
        [person] = people(counted_host, f"invited to {number}")
        await person.token()
        calls = await store_invitations(stack, person, number)

        tables.requests.clear()
        found = await person.calls()

        assert found == calls[:MOST_LISTED]
        assert tables.requests == listing(number)
        assert await cost(tables, person.open(calls[0]), 200) == OPENING_OF_FRIENDS
        # One that a row shows and no record bears out.
        if number > 1:
            assert await cost(tables, person.open(calls[-1]), 404) == OPENING
