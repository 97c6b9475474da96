"""The attendees that Teams accepted last do not include people who have left the owner, or were
erased, since."""

from dataclasses import replace

import pytest

from shared.meetings.rows import MAKE
from shared.problems import MeetingRefused
from shared.sharing.rows import RECORD_ROW, SharedCallRecord
from shared.tables import SHARED_CALLS
from shared.unavailable import GraphUnavailable
from tests.meetings.meeting_world import ANN, BEN, CAT, PLAN, MeetingWorld
from tests.support.deeds import Wish

# After the intents of the parting, and to remove the rows later; and after the own row.
THE_COPY = 4


@pytest.mark.parametrize(
    "parting",
    [
        Wish("forget", BEN),
        Wish("block", BEN, ANN),
        Wish("remove", BEN, ANN),
        # What this leaves is found by the request that synchronizes the listings.
        Wish("remove", BEN, ANN, stop_after=THE_COPY),
    ],
)
async def test_a_change_that_is_taken_back_brings_nobody_back(parting: Wish) -> None:
    world = MeetingWorld()
    for friend in (BEN, CAT):
        await world.alone(Wish("add", ANN, friend))
        await world.alone(Wish("add", friend, ANN))
    call = await world.schedules("friends")
    # Teams does not answer, so that the record keeps what it accepted last.
    world.graph.refused_update = GraphUnavailable()
    with pytest.raises(GraphUnavailable):
        await world.schedules("friends", replace(PLAN, subject="Changed"))
    service = world.meeting_service()

    async def stored() -> SharedCallRecord:
        row = await world.quietly(world.table(SHARED_CALLS).find(call, RECORD_ROW))
        assert row is not None
        return SharedCallRecord.of(row)

    assert world.key_of(BEN) in str((await stored()).fallback)
    await world.alone(parting)
    await world.quietly(service.calls.settle(world.key_of(ANN), call))

    assert world.key_of(BEN) not in str((await stored()).values())
    world.graph.refused_update = MeetingRefused("It is refused.")
    for intent in await world.intents_of(MAKE):
        await world.quietly(service.meetings.finishers[MAKE](intent))
    taken_back = await stored()
    assert taken_back.content
    assert (taken_back.content.title, taken_back.fallback) == (PLAN.subject, None)
    assert taken_back.invitees == {world.key_of(CAT)}
