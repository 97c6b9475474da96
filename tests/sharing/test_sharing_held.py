"""A request that is held anywhere harms nobody who comes after an erasure, and restores nothing."""

from dataclasses import replace

import pytest

from shared.bounds import UNANSWERED
from shared.friends.rows import Decision, Friendship
from shared.keys import key
from shared.problems import NotFound
from shared.sharing.rows import RECORD_ROW, SharedCallRecord, space_key
from shared.tables import FRIENDS, INVITATIONS, SHARED_CALLS
from tests.support.deeds import Wish
from tests.support.interleaving import Schedule
from tests.support.memory_tables import memory_clients
from tests.support.realms import SPACE
from tests.support.world import World

ANN, BEN, CAT = 0, 1, 2


@pytest.fixture
def world() -> World:
    return World(memory_clients(), Schedule())


@pytest.mark.steps
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


FORGET = Wish("forget", ANN)
ANEW = Wish("share", ANN, audience="1", title="Anew")


# The intent, the owner's place, the record, and after them the rows.
@pytest.mark.steps
@pytest.mark.parametrize("stop", [4, 5, 6])
@pytest.mark.parametrize("step", range(6, 12))
@pytest.mark.parametrize("audience", ["friends", "space"])
@pytest.mark.parametrize(
    "meanwhile",
    [[FORGET], [Wish("unshare", ANN)], [ANEW], [FORGET, Wish("share", ANN, audience="space")]],
    ids=["erased", "unshared", "anew", "a new person"],
)
async def test_rows_that_come_late_of_a_killed_sharing_are_removed(
    world: World, meanwhile: list[Wish], audience: str, step: int, stop: int
) -> None:
    for friend in (BEN, CAT):
        await world.alone(Wish("add", ANN, friend))
        await world.alone(Wish("add", friend, ANN))
    late = Wish("share", ANN, audience=audience, title="Late", stop_after=stop)

    async def happens() -> None:
        for wish in meanwhile:
            assert (await world.alone(wish)).refused is None

    await world.schedule.hold(world.fulfil(late), step, happens)
    await world.tidy()

    assert await listed(world) == await named(world)


# Ben's request writes his yes and, after he was erased, a copy of it in Ann's row. Then it takes
# both back. Before that Ann sees the copy, answers, and shares. Her answer dies after its second
# write.
LAST_WRITES = [0, 3]  # behind which Ben's request dies: none, or the copy


@pytest.mark.steps
@pytest.mark.parametrize("repeated", [False, True])
@pytest.mark.parametrize("stop", LAST_WRITES)
@pytest.mark.parametrize("later", range(1, 10))
@pytest.mark.parametrize("erased_at", range(2, 9))
async def test_a_yes_that_comes_after_an_erasure_leaves_no_invitation(
    world: World, erased_at: int, later: int, stop: int, repeated: bool
) -> None:
    await world.alone(Wish("add", ANN, BEN))
    if repeated:
        await world.alone(Wish("add", BEN, ANN))
    late = Wish("add", BEN, ANN, stop_after=stop)

    async def erase() -> None:
        assert (await world.alone(Wish("forget", BEN))).refused is None
        if repeated:  # Ann asks the erased person again, before the copy comes
            await world.alone(Wish("add", ANN, BEN))

    async def answer_and_share() -> None:
        if not repeated:
            await world.alone(Wish("add", ANN, BEN, stop_after=2))
        await world.alone(Wish("share", ANN, audience="friends", title="Shared"))

    await world.schedule.hold_at(
        world.fulfil(late), {erased_at: erase, erased_at + later: answer_and_share}
    )
    await world.tidy()

    assert world.key_of(BEN) not in await listed(world) | await named(world)


@pytest.mark.steps
@pytest.mark.parametrize("held_at", range(1, 14))
async def test_a_yes_that_comes_after_a_block_and_an_erasure_shows_and_invites_nobody(
    world: World, held_at: int
) -> None:
    """Ben's yes is copied after he has blocked Ann, and into the row of the new Ann."""
    await world.alone(Wish("rename", ANN))

    async def block_and_erase() -> None:
        await world.alone(Wish("block", BEN, ANN))
        await world.alone(Wish("forget", ANN))

    await world.schedule.hold(world.fulfil(Wish("add", BEN, ANN)), held_at, block_and_erase)
    await world.alone(Wish("add", ANN, BEN))
    await world.alone(Wish("share", ANN, audience="friends", title="Shared"))

    friends = world.quiet().friendships
    said_yes = await world.quietly(friends.has_accepted(world.key_of(BEN), world.key_of(ANN)))
    invited = await listed(world) | await named(world)
    assert (world.key_of(BEN) in invited) == said_yes


