"""No intent keeps the organizer's object id of an erased person for ever."""

import pytest

from shared.meetings.rows import CANCEL, MAKE
from shared.problems import NotConfigured, Problem
from shared.sharing.rows import RECORD_ROW
from shared.tables import SHARED_CALLS
from shared.unavailable import GraphRefused, GraphTokenRefused, GraphUnavailable, OrganizerRefused
from tests.meetings.meeting_world import ANN, MeetingWorld
from tests.support.deeds import Wish

ROLE_LOST = GraphRefused("Give the role back.")
SIGNS_IN = Wish("rename", ANN)
FORGET = Wish("forget", ANN)


@pytest.fixture
async def world() -> MeetingWorld:
    """Ann has an identity."""
    world = MeetingWorld()
    await world.alone(SIGNS_IN)
    return world


async def time_out(world: MeetingWorld) -> None:
    world.graph.is_lossy = True
    with pytest.raises(GraphUnavailable):
        await world.schedules()
    world.graph.is_lossy = False


async def erase(world: MeetingWorld) -> None:
    await world.alone(FORGET)
    await world.quietly(world.meeting_service().scheduled.erase(world.principal(ANN)))


async def finish_all(world: MeetingWorld, *, has_graph: bool = True) -> int:
    """As Tidy does; how many intents there were."""
    service, intents = world.meeting_service(has_graph=has_graph), await world.intents_of(MAKE)
    for intent in intents:
        await world.quietly(service.meetings.finishers[intent.kind](intent))
        await world.quietly(service.intents.end(intent))
    return len(intents)


@pytest.mark.parametrize("signs_in_anew", [False, True])
@pytest.mark.parametrize("refusal", [ROLE_LOST, OrganizerRefused("No policy."), NotConfigured()])
async def test_what_graph_refuses_is_given_up_once_the_owner_is_erased(
    world: MeetingWorld, refusal: Problem, signs_in_anew: bool
) -> None:
    await time_out(world)
    await erase(world)
    if signs_in_anew:
        await world.alone(SIGNS_IN)
    world.graph.refusal = refusal

    assert await finish_all(world, has_graph=not isinstance(refusal, NotConfigured)) == 1

    assert await world.intents_of(MAKE, CANCEL) == []


async def test_what_graph_refuses_is_tried_again_until_the_meeting_is_long_over(
    world: MeetingWorld,
) -> None:
    await time_out(world)
    world.graph.refusal = ROLE_LOST

    with pytest.raises(GraphRefused):
        await finish_all(world)
    with pytest.raises(NotConfigured):
        await finish_all(world, has_graph=False)
    world.wait(days=3)

    assert await finish_all(world) == 1


async def test_what_may_pass_by_itself_is_tried_again(world: MeetingWorld) -> None:
    await time_out(world)
    await erase(world)
    world.graph.refusal = GraphTokenRefused("Wait.")

    with pytest.raises(GraphTokenRefused):
        await finish_all(world)

    world.graph.refusal = None
    assert await finish_all(world) == 1
    assert world.graph.links == []


@pytest.mark.parametrize("refusal", [None, ROLE_LOST])
async def test_an_erasure_ends_what_has_begun_with_the_meetings_that_it_finds(
    world: MeetingWorld, refusal: Problem | None
) -> None:
    call = await world.schedules()
    service = world.meeting_service()
    scheduled = await world.quietly(service.scheduled.find(world.key_of(ANN), call))
    assert scheduled
    for kind in (MAKE, CANCEL):
        details = {**scheduled.intent_details(), "change": ""}
        await world.quietly(service.intents.begin(kind, call, details))
    world.graph.refusal = refusal

    await erase(world)

    assert await world.intents_of(MAKE, CANCEL) == []


@pytest.mark.parametrize("signs_in_anew", [False, True])
async def test_a_meeting_that_came_after_the_erasure_of_its_owner_is_cancelled(
    world: MeetingWorld, signs_in_anew: bool
) -> None:
    """Its request was slow, and died before it saw the erasure. So nobody cancels it."""
    call = await world.schedules()
    service = world.meeting_service()
    scheduled = await world.quietly(service.scheduled.find(world.key_of(ANN), call))
    record = await world.quietly(world.table(SHARED_CALLS).find(call, RECORD_ROW))
    assert scheduled is not None
    assert record is not None
    await world.alone(FORGET)  # which knows of no meetings in this world
    await world.quietly(world.table(SHARED_CALLS).insert_if_absent(call, RECORD_ROW, record.values))
    await world.quietly(service.intents.begin(MAKE, call, scheduled.intent_details()))
    if signs_in_anew:
        await world.alone(SIGNS_IN)

    assert await finish_all(world) == 1

    assert world.graph.links == []
    assert await world.ann_meeting_rows() == []
    assert await world.quietly(service.calls.find(call)) is None
