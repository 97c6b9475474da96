"""A person about whom every table has rows: all of it is in the export, and an erasure leaves
nothing of it."""

import uuid
from datetime import UTC, datetime

from shared.identity.rows import (
    REVERSE_ROW,
    new_mapping,
    owner_key,
    resource_key,
    spare_row_key,
)
from shared.keys import principal_key
from shared.principals import Kind, Principal
from shared.tables import ALL, IDENTITIES
from tests.bot_calls.incoming import Line
from tests.bot_calls.incoming_fixtures import line
from tests.calls.test_calls import is_connected, place, watched
from tests.meetings.test_meetings import schedule
from tests.privacy.test_erasure import rows_by_table
from tests.support.people import FRIENDS, People, Person, befriend
from tests.support.stack import Host, Stack
from tests.support.storage import mapping_key, table

__all__ = ["line"]

# The mappings of two ACS resources and a spare, each with its reverse; each friend's row about the
# other, those of a request that she has and of one that has no answer, and of whom she blocks; the
# records of three calls of hers and one that invites her; her rows of the four, the friend's of
# hers, and the space's; the meeting, and what leads to it; the call that she has placed, its key
# and its index; the call that she has made to a bot, the bot's index and hers; the row of what
# counts.
STORED = {
    "identities": 6,
    "friends": 8,
    "sharedcalls": 4,
    "invitations": 7,
    "meetings": 2,
    "calls": 7,
    "agents": 0,  # tests.teams_phone.test_agents: only people with an id of Entra can be agents
    "intents": 0,
}


async def store_earlier_identities(stack: Stack, person: Person) -> tuple[str, str]:
    """A mapping to an identity of an ACS resource that was used before, and the spare of an
    enrolment that was killed; returns their ids."""
    before, spare = (f"8:acs:{uuid.uuid4()}_{uuid.uuid4()}" for _ in range(2))
    who = Principal(Kind.USER, stack.values["issuer"], person.id)
    partition, now = principal_key(who), datetime.now(UTC)
    async with table(stack, IDENTITIES) as rows:
        for user_id, row_key, values in (
            (before, resource_key("resource before"), new_mapping(who, before, None, now)),
            (spare, spare_row_key(spare), {"communicationUserId": spare, "createdAt": now}),
        ):
            await rows.create_entity({"PartitionKey": partition, "RowKey": row_key, **values})
            reverse = {"PartitionKey": owner_key(user_id), "RowKey": REVERSE_ROW}
            await rows.create_entity({**reverse, "principal": partition})
    return before, spare


async def test_what_every_table_tells_of_somebody_is_exported_and_erased(
    stack: Stack, one_host: Host, people: People, line: Line
) -> None:
    alice, bob, carol, dan, eve = people(one_host, "alice", "bob", "carol", "dan", "eve")
    alice.sign_in("Meetings.Schedule", "Calls.Manage")
    await befriend(alice, bob)
    await carol.add(alice.id)
    await alice.add(dan.id)
    await eve.add(alice.id)
    await alice.remove(eve.id, "?block=true")
    raw_id = (await alice.token()).user_id
    who = (alice.id, raw_id, mapping_key(stack, alice.id))
    shared = (await alice.share(str(uuid.uuid4()), FRIENDS, title="Hers")).json["id"]
    invited = (await bob.share(str(uuid.uuid4()), FRIENDS, title="His")).json["id"]
    open_to = {"space": f"lounge {uuid.uuid4()}"}
    lounge = (await alice.share(str(uuid.uuid4()), open_to, title="Lounge")).json["id"]
    visit = (await schedule(alice, "visit")).json["id"]
    kept = await store_earlier_identities(stack, alice)
    placed = (await place(alice, {"user": bob.id})).json["id"]
    await watched(alice, placed, lambda now: len(now["events"]) == 2)  # no more will come
    rung = await line.ring(alice)
    assert (await line.deliver(rung)).status == 200
    to_bot = (await line.seen(is_connected))["id"]

    stored = rows_by_table(stack, *who, *kept)
    held = (await alice.export()).json["held"]
    erased = await alice.forget()
    left = rows_by_table(stack, *who, *kept, shared, lounge, visit, placed, to_bot)

    assert {table: len(rows) for table, rows in stored.items()} == STORED
    assert STORED.keys() == set(ALL)
    assert {(one["id"], one["communicationUserId"]) for one in held["identities"]} == {
        (alice.id, raw_id),
        (alice.id, kept[0]),
    }
    assert {(one["id"], one.get("state"), one["mine"]) for one in held["friends"]} == {
        (bob.id, "accepted", "yes"),
        (carol.id, "incoming", "none"),
        (dan.id, "requested", "yes"),
        (eve.id, None, "block"),
    }
    assert {one["callId"]: (one["role"], one["title"]) for one in held["invitations"]} == {
        shared: ("owner", "Hers"),
        lounge: ("owner", "Lounge"),
        invited: ("invitee", "His"),
        visit: ("owner", "Visit"),
    }
    assert [one["callId"] for one in held["meetings"]] == [visit]
    assert [(one["callId"], one["toBot"]) for one in held["calls"]] == [
        (placed, False),
        (to_bot, True),
    ]
    assert erased.status == 204
    [tombstone] = left.pop("identities")
    assert tombstone.keys() == {"PartitionKey", "RowKey", "erasedAt"}
    assert left == {table: [] for table in STORED.keys() - {"identities"}}
    assert await bob.calls() == [invited]
