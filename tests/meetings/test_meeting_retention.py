"""The sweep removes the rows of the table of meetings that no request and no intent will find."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from shared.app import App
from shared.intents import SHARDS, Intent
from shared.meetings.rows import MAKE
from shared.settings import load
from shared.tables import INVITATIONS, MEETINGS, SHARED_CALLS
from tests.meetings.test_meetings import NOON, SCHEDULER, meetings, schedule, stamp
from tests.privacy.test_erasure import rows_by_table
from tests.support.control import Control
from tests.support.people import People
from tests.support.stack import Host, Stack
from tests.support.storage import mapping_key, table

SPACE = {"space": "clinic"}


class Clock:
    """Storage dates rows by the true time, and this clock is ahead of it."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def app(stack: Stack, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[App]:
    for name in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER", "AZURE_TOKEN_CREDENTIALS"):
        monkeypatch.setenv(name, stack.settings[name])
    app = App(load(stack.settings), clock)
    yield app
    await app.upstream.close()


async def intents_about(app: App, clock: Clock, call: str) -> list[Intent]:
    clock.ahead += timedelta(minutes=2)
    due = [intent for shard in SHARDS for intent in await app.intents.due(shard, 1000)]
    return [intent for intent in due if intent.subject == call]


async def test_the_rows_of_a_meeting_go_a_day_after_its_end_and_teams_keeps_it(
    stack: Stack, one_host: Host, app: App, clock: Clock, people: People, graph: Control
) -> None:
    [doctor] = people(one_host, "doctor")
    doctor.sign_in(*SCHEDULER)
    over = (await schedule(doctor, "over", SPACE)).json["id"]
    later = stamp(NOON + timedelta(hours=2))
    young = (await schedule(doctor, "young", SPACE, endsAt=later)).json["id"]
    owner = mapping_key(stack, doctor.id)

    def rows() -> set[str]:
        found = rows_by_table(stack, owner)[MEETINGS]
        return {row.get("callId", row["RowKey"]) for row in found}

    assert rows() == {over, young}
    clock.ahead = NOON + timedelta(days=1, hours=1, minutes=1) - datetime.now(UTC)
    await app.meeting_retention.sweep()

    assert rows() == {young}
    assert len(rows_by_table(stack, owner)[MEETINGS]) == 2
    assert len(await meetings(graph, over, young)) == 2


async def test_a_meeting_that_nobody_shares_is_cancelled_and_no_other(
    stack: Stack, one_host: Host, app: App, clock: Clock, people: People, graph: Control
) -> None:
    [doctor] = people(one_host, "doctor")
    doctor.sign_in(*SCHEDULER)
    shared, lost = [(await schedule(doctor, name, SPACE)).json["id"] for name in ("shared", "lost")]
    # As an earlier version could leave it: made in Teams, and its request killed.
    async with table(stack, SHARED_CALLS) as records:
        await records.delete_entity(lost, "call")
    async with table(stack, INVITATIONS) as listings:
        of_lost = listings.query_entities("RowKey eq @call", parameters={"call": lost})
        for listing in [one async for one in of_lost]:
            await listings.delete_entity(listing)

    await app.meeting_retention.sweep()
    assert await intents_about(app, clock, lost) == []  # its request may be under way
    clock.ahead = timedelta(hours=1, minutes=1)
    await app.meeting_retention.sweep()

    [intent] = await intents_about(app, clock, lost)
    assert intent.kind == MAKE
    assert await intents_about(app, clock, shared) == []
    await app.meetings.finishers[MAKE](intent)
    await app.intents.end(intent)
    assert [one["subject"] for one in await meetings(graph, lost)] == []
    assert len(await meetings(graph, shared)) == 1
