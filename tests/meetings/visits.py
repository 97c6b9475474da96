"""Meetings that doctors schedule with patients, and whether Teams and all rows agree on them."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from shared.auth.roles import CALLS_MANAGE, MEETINGS_SCHEDULE
from tests.meetings.test_meetings import NOON, call_of, schedule, stamp
from tests.privacy.test_erasure import rows_about
from tests.support.api import Reply
from tests.support.control import Control
from tests.support.people import People, Person
from tests.support.stack import Host, Stack
from tests.support.storage import mapping_key


@dataclass(frozen=True)
class Wanted:
    """What a meeting is to be, and which of the patients it is for."""

    subject: str
    lobby: str
    ends_at: datetime
    invited: slice


FIRST = Wanted("Visit", "everyone", NOON + timedelta(hours=1), slice(0, 2))
CHANGED = Wanted("Second visit", "organization", NOON + timedelta(hours=3), slice(1, 3))


@dataclass
class Visit:
    """A meeting of a doctor.

    Attributes:
        at: says which, where a test fails.
        call: its id, once known.
    """

    doctor: Person
    patients: list[Person]
    at: object
    call: str = ""

    def schedule(self, wanted: Wanted) -> Awaitable[Reply]:
        audience = {"users": [patient.id for patient in self.patients[wanted.invited]]}
        return schedule(
            self.doctor,
            "visit",
            audience,
            subject=wanted.subject,
            lobby=wanted.lobby,
            endsAt=stamp(wanted.ends_at),
        )

    def cancel(self) -> Awaitable[Reply]:
        return self.doctor.ask(f"/meetings/{self.call}", "DELETE")


async def planned(people: People, host: Host, all_at: Sequence[object]) -> list[Visit]:
    """Visits to come, each of another doctor, all with the same three patients."""
    patients = people(host, "pat", "quinn", "robin")
    doctors = people(host, *(f"doctor {n}" for n in range(len(all_at))))
    for doctor in doctors:
        doctor.sign_in(MEETINGS_SCHEDULE, CALLS_MANAGE)
    replies = await asyncio.gather(*(person.token() for person in (*patients, *doctors)))
    assert {reply.status for reply in replies} == {200}
    return [Visit(doctor, patients, at) for doctor, at in zip(doctors, all_at, strict=True)]


async def scheduled(people: People, host: Host, all_at: Sequence[object]) -> list[Visit]:
    """The same, where each meeting is there."""
    visits = await planned(people, host, all_at)
    replies = await asyncio.gather(*(visit.schedule(FIRST) for visit in visits))
    for visit, reply in zip(visits, replies, strict=True):
        assert reply.status == 201, reply
        visit.call = reply.json["id"]
    return visits


async def are_as(wanted: Wanted, stack: Stack, graph: Control, visits: list[Visit]) -> None:
    """Of each visit there is one meeting in Teams, its row, a record, and one invitation for
    everybody in the audience and nobody else; a person who opens it gets the data that Teams
    has."""
    calls = sorted(visit.call for visit in visits)
    teams = (await graph.state())["meetings"]
    # Intents may be left, until Tidy comes.
    rows = [row for row in rows_about(stack, *calls) if "attempts" not in row]
    for visit in visits:
        [in_teams] = [one for one in teams if call_of(one) == visit.call]
        audience = [visit.doctor, *visit.patients[wanted.invited]]
        partitions = {mapping_key(stack, person.id) for person in audience}
        own = [row for row in rows if visit.call in row.values()]
        _rows_are_as(wanted, own, in_teams["id"], partitions, visit.at)
        replies = await asyncio.gather(*(person.open(visit.call) for person in audience))
        for reply in replies:
            assert reply.status == 200, visit.at
            _is_as(wanted, reply.json, in_teams, visit.at)
    patients = visits[0].patients
    for patient in patients:
        shown = sorted(call for call in await patient.calls() if call in calls)
        assert shown == (calls if patient in patients[wanted.invited] else [])


def _rows_are_as(
    wanted: Wanted, rows: list[dict[str, Any]], graph_id: str, partitions: set[str], at: object
) -> None:
    listed = [row for row in rows if "role" in row]
    [record] = [row for row in rows if "sharing" in row]
    [made] = [row for row in rows if "making" in row]
    [leading] = [row for row in rows if row["RowKey"].startswith("x-")]
    assert len(rows) == len(listed) + 3, at
    assert leading["PartitionKey"] == made["PartitionKey"], at
    assert sorted(row["PartitionKey"] for row in listed) == sorted(partitions), at
    for shown in (record, *listed):
        assert (shown["title"], shown["endsAt"]) == (wanted.subject, wanted.ends_at), at
    assert record["leaving"] == record["formerSpace"] == "", at
    assert (made["graphId"], made["cancelling"]) == (graph_id, False), at
    assert made["endsAt"] == wanted.ends_at, at


def _is_as(
    wanted: Wanted, told: Mapping[str, Any], in_teams: Mapping[str, Any], at: object
) -> None:
    settings = in_teams["joinMeetingIdSettings"]
    by_id = {"meetingId": settings["joinMeetingId"], "passcode": settings["passcode"]}
    assert told["title"] == in_teams["subject"] == wanted.subject, at
    scope = in_teams["lobbyBypassSettings"]["scope"]
    assert told["lobby"]["scope"] == scope == wanted.lobby, at
    for here, there, moment in (
        ("startsAt", "startDateTime", NOON),
        ("endsAt", "endDateTime", wanted.ends_at),
    ):
        times = {datetime.fromisoformat(told[here]), datetime.fromisoformat(in_teams[there])}
        assert times == {moment}, at
    assert told["locator"] == {"meetingLink": in_teams["joinWebUrl"]}, at
    assert told["alternatives"] == [by_id], at
