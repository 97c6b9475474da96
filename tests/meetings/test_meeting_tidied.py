"""If nobody repeats a killed request about a meeting, Tidy ends what it has begun."""

import asyncio

import pytest

from shared.operate.tidy import Tidy
from tests.meetings.test_meeting_kills import CANCELLING, IN_TEAMS, MAKING, SHARED, TAKEN_BACK
from tests.meetings.test_meetings import call_of, ids_in_teams
from tests.meetings.visits import CHANGED, FIRST, are_as, planned
from tests.privacy.test_erasure import rows_about
from tests.support.control import Control
from tests.support.kills import Step
from tests.support.people import People
from tests.support.stack import Host, Stack
from tests.support.storage import KillEach, mapping_key


@pytest.mark.slow
async def test_what_nobody_repeats_is_ended_by_tidy(
    stack: Stack,
    graph: Control,
    counted_host: Host,
    people: People,
    kill_each: KillEach,
    tidy: Tidy,
) -> None:
    """Teams is as the records say, and holds no meeting that nobody shares or that is cancelled."""
    making = [MAKING[IN_TEAMS], Step("tables", "update", 0, "after"), MAKING[SHARED]]
    changing = [Step("tables", "update", 2, "after"), Step("graph", "update", 0, "after")]
    cancelling = [CANCELLING[1], CANCELLING[3], CANCELLING[TAKEN_BACK]]
    steps = [*making, *changing, *cancelling]
    lost, shared = slice(0, 2), slice(2, 3)
    changed, cancelled = slice(3, 5), slice(5, None)
    others = await ids_in_teams(graph)
    visits = await planned(people, counted_host, steps)
    known = visits[len(making) :]
    for visit, reply in zip(
        known, await asyncio.gather(*(visit.schedule(FIRST) for visit in known)), strict=True
    ):
        visit.call = reply.json["id"]

    await kill_each(
        zip(
            steps,
            [
                *(visit.schedule(FIRST) for visit in visits[: len(making)]),
                *(visit.schedule(CHANGED) for visit in visits[changed]),
                *(visit.cancel() for visit in visits[cancelled]),
            ],
            strict=True,
        )
    )
    await tidy.run()

    for visit in visits[shared]:
        [visit.call] = await visit.doctor.calls()
    await are_as(CHANGED, stack, graph, visits[changed])
    teams = (await graph.state())["meetings"]
    left = [call_of(one) for one in teams if one["id"] not in others]
    assert sorted(left) == sorted(visit.call for visit in (*visits[shared], *visits[changed]))
    for visit in (*visits[lost], *visits[cancelled]):
        assert await visit.doctor.calls() == []
        rows = rows_about(stack, mapping_key(stack, visit.doctor.id))
        assert {row["RowKey"] for row in rows} <= {"principal", *resource_rows(rows)}, visit.at


def resource_rows(rows: list[dict[str, object]]) -> set[object]:
    """The RowKeys of mappings: all that is stored about somebody who shares nothing."""
    return {row["RowKey"] for row in rows if "communicationUserId" in row}