@pytest.mark.steps
@pytest.mark.parametrize("kind", ["remove", "block"])
@pytest.mark.parametrize("stop", range(1, 9))
async def test_a_parting_that_dies_and_is_taken_back_leaves_no_row_that_the_record_does_not_name(
    world: World, stop: int, kind: str
) -> None:
    for who, whom in ((ANN, BEN), (BEN, ANN)):
        await world.alone(Wish("add", who, whom))
    await world.alone(Wish("share", ANN, audience="friends", title="Shared"))

    await world.alone(Wish(kind, ANN, BEN, stop_after=stop))
    await world.alone(Wish("add", ANN, BEN))
    await world.tidy()

    assert await listed(world) == await named(world)


# The third write is that of the own row, or the copy.
@pytest.mark.steps
@pytest.mark.parametrize("kind", ["remove", "block"])
@pytest.mark.parametrize("who", [ANN, BEN])
@pytest.mark.parametrize("stop", range(3, 9))
async def test_a_parting_that_dies_opens_nothing_at_once_and_is_gone_after_tidy(
    world: World, stop: int, who: int, kind: str
) -> None:
    """Ann shares again while a copy may be old, which she reads. Only the own rows say no then."""
    for one, other in ((ANN, BEN), (BEN, ANN)):
        await world.alone(Wish("add", one, other))
    await world.alone(Wish("share", ANN, audience="friends", title="Shared"))

    await world.alone(Wish(kind, who, ANN + BEN - who, stop_after=stop))
    await world.alone(Wish("share", ANN, audience="friends", title="Again"))

    opened = await world.alone(Wish("open", BEN, ANN))
    assert isinstance(opened.refused, NotFound)
    await world.tidy()
    assert world.key_of(BEN) not in await listed(world) | await named(world)


@pytest.mark.steps
@pytest.mark.parametrize("held_at", range(4, 11))
@pytest.mark.parametrize("stop", range(8))
async def test_a_refused_sharing_that_dies_leaves_nothing(
    world: World, stop: int, held_at: int
) -> None:
    for who, whom in ((ANN, BEN), (BEN, ANN)):
        await world.alone(Wish("add", who, whom))
    shared = Wish("share", ANN, audience="1", title="Shared")
    await world.alone(shared)

    async def share_again() -> None:
        await world.alone(replace(shared, title="Again", stop_after=stop))

    await world.schedule.hold(world.fulfil(Wish("remove", BEN, ANN)), held_at, share_again)
    await world.tidy()

    assert await listed(world) == await named(world)
    assert world.key_of(BEN) not in await named(world)


@pytest.mark.steps
@pytest.mark.parametrize("held_at", range(1, 12))
async def test_a_request_that_is_one_too_many_leaves_no_invitation(
    world: World, held_at: int
) -> None:
    """Ann's yes is written, and taken back when it is counted. Ben answers it before that."""
    await world.alone(Wish("add", BEN, CAT))
    friends = world.table(FRIENDS)

    async def fill_answer_and_share() -> None:
        for n in range(UNANSWERED.number + 1):
            asked = Friendship(world.key_of(ANN), key("other", str(n)), str(n), Decision.YES, 1)
            await world.quietly(friends.insert_if_absent(asked.owner, asked.friend, asked.values()))
        await world.alone(Wish("add", BEN, ANN))
        await world.alone(Wish("share", ANN, audience="friends", title="Shared"))

    held = await world.schedule.hold(
        world.fulfil(Wish("add", ANN, BEN)), held_at, fill_answer_and_share
    )
    await world.tidy()

    if held.result().refused is not None:
        assert world.key_of(BEN) not in await listed(world) | await named(world)


async def named(world: World) -> set[str]:
    """The partitions that the record of Ann's call names."""
    row = await world.quietly(world.table(SHARED_CALLS).find(world.call_of(ANN), RECORD_ROW))
    record = None if row is None else SharedCallRecord.of(row)
    return {record.owner, *record.other_partitions} if record else set()


async def listed(world: World) -> set[str]:
    """The partitions that have a row of Ann's call."""
    listings = world.table(INVITATIONS)
    everybody = {*map(world.key_of, (ANN, BEN, CAT)), space_key(world.realm, SPACE)}
    return {
        partition
        for partition in everybody
        if await world.quietly(listings.find(partition, world.call_of(ANN)))
    }
