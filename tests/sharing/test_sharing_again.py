"""A shared call is shared again: rows that are right already are not written again, and are never
out of date."""

from collections.abc import Mapping

import pytest

from shared.sharing.rows import RECORD_ROW, SharedCallRecord
from shared.sharing.shared_calls import SharedCalls
from shared.tables import INVITATIONS, SHARED_CALLS, Row, Value
from tests.support.deeds import Wish
from tests.support.interleaving import Schedule
from tests.support.memory_tables import MemoryTable, memory_clients
from tests.support.world import World

ANN, BEN, CAT = 0, 1, 2
SAME = Wish("share", ANN, audience="friends", title="Same")
# The intent, the owner's row, the record, and the rows of two people.
ALL_ROWS_BUT_THE_LAST_WORD = 5


class Written(MemoryTable):
    """Invitations, which note the partitions of rows that are put there."""

    def __init__(self) -> None:
        super().__init__(INVITATIONS)
        self.partitions: list[str] = []

    async def upsert(self, partition_key: str, row_key: str, values: Mapping[str, Value]) -> str:
        self.partitions.append(partition_key)
        return await super().upsert(partition_key, row_key, values)


@pytest.fixture
def written() -> Written:
    return Written()


@pytest.fixture
async def world(written: Written) -> World:
    """Ann is friends with Ben and Cat, and has shared a call with them."""
    world = World({**memory_clients(), INVITATIONS: written}, Schedule())
    for friend in (BEN, CAT):
        await world.alone(Wish("add", ANN, friend))
        await world.alone(Wish("add", friend, ANN))
    await world.alone(SAME)
    written.partitions.clear()
    return world


async def record_of(world: World) -> SharedCallRecord:
    row = await world.quietly(world.table(SHARED_CALLS).find(world.call_of(ANN), RECORD_ROW))
    assert row is not None
    return SharedCallRecord.of(row)


async def row_of(world: World, who: int) -> Row | None:
    listings = world.table(INVITATIONS)
    return await world.quietly(listings.find(world.key_of(who), world.call_of(ANN)))


async def test_the_same_again_writes_no_row_and_is_a_newer_revision(
    world: World, written: Written
) -> None:
    before = await record_of(world)
    assert before.is_settled

    assert (await world.alone(SAME)).refused is None

    after = await record_of(world)
    assert written.partitions == []
    assert after.is_settled
    assert after.revision > before.revision
    assert after.content == before.content
    own = await row_of(world, ANN)
    assert own is not None
    assert "places" not in own.values  # it was given back


async def test_later_the_same_again_prolongs_a_call_without_times(
    world: World, written: Written
) -> None:
    before = await record_of(world)
    world.wait(minutes=11)

    await world.alone(SAME)

    after = await record_of(world)
    assert before.content
    assert after.content
    assert after.content.gone_at > before.content.gone_at
    assert sorted(written.partitions) == sorted(map(world.key_of, (BEN, CAT)))
    world.wait(hours=23, minutes=55)  # the first sharing is over
    assert (await world.alone(Wish("list", BEN))).listed


@pytest.mark.parametrize(
    "changed",
    [Wish("share", ANN, audience="friends", title="Other"), Wish("share", ANN, audience="1")],
    ids=["title", "audience"],
)
async def test_what_differs_is_written(world: World, written: Written, changed: Wish) -> None:
    await world.alone(changed)

    assert world.key_of(BEN) in written.partitions
    assert (await record_of(world)).is_settled


async def test_a_call_that_is_almost_over_is_written_because_clocks_differ(
    world: World, written: Written
) -> None:
    """On a host whose clock is ahead it has ended, and its rows are being removed."""
    world.wait(hours=23, minutes=57)

    await world.alone(SAME)

    assert sorted(written.partitions) == sorted(map(world.key_of, (BEN, CAT)))


async def test_a_sharing_that_died_before_its_last_word_is_done_anew(
    world: World, written: Written
) -> None:
    other = Wish("share", ANN, audience="friends", title="Other")
    await world.alone(
        Wish("share", ANN, audience="friends", title="Other", stop_after=ALL_ROWS_BUT_THE_LAST_WORD)
    )
    assert not (await record_of(world)).is_settled
    written.partitions.clear()

    await world.alone(other)

    assert sorted(written.partitions) == sorted(map(world.key_of, (BEN, CAT)))
    assert (await record_of(world)).is_settled


async def test_who_left_and_came_back_is_invited_again(world: World) -> None:
    await world.alone(Wish("remove", BEN, ANN))
    assert await row_of(world, BEN) is None
    await world.alone(Wish("add", BEN, ANN))

    await world.alone(SAME)

    assert await row_of(world, BEN) is not None
    assert world.key_of(BEN) in (await record_of(world)).invitees


@pytest.mark.steps
@pytest.mark.parametrize("step", range(14))
@pytest.mark.parametrize("parting", ["remove", "block", "forget"])
async def test_who_leaves_while_the_same_is_shared_again_is_not_invited_in_the_end(
    world: World, parting: str, step: int
) -> None:
    async def parts() -> None:
        assert (await world.alone(Wish(parting, BEN, ANN))).refused is None

    await world.schedule.hold(world.fulfil(SAME), step, parts)

    assert await row_of(world, BEN) is None
    record = await record_of(world)
    assert record.invitees == {world.key_of(CAT)}


@pytest.mark.steps
@pytest.mark.parametrize("step", range(14))
async def test_a_call_that_is_unshared_while_it_is_shared_again_is_whole_or_gone(
    world: World, step: int
) -> None:
    async def unshared() -> None:
        assert (await world.alone(Wish("unshare", ANN))).refused is None

    await world.schedule.hold(world.fulfil(SAME), step, unshared)

    rows = [await row_of(world, who) is not None for who in (ANN, BEN, CAT)]
    found = await world.quietly(world.table(SHARED_CALLS).find(world.call_of(ANN), RECORD_ROW))
    assert rows == [found is not None] * 3


async def test_an_invitee_who_lost_a_friend_leaves_a_settled_record_in_two_steps(
    world: World,
) -> None:
    """The rows of a settled record may be taken for granted: so it says first that they may not.

    Ben's parting died before anything was taken from the listings.
    """
    two_intents_own_row_and_copy = 4
    await world.alone(Wish("remove", BEN, ANN, stop_after=two_intents_own_row_and_copy))
    assert (await record_of(world)).is_settled

    service, records = world.quiet(), world.table(SHARED_CALLS)
    calls = SharedCalls(world.table(INVITATIONS), records, service.friendships, service.identities)
    await world.quietly(calls.settle(world.key_of(ANN), world.call_of(ANN)))

    record = await record_of(world)
    assert record.is_settled
    assert record.invitees == {world.key_of(CAT)}
    assert await row_of(world, BEN) is None
