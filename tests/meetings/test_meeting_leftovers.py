"""A request to schedule that comes to nothing leaves nothing, also if the answers to its own writes
are lost."""

from contextlib import suppress
from functools import partial
from itertools import product

import pytest

from shared.meetings.rows import MAKE
from shared.problems import MeetingRefused, Problem
from shared.unavailable import GraphRefused, GraphTokenRefused, GraphUnavailable, OrganizerRefused
from tests.meetings.meeting_world import ANN, PLAN, VISIT, MeetingWorld
from tests.meetings.test_meeting_giving_up import SIGNS_IN, erase, finish_all
from tests.support.interleaving import Stopped

# Storage requests of a request to schedule, and its writes of meetings and intents.
STEPS, WRITES = 20, 6


async def world_of_ann() -> MeetingWorld:
    world = MeetingWorld()
    await world.alone(SIGNS_IN)
    return world


async def test_a_meeting_of_who_was_erased_meanwhile_goes_although_an_answer_is_lost() -> None:
    for step, lost in product(range(STEPS), range(WRITES + 1)):
        world = await world_of_ann()
        service = world.meeting_service(lose_after=lost)
        request = service.meetings.schedule(world.caller(ANN), VISIT, PLAN, world.audience("space"))

        late = await world.schedule.hold(request, step, partial(erase, world))

        with suppress(Problem):
            late.result()
        await finish_all(world)
        assert world.graph.links == [], (step, lost)
        assert await world.ann_meeting_rows() == [], (step, lost)


@pytest.mark.parametrize("refusal", [GraphRefused("Role."), GraphTokenRefused("Wait.")])
async def test_a_meeting_that_graph_refuses_leaves_no_row(refusal: Problem) -> None:
    world = await world_of_ann()
    world.graph.refusal = refusal

    with pytest.raises(type(refusal)):
        await world.schedules()

    assert await world.ann_meeting_rows() == []
    assert await world.intents_of(MAKE) == []


@pytest.mark.parametrize(
    "refusal", [GraphRefused("Role."), MeetingRefused("No."), OrganizerRefused("Policy.")]
)
async def test_a_host_that_dies_when_graph_refuses_leaves_an_intent_for_what_is_there(
    refusal: Problem,
) -> None:
    for stop_after in range(1, WRITES + 1):
        world = await world_of_ann()
        service = world.meeting_service(stop_after=stop_after)
        world.graph.refusal = refusal

        with suppress(Problem, Stopped):
            await world.quietly(
                service.meetings.schedule(world.caller(ANN), VISIT, PLAN, world.audience("space"))
            )

        if world.graph.asked and await world.ann_meeting_rows() != []:
            assert await world.intents_of(MAKE) != [], stop_after
        world.graph.refusal = None
        await finish_all(world)
        assert world.graph.links == []


@pytest.mark.parametrize("refusal", [MeetingRefused("No."), OrganizerRefused("Policy.")])
async def test_what_an_earlier_request_may_have_made_keeps_its_intent_when_it_is_refused(
    refusal: Problem,
) -> None:
    world = await world_of_ann()
    world.graph.is_lossy = True
    with pytest.raises(GraphUnavailable):
        await world.schedules()
    world.graph.is_lossy, world.graph.refusal = False, refusal

    with pytest.raises(type(refusal)):
        await world.schedules()

    world.graph.refusal = None
    assert await finish_all(world) == 1
    assert world.graph.links == []
    assert await world.ann_meeting_rows() == []


async def test_what_an_earlier_request_may_have_made_keeps_its_row_when_graph_refuses() -> None:
    world = await world_of_ann()
    world.graph.is_lossy = True
    with pytest.raises(GraphUnavailable):
        await world.schedules()
    world.graph.is_lossy, world.graph.refusal = False, GraphRefused("Role.")

    with pytest.raises(GraphRefused):
        await world.schedules()

    assert await world.ann_meeting_rows() != []
    world.graph.refusal = None
    assert await finish_all(world) == 1
    assert world.graph.links == []
