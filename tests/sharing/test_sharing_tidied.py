"""If nobody repeats a killed request, Tidy ends it: the call is withdrawn, or shared as the record
says. Until then no listing says how to join."""

import pytest

from shared.intents import Intents
from shared.sharing.rows import RECORD_ROW, SharedCallRecord
from shared.tables import FRIENDS, INTENTS, INVITATIONS, SHARED_CALLS
from tests.support.deeds import Wish
from tests.support.interleaving import Schedule
from tests.support.memory_tables import memory_clients
from tests.support.world import World

ANN, BEN, CAT = 0, 1, 2


@pytest.fixture
async def world() -> World:
    """Ann is a friend of Ben and Cat."""
    world = World(memory_clients(), Schedule())
    for friend in (BEN, CAT):
        await world.alone(Wish("add", ANN, friend))
        await world.alone(Wish("add", friend, ANN))
    return world


async def stored(world: World) -> tuple[SharedCallRecord | None, dict[int, object]]:
    """The record of Ann's call, and the title under which each person has it listed."""
    call = world.call_of(ANN)
    row = await world.quietly(world.table(SHARED_CALLS).find(call, RECORD_ROW))
    listed = dict[int, object]()
    for who in (ANN, BEN, CAT):
        found = await world.quietly(world.table(INVITATIONS).find(world.key_of(who), call))
        if found is not None:
            listed[who] = found.values.get("title")
            assert "locator" not in found.values
    return None if row is None else SharedCallRecord.of(row), listed


async def opens(world: World, who: int) -> bool:
    return (await world.alone(Wish("open", who, ANN))).refused is None


# The intent, the record, three rows, the record, the owner's row, and the intent.
@pytest.mark.parametrize("stop", range(1, 9))
async def test_a_killed_unsharing_is_ended(world: World, stop: int) -> None:
    await world.alone(Wish("share", ANN, audience="friends", title="Coffee"))

    await world.alone(Wish("unshare", ANN, stop_after=stop))
    said = 2
    assert await opens(world, BEN) == (stop < said)
    listed = (await world.alone(Wish("list", BEN))).listed or []
    assert all(not one.content.locator for one in listed)
    await world.tidy()

    assert await stored(world) == (None, {})
    assert not await opens(world, BEN)


async def test_a_call_that_was_shared_again_after_a_killed_unsharing_stays(world: World) -> None:
    await world.alone(Wish("share", ANN, audience="friends", title="Coffee"))
    only_intent = 1
    await world.alone(Wish("unshare", ANN, stop_after=only_intent))
    await world.alone(Wish("share", ANN, audience="friends", title="Tea"))

    await world.tidy()

    assert (await stored(world))[1] == {ANN: "Tea", BEN: "Tea", CAT: "Tea"}


# The intent, the owner's row, the record, one row that goes, two rows, the record, the intent.
@pytest.mark.parametrize("stop", range(1, 9))
async def test_a_killed_change_of_the_audience_is_as_its_record_says(
    world: World, stop: int
) -> None:
    await world.alone(Wish("share", ANN, audience="friends", title="All"))

    await world.alone(Wish("share", ANN, stop_after=stop, audience="1", title="Ben"))
    await world.tidy()

    record, listed = await stored(world)
    assert record is not None
    assert (record.leaving, record.former_space) == (frozenset(), "")
    changed = 3
    if stop < changed:
        assert listed == {ANN: "All", BEN: "All", CAT: "All"}
    else:
        assert listed == {ANN: "Ben", BEN: "Ben"}
        assert world.key_of(CAT) not in record.other_partitions
    # When a person who was dropped is erased, nothing of them is kept.
    await world.alone(Wish("forget", CAT))
    record, _ = await stored(world)
    assert record is not None
    assert world.key_of(CAT) not in str(record.values())


# The intent, the owner's row, the record, and the rows of three.
@pytest.mark.parametrize("stop", range(1, 7))
async def test_a_killed_first_sharing_is_whole_or_gone(world: World, stop: int) -> None:
    await world.alone(Wish("share", ANN, stop_after=stop, audience="friends", title="New"))
    await world.tidy()

    record, listed = await stored(world)
    has_record = 3
    if stop < has_record:
        assert (record, listed) == (None, {})
    else:
        assert record is not None
        assert listed == {ANN: "New", BEN: "New", CAT: "New"}


async def test_what_an_erased_owner_has_shared_is_ended(world: World) -> None:
    erased = world.caller(ANN)
    intent_place_and_record = 3
    service = world.quiet()
    await world.alone(
        Wish("share", ANN, stop_after=intent_place_and_record, audience="friends", title="Late")
    )
    record, _ = await stored(world)
    await world.alone(Wish("forget", ANN))
    assert record is not None
    # The sharing came through after the erasure, on a host that died then.
    await world.quietly(
        world.table(SHARED_CALLS).insert_if_absent(record.call_id, RECORD_ROW, record.values())
    )
    assert service.invitations.finishers
    assert erased.issued_at < record.proven_at

    await world.tidy()

    assert await stored(world) == (None, {})


# The intent, of a removal also that to remove the rows later, the own row, the friend's row, and
# the record, the row and the intent.
@pytest.mark.parametrize("stop", range(1, 8))
@pytest.mark.parametrize("kind", ["remove", "block"])
async def test_a_killed_parting_leaves_neither_name_nor_call_with_the_other(
    world: World, stop: int, kind: str
) -> None:
    await world.alone(Wish("share", ANN, audience="friends", title="Coffee"))

    await world.alone(Wish(kind, ANN, BEN, stop_after=stop))
    await world.tidy()

    theirs = await world.quietly(world.table(FRIENDS).find(world.key_of(BEN), world.key_of(ANN)))
    assert theirs is not None
    _, listed = await stored(world)
    said = 3 if kind == "remove" else 2
    if stop < said:
        assert theirs.values["theirs"] == "yes"
        assert BEN in listed
    else:
        assert (theirs.values["theirs"], theirs.values["state"]) == ("no", "requested")
        assert not theirs.values.keys() & {"theirsName", "theirsUserId"}
        assert listed == {ANN: "Coffee", CAT: "Coffee"}
    assert CAT in listed


async def test_friends_who_made_up_after_a_killed_parting_keep_each_other(world: World) -> None:
    intents_and_own_row = 3
    await world.alone(Wish("remove", ANN, BEN, stop_after=intents_and_own_row))
    await world.alone(Wish("add", ANN, BEN))
    await world.alone(Wish("share", ANN, audience="friends", title="Again"))

    await world.tidy()

    assert (await stored(world))[1] == {ANN: "Again", BEN: "Again", CAT: "Again"}
    seen = (await world.alone(Wish("resolve", BEN, ANN))).seen
    assert seen is not None
    assert seen.display_name == "Ann"


async def test_in_the_end_no_intent_is_left(world: World) -> None:
    """Of requests that ended, also of those that were refused."""
    await world.alone(Wish("share", ANN, audience="friends", title="Coffee"))
    await world.alone(Wish("share", ANN, audience="1", title="Tea"))
    await world.alone(Wish("share", ANN, audience="3", title="No friend"))
    await world.alone(Wish("remove", BEN, ANN))
    await world.alone(Wish("unshare", ANN))

    keys = {world.call_of(ANN), world.key_of(ANN), world.key_of(BEN)}
    intents = Intents(world.table(INTENTS), lambda: world.caller(ANN).issued_at)
    world.wait(hours=1)
    left = [
        intent
        for shard in "0123456789abcdef"
        for intent in await world.quietly(intents.due(shard, 1000))
        if intent.subject in keys
    ]
    assert left == []
