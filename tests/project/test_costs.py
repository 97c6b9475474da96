"""What each request asks of Table Storage, ACS and Graph: exactly as the table in CONTRIBUTING."""

import uuid

import pytest

from tests.calls.test_calls import invite, place
from tests.meetings.test_meetings import schedule
from tests.support.control import Control
from tests.support.costs import Cost, Counting, cost_table
from tests.support.people import People
from tests.support.stack import ROOT, Host, Stack
from tests.support.storage import store_friends
from tests.support.table_proxy import TableProxy

# What costs more for more people, which other tests measure with as many as there may be.
ELSEWHERE = {
    "GET /token, with another name than N friends know": "test_friends_scale",
    "GET /friends, a page of at most 1,000": "test_friends_scale",
    "PUT /friends/{id}, a request of one with at most 1,000 friends": "test_friends_scale",
    "POST /groupCalls with friends, N in all": "test_sharing_scale",
    "POST /groupCalls again, changed": "test_sharing_scale",
    "DELETE /groupCalls/{id} with N invited": "test_sharing_scale",
    "POST /groupCalls with more than 350 friends, refused": "test_sharing_scale",
    "GET /invitations, at most 1,000 from one friend": "test_sharing_scale",
    "GET /invitations/{id}, of a friend's": "test_sharing_scale",
    "GET /invitations/{id}, not shared with me": "test_sharing_scale",
}
NAMED = "POST /groupCalls with N named friends"
MANY_NAMED = "POST /groupCalls with N named friends, more than 32"


@pytest.fixture
async def counting(tables: TableProxy, acs: Control, graph: Control) -> Counting:
    """Whose calls are quiet: ACS keeps its events."""
    await acs.put("callbacks", {"hold": True})
    return Counting(tables, acs, graph)


async def test_every_other_request_costs_what_the_table_says(
    counting: Counting, counted_host: Host, people: People, acs: Control
) -> None:
    ann, ben = people(counted_host, "ann", "ben")
    ann.sign_in("Calls.Manage", "Meetings.Schedule")
    of, of_event = counting.of, counting.of_event
    await of("GET /token, the first ever", ann.token(), 200)
    await of("GET /token, cached", ann.token(), 200)
    await of("GET /token, not cached", ann.ask("/token?expiresInMinutes=90"), 200)
    await of("GET /user", ann.ask("/user"), 200)
    await ben.token()
    await ann.add(ben.id)
    await of("PUT /friends/{id}, an answer", ben.add(ann.id), 201)
    await of("PUT /friends/{id} again", ben.add(ann.id), 200)
    await of("GET /friends/{id}", ann.resolve(ben.id), 200)
    await of("GET /friends/{id}, nobody's", ann.resolve("nobody"), 404)
    group, audience = str(uuid.uuid4()), {"users": [ben.id]}
    call = (await ann.share(group, audience)).json["id"]
    await of("POST /groupCalls again, unchanged", ann.share(group, audience), 200)
    await of("GET /invitations/{id}, of one's own", ann.open(call), 200)
    await of("DELETE /friends/{id}", ben.remove(ann.id), 204)
    external_id = str(uuid.uuid4())
    space = {"space": external_id}
    made = await of("POST /meetings", schedule(ann, external_id, space), 201)
    await of("POST /meetings again, unchanged", schedule(ann, external_id, space), 200)
    meeting = f"/meetings/{made.json['id']}"
    await of("DELETE /meetings/{id}", ann.ask(meeting, "DELETE"), 204)
    placed = await of("POST /calls to one person", place(ann, {"user": ben.id}), 201)
    call = placed.json["id"]
    await acs.events_held(2)
    await of("GET /calls", ann.ask("/calls"), 200)
    await of("GET /calls/{callId}", ann.ask(f"/calls/{call}"), 200)
    connected = acs.tell(types=["CallConnected"])
    await of_event("POST /callEvents/{callId}, that a call is connected", connected)
    [carol] = people(counted_host, "carol")
    await carol.token()
    added = invite(ann, call, {"user": carol.id}, "carol")
    await of("POST /calls/{callId}/participants", added, 202)
    await of("GET /user/export, of one friend and one call", ann.ask("/user/export"), 200)

    measured = counting.costs
    elsewhere = {*ELSEWHERE, NAMED, MANY_NAMED}
    expected = {name: cost for name, cost in cost_table().items() if name not in elsewhere}
    assert measured == expected


@pytest.mark.parametrize(("name", "number"), [(NAMED, 1), (NAMED, 32), (MANY_NAMED, 33)])
async def test_named_friends_are_read_one_by_one_while_they_are_few(
    stack: Stack, counting: Counting, counted_host: Host, people: People, name: str, number: int
) -> None:
    [owner] = people(counted_host, f"owner of {number}")
    await owner.token()
    friends = await store_friends(stack, owner, number)

    await counting.of(name, owner.share(str(uuid.uuid4()), {"users": friends}), 201)

    assert counting.costs == {name: cost_table(number)[name]}


def test_sharing_with_as_many_as_a_call_holds_takes_two_requests_for_each_and_ten() -> None:
    most = 350
    for name in ("POST /groupCalls with friends, N in all", MANY_NAMED):
        assert sum(cost_table(most)[name].stored.values()) == 2 * most + 10
    again = cost_table(most)["POST /groupCalls again, unchanged"]
    assert sum(again.stored.values()) <= 12


def test_every_row_of_the_table_is_measured() -> None:
    for name, module in ELSEWHERE.items():
        [path] = (ROOT / "tests").glob(f"*/{module}.py")
        assert f'"{name}"' in path.read_text("utf-8"), name
    assert {*ELSEWHERE, NAMED, MANY_NAMED} <= cost_table().keys()
    assert all(isinstance(cost, Cost) and cost.stored for cost in cost_table(1).values())
