"""Somebody of whom every table tells: all of it is in the export, and nothing of it left behind."""

import uuid

from shared.tables import ALL
from tests.calls.test_calls import place, watched
from tests.meetings.test_meetings import schedule
from tests.privacy.test_erasure import rows_by_table
from tests.support.people import FRIENDS, People, befriend
from tests.support.stack import Host, Stack
from tests.support.storage import mapping_key

# The mapping and its reverse; each friend's row about the other; the records of two calls of hers
# and one that invites her; her rows of the three and the friend's of hers; the meeting, and what
# leads to it; the call that she has placed, its key and its index.
STORED = {
    "identities": 2,
    "friends": 2,
    "sharedcalls": 3,
    "invitations": 5,
    "meetings": 2,
    "calls": 3,
    "intents": 0,
}


async def test_what_every_table_tells_of_somebody_is_exported_and_erased(
    stack: Stack, one_host: Host, people: People
) -> None:
    alice, bob = people(one_host, "alice", "bob")
    alice.sign_in("Meetings.Schedule", "Calls.Manage")
    await befriend(alice, bob)
    raw_id = (await alice.token()).user_id
    who = (alice.id, raw_id, mapping_key(stack, alice.id))
    shared = (await alice.share(str(uuid.uuid4()), FRIENDS, title="Hers")).json["id"]
    invited = (await bob.share(str(uuid.uuid4()), FRIENDS, title="His")).json["id"]
    visit = (await schedule(alice, "visit")).json["id"]
    placed = (await place(alice, {"user": bob.id})).json["id"]
    await watched(alice, placed, lambda now: len(now["events"]) == 2)  # no more will come

    stored = rows_by_table(stack, *who)
    held = (await alice.export()).json["held"]
    erased = await alice.forget()
    left = rows_by_table(stack, *who, shared, visit, placed)

    assert {table: len(rows) for table, rows in stored.items()} == STORED
    assert STORED.keys() == set(ALL)
    [identity], [friend] = held["identities"], held["friends"]
    assert (identity["id"], identity["communicationUserId"]) == (alice.id, raw_id)
    assert (friend["id"], friend["state"]) == (bob.id, "accepted")
    assert {one["callId"]: (one["role"], one["title"]) for one in held["invitations"]} == {
        shared: ("owner", "Hers"),
        invited: ("invitee", "His"),
        visit: ("owner", "Visit"),
    }
    assert [one["callId"] for one in held["meetings"]] == [visit]
    assert [one["callId"] for one in held["calls"]] == [placed]
    assert erased.status == 204
    [tombstone] = left.pop("identities")
    assert tombstone.keys() == {"PartitionKey", "RowKey", "erasedAt"}
    assert left == {table: [] for table in STORED.keys() - {"identities"}}
    assert await bob.calls() == [invited]
