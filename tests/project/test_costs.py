"""The requests to Table Storage, ACS and Graph that each request causes, exactly as the page of
costs has them."""

import uuid

import pytest

from tests.calls.test_calls import invite, place
from tests.meetings.test_meetings import schedule
from tests.support.control import Control
from tests.support.costs import Cost, Counting, cost_table
from tests.support.people import People
from tests.support.stack import ROOT, Host, Stack
from tests.support.storage import store_friends

# Where the other rows of the table are measured: under the names that these modules quote.
ELSEWHERE = (
    "friends/test_friends_scale",
    "sharing/test_sharing_scale",
    "project/test_costs_of_calls",
    "bot_calls/test_incoming_calls",
    "operate/test_tidy",
)
NAMED = "POST /groupCalls with N named friends"
MANY_NAMED = "POST /groupCalls with N named friends, more than 32"


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
    answer = "PUT /friends/{id}, an answer of one with at most 1,000 friends"
    await of(answer, ben.add(ann.id), 201)
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

    table = cost_table()
    assert counting.costs == {name: table[name] for name in counting.costs}
    assert table.keys() - counting.costs.keys() - {NAMED, MANY_NAMED} <= measured_elsewhere()


@pytest.mark.parametrize(("name", "number"), [(NAMED, 1), (NAMED, 32), (MANY_NAMED, 33)])
async def test_named_friends_are_read_one_by_one_while_they_are_few(
    stack: Stack, counting: Counting, counted_host: Host, people: People, name: str, number: int
) -> None:
    [owner] = people(counted_host, f"owner of {number}")
    await owner.token()
    friends = await store_friends(stack, owner, number)

    await counting.of(name, owner.share(str(uuid.uuid4()), {"users": friends}), 201)

    assert counting.costs == {name: cost_table(number)[name]}


def test_sharing_with_as_many_as_a_call_holds_takes_a_request_for_each_and_eleven() -> None:
    most = 350
    for name in ("POST /groupCalls with friends, N in all, more than 32", MANY_NAMED):
        assert sum(cost_table(most)[name].stored.values()) == most + 11
    again = cost_table(most)["POST /groupCalls again, unchanged"]
    assert sum(again.stored.values()) <= 12


def test_every_row_of_the_table_says_what_it_costs() -> None:
    assert {NAMED, MANY_NAMED} <= cost_table().keys()
    assert all(isinstance(cost, Cost) and cost.stored for cost in cost_table(1).values())


def measured_elsewhere() -> set[str]:
    """The rows whose names one of the other modules quotes."""
    texts = "".join((ROOT / f"tests/{module}.py").read_text("utf-8") for module in ELSEWHERE)
    return {name for name in cost_table() if f'"{name}"' in texts}
