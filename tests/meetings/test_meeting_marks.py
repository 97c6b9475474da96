"""A meeting that somebody has marked, and has still to look whether its owner shares it again."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import override

import pytest

from shared.intents import Intent
from shared.principals import Caller
from shared.problems import Conflict, MeetingRefused, Problem
from tests.meetings.meeting_world import ANN, PLAN, VISIT, MeetingService, MeetingWorld
from tests.meetings.test_meeting_tidy_races import (
    is_shared_and_in_teams,
    killed_cancelling,
    killed_scheduling,
    unanswered_scheduling,
)
from tests.support.interleaving import Stopped

type Begin = Callable[[MeetingWorld], Awaitable[Intent]]

# Storage requests of Tidy before it marks a meeting and looks again; its writes until it is gone.
STEPS, WRITES = 6, 3
# Of a new meeting that Teams refuses, until the request has deleted it; rounded up.
STEPS_TO_REFUSAL = 30


class OneToken(MeetingWorld):
    """Everybody keeps their token, so that a repetition leaves the row of its meeting as it is."""

    def __init__(self) -> None:
        super().__init__()
        self._callers = dict[int, Caller]()

    @override
    def caller(self, who: int, name: str | None = None) -> Caller:
        if who not in self._callers:
            self._callers[who] = super().caller(who, name)
        return self._callers[who]


def tidying(world: MeetingWorld, write: int, *, is_killed: bool) -> MeetingService:
    """The service of a run of Tidy that dies behind a write, or gets no answer to it."""
    if is_killed:
        return world.meeting_service(stop_after=write)
    return world.meeting_service(lose_after=write)


async def schedules(world: MeetingWorld, calls: list[str]) -> None:
    with suppress(Conflict):
        calls.append(await world.schedules())


async def finishes(world: MeetingWorld, intent: Intent) -> None:
    """As the next runs of Tidy do, until it can tell."""
    finish = world.meeting_service().meetings.finishers[intent.kind]
    for _ in range(3):
        try:
            await world.quietly(finish(intent))
        except Conflict:
            continue
        return
    raise AssertionError("Tidy never ends this")


@pytest.mark.parametrize("is_killed", [True, False])
@pytest.mark.parametrize("begin", [killed_scheduling, unanswered_scheduling, killed_cancelling])
async def test_tidy_deletes_no_meeting_that_is_shared_although_its_mark_has_no_end(
    begin: Begin, is_killed: bool
) -> None:
    for step in range(STEPS):
        for write in range(1, WRITES + 1):
            world, calls = OneToken(), list[str]()
            intent = await begin(world)
            service = tidying(world, write, is_killed=is_killed)
            finish = service.meetings.finishers[intent.kind]

            tidy = await world.schedule.hold(finish(intent), step, partial(schedules, world, calls))

            assert isinstance(tidy.exception(), Conflict | Stopped | None)
            if tidy.exception() is not None:
                await finishes(world, intent)
            for call in calls:
                assert await is_shared_and_in_teams(world, call), (step, write)


@pytest.mark.parametrize("is_killed", [True, False])
@pytest.mark.parametrize("begin", [killed_scheduling, unanswered_scheduling, killed_cancelling])
async def test_tidy_deletes_what_nobody_shares_whatever_becomes_of_its_mark(
    begin: Begin, is_killed: bool
) -> None:
    for write in range(1, WRITES + 1):
        world = OneToken()
        intent = await begin(world)
        service = tidying(world, write, is_killed=is_killed)

        with suppress(Conflict, Stopped):
            await world.quietly(service.meetings.finishers[intent.kind](intent))
        await finishes(world, intent)

        assert world.graph.links == [], write
        assert await world.ann_meeting_rows() == [], write


@pytest.mark.parametrize("write", range(1, WRITES + 1))
async def test_a_meeting_whose_mark_has_no_end_keeps_its_link_if_its_owner_changes_it(
    write: int,
) -> None:
    world = OneToken()
    intent = await killed_cancelling(world)
    service = world.meeting_service(stop_after=write)
    calls = list[str]()
    tidy = await world.schedule.hold(
        service.meetings.finishers[intent.kind](intent), 2, partial(schedules, world, calls)
    )
    assert calls
    before = world.graph.links

    await world.schedules()

    assert isinstance(tidy.exception(), Conflict | Stopped)
    assert world.graph.links == before
    assert await is_shared_and_in_teams(world, calls[0])
    await finishes(world, intent)
    assert await is_shared_and_in_teams(world, calls[0])


async def test_a_refused_meeting_that_its_owner_shares_again_meanwhile_stays() -> None:
    """Teams refused it, so that its request deletes it, and accepts what comes next."""
    shared = 0
    for step in range(10, STEPS_TO_REFUSAL):
        world, calls = OneToken(), list[str]()
        world.graph.refused_update = MeetingRefused("No.")
        request = world.meeting_service().meetings.schedule(
            world.caller(ANN), VISIT, PLAN, world.audience("space")
        )

        async def meanwhile(world: MeetingWorld = world, calls: list[str] = calls) -> None:
            world.graph.refused_update = None
            await schedules(world, calls)

        late = await world.schedule.hold(request, step, meanwhile)

        with suppress(Problem):
            late.result()
        shared += len(calls)
        for call in calls:
            assert await is_shared_and_in_teams(world, call), step
    assert shared
