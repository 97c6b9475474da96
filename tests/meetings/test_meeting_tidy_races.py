"""Tidy beside requests: it looks again after it has marked a meeting, and before it deletes it."""

from collections.abc import Awaitable, Callable

import pytest

from shared.intents import Intent
from shared.meetings.rows import CANCEL, MAKE
from shared.problems import Conflict
from shared.sharing.rows import RECORD_ROW, SharedCallRecord
from shared.tables import SHARED_CALLS
from shared.unavailable import GraphUnavailable
from tests.meetings.meeting_world import ANN, MeetingWorld

type Begin = Callable[[MeetingWorld], Awaitable[Intent]]


@pytest.fixture
def world() -> MeetingWorld:
    return MeetingWorld()


async def killed_scheduling(world: MeetingWorld) -> Intent:
    """Made in Teams, and shared with nobody."""
    call = await world.schedules()
    service = world.meeting_service()
    await world.quietly(service.calls.end(call))
    scheduled = await world.quietly(service.scheduled.find(world.key_of(ANN), call))
    assert scheduled is not None
    return await world.quietly(service.intents.begin(MAKE, call, scheduled.intent_details()))


async def unanswered_scheduling(world: MeetingWorld) -> Intent:
    """Perhaps made in Teams: its row does not know."""
    world.graph.is_lossy = True
    with pytest.raises(GraphUnavailable):
        await world.schedules()
    world.graph.is_lossy = False
    [intent] = await world.intents_of(MAKE)
    return intent


async def killed_cancelling(world: MeetingWorld) -> Intent:
    """It has only begun, so that the meeting is still shared."""
    call = await world.schedules()
    service = world.meeting_service()
    scheduled = await world.quietly(service.scheduled.find(world.key_of(ANN), call))
    record = await world.quietly(service.calls.find(call))
    assert scheduled
    assert record
    details = {**scheduled.intent_details(), "change": record.change_id}
    return await world.quietly(service.intents.begin(CANCEL, call, details))


async def is_shared_and_in_teams(world: MeetingWorld, call: str) -> bool:
    row = await world.quietly(world.table(SHARED_CALLS).find(call, RECORD_ROW))
    content = None if row is None else SharedCallRecord.of(row).content
    service = world.meeting_service()
    scheduled = await world.quietly(service.scheduled.find(world.key_of(ANN), call))
    is_marked = scheduled is None or scheduled.cancelling
    return (
        content is not None
        and [content.locator["meetingLink"]] == world.graph.links
        and not is_marked
    )


@pytest.mark.steps
@pytest.mark.parametrize("step", range(12))
@pytest.mark.parametrize("begin", [killed_scheduling, unanswered_scheduling, killed_cancelling])
async def test_tidy_deletes_no_meeting_that_is_shared_meanwhile(
    world: MeetingWorld, begin: Begin, step: int
) -> None:
    intent = await begin(world)
    finish = world.meeting_service().meetings.finishers[intent.kind]
    calls = list[str]()

    async def repetition() -> None:
        calls.append(await world.schedules())

    finished = await world.schedule.hold(finish(intent), step, repetition)
    assert isinstance(finished.exception(), Conflict | None)

    assert calls
    assert await is_shared_and_in_teams(world, calls[0])
    # Tidy looks again, if it could not tell.
    if finished.exception() is not None:
        await world.quietly(finish(intent))
        assert await is_shared_and_in_teams(world, calls[0])


@pytest.mark.parametrize("begin", [killed_scheduling, unanswered_scheduling, killed_cancelling])
async def test_tidy_deletes_what_nobody_shares_meanwhile(world: MeetingWorld, begin: Begin) -> None:
    intent = await begin(world)

    await world.quietly(world.meeting_service().meetings.finishers[intent.kind](intent))

    assert world.graph.links == []
    assert await world.ann_meeting_rows() == []
