"""Group calls with a time: the refusals, the listings, and the calendar file."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from shared.tables import INVITATIONS, SHARED_CALLS
from tests.privacy.test_erasure import rows_about
from tests.support.people import FRIENDS, People, befriend
from tests.support.stack import Host, Stack
from tests.support.storage import table


def at(**delta: float) -> str:
    return (datetime.now(UTC) + timedelta(**delta)).isoformat(timespec="milliseconds")


async def set_back(stack: Stack, call: str, **times: datetime) -> None:
    """Let a call have begun or ended earlier than it could be shared, as if time had passed."""
    for name in (SHARED_CALLS, INVITATIONS):
        key = "PartitionKey" if name == SHARED_CALLS else "RowKey"
        async with table(stack, name) as rows:
            found = rows.query_entities(f"{key} eq @call", parameters={"call": call})
            async for row in found:
                if "kind" in row:
                    await rows.update_entity({**row, **times})


async def test_an_event_is_listed_soonest_first_until_it_ends(
    one_host: Host, people: People, stack: Stack
) -> None:
    alice, bob = people(one_host, "alice", "bob")
    await befriend(alice, bob)
    to_bob, calls = {"users": [bob.id]}, {}
    events: dict[str, dict[str, dict[str, float]]] = {
        "tomorrow": {"startsAt": {"days": 1}, "endsAt": {"days": 1, "hours": 1}},
        "now": {},
        "in an hour": {"startsAt": {"hours": 1}},
        "with an end": {"startsAt": {"hours": -22}, "endsAt": {"hours": 1}},
        "began yesterday": {"startsAt": {"hours": -23}},
    }
    for title, times in events.items():
        when = {name: at(**delta) for name, delta in times.items()}
        shared = await alice.share(str(uuid.uuid4()), to_bob, title=title, **when)
        assert shared.status == 201, shared
        calls[title] = shared.json["id"]
        for name, moment in when.items():
            assert datetime.fromisoformat(shared.json[name]) == datetime.fromisoformat(moment)

    order = ["began yesterday", "with an end", "now", "in an hour", "tomorrow"]
    assert [one["title"] for one in await bob.invitations()] == order
    now = datetime.now(UTC)
    await set_back(stack, calls["began yesterday"], startsAt=now - timedelta(days=1))
    await set_back(stack, calls["with an end"], endsAt=now)
    assert [one["title"] for one in await bob.invitations()] == order[2:]
    for title in order[:2]:
        assert (await bob.open(calls[title])).status == 404
    await alice.invitations()
    assert rows_about(stack, *order[:2]) == []


async def test_a_calendar_reads_the_event(one_host: Host, people: People) -> None:
    [alice] = people(one_host, "alice")
    starts, title = at(days=3), "Plan; the, \\trip to Zürich " + "x" * 100
    group = str(uuid.uuid4())
    shared = await alice.share(
        group, FRIENDS, title=title, startsAt=starts, endsAt=at(days=3, hours=2)
    )
    untimed = await alice.share(str(uuid.uuid4()), FRIENDS)

    for call, begins in ((shared, datetime.fromisoformat(starts)), (untimed, datetime.now(UTC))):
        event = (await alice.calendar(call.json["id"])).vevent
        assert abs(event.dtstart.value - begins) < timedelta(seconds=60)
        assert call.json["id"] in event.uid.value
    event = (await alice.calendar(shared.json["id"])).vevent
    assert event.summary.value == title
    assert group in event.description.value
    assert event.dtend.value - event.dtstart.value == timedelta(hours=2)
    event = (await alice.calendar(untimed.json["id"])).vevent
    assert event.dtend.value - event.dtstart.value == timedelta(hours=1)


async def test_a_calendar_takes_each_change_for_newer(one_host: Host, people: People) -> None:
    [alice] = people(one_host, "alice")
    group, revisions = str(uuid.uuid4()), list[int]()

    for title in ("One", "Two", "Three"):
        call = (await alice.share(group, FRIENDS, title=title)).json["id"]
        event = (await alice.calendar(call)).vevent
        assert event.summary.value == title
        revisions.append(int(event.sequence.value))

    assert revisions == sorted(set(revisions))
    assert revisions[-1] < 2**31


WRONG = [
    (
        {"groupId": "x", "title": "", "endsAt": "soon", "b": 1, "audience": {}},
        {"groupId", "title", "endsAt", "b", "audience"},
    ),
    ({"audience": {"friends": True, "space": "x"}}, {"groupId", "audience"}),
    ({"startsAt": at(days=-2), "title": "x" * 257}, {"groupId", "startsAt", "title", "audience"}),
    ({"startsAt": at(hours=2), "endsAt": at(hours=1)}, {"groupId", "endsAt", "audience"}),
    ({"endsAt": at(minutes=-1)}, {"groupId", "endsAt", "audience"}),
    ({"startsAt": "2026-11-22T10:00:00"}, {"groupId", "startsAt", "audience"}),  # whose clock?
    ({"startsAt": "1795400000"}, {"groupId", "startsAt", "audience"}),
    ({"startsAt": "9999-12-31T23:59:59Z"}, {"groupId", "startsAt", "audience"}),
    ({"audience": {"users": ["x"] * 351}}, {"groupId", "audience.users"}),
    ({"audience": {"users": ["", "x" * 257]}}, {"groupId", "audience.users.0", "audience.users.1"}),
    ({"audience": {"friends": False}}, {"groupId", "audience.friends"}),
    ({"audience": {"friends": 1}}, {"groupId", "audience.friends"}),
    ({"audience": {"space": "\u202egnp"}}, {"groupId", "audience.space"}),
]


@pytest.mark.parametrize(("body", "fields"), WRONG)
async def test_all_faults_are_told_at_once(
    one_host: Host, people: People, body: dict[str, object], fields: set[str]
) -> None:
    [alice] = people(one_host, "alice")
    refused = await alice.ask("/groupCalls", "POST", body)

    assert (refused.status, refused.json["code"]) == (400, "invalid-request")
    assert {fault["field"] for fault in refused.json["errors"]} == fields
