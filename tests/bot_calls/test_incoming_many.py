"""Many calls to bots in one delivery of Event Grid."""

from collections import Counter

from tests.bot_calls.incoming import Line, event_of
from tests.bot_calls.incoming_fixtures import alice, line
from tests.support.control import Control
from tests.support.people import Person
from tests.support.stack import Host
from tests.support.table_proxy import TableProxy

__all__ = ["alice", "line"]


async def test_many_rings_of_one_caller_in_one_delivery_are_counted_with_one_look(
    line: Line, acs: Control, counted_host: Host, tables: TableProxy, alice: Person
) -> None:
    await acs.put("callbacks", {"hold": True})
    there, rings = line.at(counted_host), [await line.ring(alice) for _ in range(12)]
    tables.requests.clear()

    reply = await there.tell([*map(event_of, rings), 7])

    assert Counter(reply.json["results"]) == {"answered": 5, "busy": 7, "ignored": 1}
    # What each ring costs by itself, and one look at the twelve records.
    assert tables.requests["get"] <= 14 * 12 + 12
    assert tables.requests["query"] <= 2
    await acs.put("callbacks", {})
