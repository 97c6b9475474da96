"""Each meeting that Teams has has its line in the audit log, whatever was killed or lost."""

import logging
from contextlib import suppress

import pytest

from shared.unavailable import GraphUnavailable
from tests.meetings.meeting_world import MeetingWorld
from tests.support.interleaving import Stopped

# What scheduling a meeting writes, and some more.
WRITES = range(1, 16)


def lines(log: pytest.LogCaptureFixture) -> list[str]:
    said = [record.getMessage() for record in log.records if record.name == "audit"]
    return [line for line in said if line.startswith("meeting-scheduled ")]


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, logger="audit")
    return caplog


async def test_a_scheduling_that_was_killed_anywhere_has_a_line_once_it_is_repeated(
    log: pytest.LogCaptureFixture,
) -> None:
    killed = 0
    for write in WRITES:
        log.clear()
        world = MeetingWorld()
        with suppress(Stopped):
            await world.schedules(stop_after=write)
            killed -= 1
        killed += 1

        call = await world.schedules()

        assert 1 <= len(lines(log)) <= 2, write
        assert all(line.endswith(f" call={call}") for line in lines(log))
    assert killed > 5


async def test_a_meeting_that_was_made_and_not_answered_has_a_line(
    log: pytest.LogCaptureFixture,
) -> None:
    """Teams does not answer what comes after that, and nobody repeats the request."""
    world = MeetingWorld()
    world.graph.refused_update = GraphUnavailable()
    with pytest.raises(GraphUnavailable):
        await world.schedules()

    assert len(lines(log)) == len(world.graph.living) == 1


async def test_a_meeting_that_is_changed_has_no_second_line(log: pytest.LogCaptureFixture) -> None:
    world = MeetingWorld()
    for _ in range(3):
        await world.schedules()

    assert len(lines(log)) == 1
