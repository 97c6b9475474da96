"""A request that is held anywhere harms nobody who comes after an erasure, and restores nothing."""

import pytest

from shared.sharing.rows import RECORD_ROW, SharedCallRecord
from shared.tables import SHARED_CALLS
from tests.support.deeds import Wish
from tests.support.interleaving import Schedule
from tests.support.memory_tables import memory_clients
from tests.support.world import World

ANN = 0


@pytest.fixture
def world() -> World:
    return World(memory_clients(), Schedule())


@pytest.mark.parametrize("step", range(12))
async def test_a_slow_unsharing_leaves_the_call_of_a_new_person_of_the_same_name(
    world: World, step: int
) -> None:
    await world.alone(Wish("share", ANN, audience="space", title="Old"))

    async def is_followed() -> None:
        await world.alone(Wish("forget", ANN))
        shared = await world.alone(Wish("share", ANN, audience="space", title="New"))
        assert shared.refused is None

    await world.schedule.hold(world.fulfil(Wish("unshare", ANN)), step, is_followed)

    row = await world.quietly(world.table(SHARED_CALLS).find(world.call_of(ANN), RECORD_ROW))
    assert row is not None
    content = SharedCallRecord.of(row).content
    assert content is not None
    assert content.title == "New"
