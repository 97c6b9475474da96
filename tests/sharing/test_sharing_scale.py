"""The requests to storage of sharing a call, with one friend and with as many as a call holds."""

import math
import uuid

import pytest

from tests.privacy.test_erasure import rows_about
from tests.support import sampling
from tests.support.costs import cost_of
from tests.support.people import FRIENDS, People
from tests.support.stack import Host, Stack
from tests.support.storage import cost, mapping_key, rows_of, store_friends, store_invitations
from tests.support.table_proxy import TableProxy

MOST = 350
MOST_LISTED = 1000
MOST_READ_ONE_BY_ONE = 32
# The rows of the table of costs that are measured here.
SHARE = "POST /groupCalls with friends, N in all"
SHARE_WITH_MANY = "POST /groupCalls with friends, N in all, more than 32"
SHARE_AGAIN = "POST /groupCalls again, changed"
SHARE_AGAIN_WITH_MANY = "POST /groupCalls again, changed, with more than 32"
REFUSE = "POST /groupCalls with more than 350 friends, refused"
UNSHARE = "DELETE /groupCalls/{id} with N invited"
LIST = "GET /invitations, at most 1,000 from one friend"
OPENING = "GET /invitations/{id}, of one's own"
OPENING_OF_FRIENDS = "GET /invitations/{id}, of a friend's"
NOT_SHARED = "GET /invitations/{id}, not shared with me"


@pytest.mark.slow
async def test_sharing_costs_a_write_for_each_friend_and_unsharing_a_removal(
    stack: Stack, tables: TableProxy, counted_host: Host, people: People
) -> None:
    calls = []
    for number in (1, 10, 100, MOST):
        [owner] = people(counted_host, f"owner of {number}")
        await owner.token()
        friends = await store_friends(stack, owner, number)
        everybody = {mapping_key(stack, user): "" for user in (owner.id, *friends)}
        group = str(uuid.uuid4())
        again = owner.share(group, FRIENDS, title="Changed")

        first, changed = (SHARE, SHARE_AGAIN)
        if number > MOST_READ_ONE_BY_ONE:
            first, changed = (SHARE_WITH_MANY, SHARE_AGAIN_WITH_MANY)
        shared = await cost(tables, owner.share(group, FRIENDS), 201)
        assert shared == cost_of(first, number)
        [call] = await owner.calls()
        calls.append(call)
        assert await rows_of(stack, call) == everybody
        assert await cost(tables, again, 200) == cost_of(changed, number)
        assert await rows_of(stack, call) == dict.fromkeys(everybody, "Changed")
        [friend] = owner.others(friends[-1])
        assert await cost(tables, owner.open(call), 200) == cost_of(OPENING)
        assert await cost(tables, friend.open(call), 200) == cost_of(OPENING_OF_FRIENDS)
        assert await cost(tables, owner.unshare(call), 204) == cost_of(UNSHARE, number)
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
    assert tables.requests == cost_of(REFUSE)
    assert await owner.calls() == await friend.calls() == []


async def test_a_listing_costs_one_query_a_thousand_and_an_opening_three_reads_or_five(
    stack: Stack, tables: TableProxy, counted_host: Host, people: People
) -> None:
    least_and_most, is_long = (1, MOST_LISTED + 1), sampling.slow or sampling.soak
    for number in (*least_and_most, 100, MOST_LISTED) if is_long else least_and_most:
        [person] = people(counted_host, f"invited to {number}")
        await person.token()
        calls = await store_invitations(stack, person, number)

        tables.requests.clear()
        found = await person.calls()

        assert found == calls[:MOST_LISTED]
        pages = math.ceil(number / MOST_LISTED)
        assert tables.requests == {**cost_of(LIST), "query": pages}
        assert await cost(tables, person.open(calls[0]), 200) == cost_of(OPENING_OF_FRIENDS)
        # A call that a row lists, and that has no record.
        if number > 1:
            assert await cost(tables, person.open(calls[-1]), 404) == cost_of(NOT_SHARED)
