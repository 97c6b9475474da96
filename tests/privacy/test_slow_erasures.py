"""An erasure that is slow never touches the person, or the bot, who came after it.

Request A erases and is held at one of its requests to storage. Its repetition B ends the erasure,
and somebody new of the same id comes. Then A goes on.
"""

import asyncio
import random
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

import pytest

from shared.identity.rows import is_tombstone
from shared.principals import Kind, Principal
from shared.problems import BeingErased
from shared.tables import FRIENDS, IDENTITIES, INVITATIONS, SHARED_CALLS, Row
from tests.support import sampling
from tests.support.deeds import Wish
from tests.support.interleaving import Schedule
from tests.support.memory_tables import memory_clients
from tests.support.world import World

ANN, BEN = 0, 1
# The requests to storage before an erasure is marked: its intent, reading the mapping, the mark.
_BEFORE_MARK = 3
# Where A is held: after so many of its requests. `--soak` tries each of them.
_ALL = range(60)
_HOLDS = _ALL if sampling.soak else sorted(random.Random(16).sample(_ALL, 16))


@dataclass
class Stage:
    world: World
    schedule: Schedule
    _held: list[asyncio.Future[None]] = field(default_factory=list)

    async def hold(self, request: Coroutine[Any, Any, None], hold: int) -> asyncio.Future[None]:
        """Let a request go on to its storage request of this number, and hold it there."""
        begun = asyncio.ensure_future(request)
        await self.schedule.settle()
        for _ in range(hold):
            if begun.done():
                break
            await self.schedule.step(0)
        self._held, self.schedule.waiting = self.schedule.waiting, []
        return begun

    async def go_on(self) -> None:
        self.schedule.waiting, self._held = self._held, []
        await self.schedule.drain()


@pytest.fixture
async def stage() -> Stage:
    schedule = Schedule()
    return Stage(World(memory_clients(), schedule), schedule)


async def all_rows(world: World, *callers: int) -> dict[tuple[str, str, str], Row]:
    """Every row about the people of this test, except intents."""
    partitions = [world.key_of(who) for who in callers]
    calls = [world.call_of(who) for who in callers]
    found = {}
    for name in (IDENTITIES, FRIENDS, INVITATIONS, SHARED_CALLS):
        for partition in (*partitions, *calls):
            for row in await world.quietly(world.table(name).list_for(partition)):
                found[name, row.partition_key, row.row_key] = row
    return found


async def live(world: World) -> None:
    """Ann befriends Ben, and each of them shares a call with all friends."""
    for who, whom in ((ANN, BEN), (BEN, ANN)):
        await world.alone(Wish("add", who, whom))
    for who in (ANN, BEN):
        await world.alone(Wish("share", who, audience="friends", title="Ours"))


async def test_the_clock_ends_an_erasure_whose_request_was_killed(stage: Stage) -> None:
    world = stage.world
    await live(world)
    for killed_after in _ALL[1:]:
        deed = await world.alone(Wish("forget", ANN, stop_after=killed_after))
        await world.tidy()
        if deed.ended:
            break

        mapping = await world.quietly(world.table(IDENTITIES).list_for(world.key_of(ANN)))
        if killed_after == 1:  # before the mark, nothing was begun
            assert [is_tombstone(row) for row in mapping] == [False]
            continue
        assert [row.values.keys() for row in mapping] == [{"erasedAt"}], killed_after
        rows = [*(await all_rows(world, BEN)).values(), *(await all_rows(world, ANN)).values()]
        assert [row for row in rows if world.key_of(ANN) in str(row) and row not in mapping] == []
        await live(world)
    assert killed_after > 10, "it was never killed"


@pytest.mark.parametrize("had_identity", [True, False])
async def test_a_slow_erasure_leaves_a_new_person_alone(stage: Stage, had_identity: bool) -> None:
    world = stage.world
    if had_identity:
        await live(world)
    for hold in _HOLDS:
        erasing = await stage.hold(world.people_of_another_host().erase(world.caller(ANN)), hold)
        if erasing.done():
            break

        repeated = await world.alone(Wish("forget", ANN))
        await live(world)
        before, living = await all_rows(world, ANN, BEN), set(world.living)
        await stage.go_on()
        await erasing

        assert repeated.refused is None
        assert await all_rows(world, ANN, BEN) == before, f"held at {hold}"
        assert world.living == living
        resolved = await world.alone(Wish("resolve", BEN, ANN))
        assert resolved.seen is not None
        if not had_identity:
            await world.alone(Wish("forget", ANN))
    assert hold > (30 if had_identity else 10), "it was never held"


async def test_a_slow_erasure_leaves_the_intent_of_the_next_persons_erasure(
    stage: Stage,
) -> None:
    world = stage.world
    await live(world)
    for hold in _ALL[24:]:  # before that, others have ended it
        erasing = await stage.hold(world.people_of_another_host().erase(world.caller(ANN)), hold)
        if erasing.done():
            break

        await world.alone(Wish("forget", ANN))
        await live(world)
        intent_and_mark = 2
        await world.alone(Wish("forget", ANN, stop_after=intent_and_mark))
        await stage.go_on()
        await asyncio.wait([erasing])
        await world.tidy()

        mapping = await world.quietly(world.table(IDENTITIES).list_for(world.key_of(ANN)))
        assert [row.values.keys() for row in mapping] == [{"erasedAt"}], f"held at {hold}"
        await live(world)
    assert hold > 30, "it was never held"


async def test_a_person_who_is_enrolled_while_nobody_is_erased_is_erased_too(stage: Stage) -> None:
    world = stage.world
    for hold in _ALL:
        erasing = await stage.hold(world.people_of_another_host().erase(world.caller(ANN)), hold)
        if erasing.done():
            break

        enrolled = True
        try:
            await world.quietly(world.quiet().tokens.issue(world.caller(ANN), None, None))
        except BeingErased:
            enrolled = False
        await stage.go_on()
        await erasing

        if enrolled and hold > _BEFORE_MARK:  # the tombstone was written: somebody new has come
            break
        assert enrolled == (hold < _BEFORE_MARK), f"held at {hold}"
        mapping = await world.quietly(world.table(IDENTITIES).list_for(world.key_of(ANN)))
        assert [row.values.keys() for row in mapping] == [{"erasedAt"}]
        assert world.living == set()
    assert hold > 10, "it was never held"
    assert len(world.living) == 1


async def test_a_slow_erasure_of_a_bot_leaves_a_bot_registered_anew_alone(stage: Stage) -> None:
    world = stage.world
    operator, bot = world.caller(BEN), Principal(Kind.BOT, world.realm, "robot")
    for hold in _ALL:
        await world.quietly(world.quiet().tokens.enrol_bot(bot, "Robot"))
        erasing = await stage.hold(world.people_of_another_host().erase_bot(operator, bot), hold)
        if erasing.done():
            break

        await world.quietly(world.quiet().people.erase_bot(operator, bot))
        anew = await world.quietly(world.quiet().tokens.enrol_bot(bot, "Robot"))
        await stage.go_on()
        await erasing

        found = await world.quietly(world.quiet().identities.find(bot))
        if hold < _BEFORE_MARK:  # A erases the bot that is there when it goes on
            assert found is None
        else:
            assert found == anew, f"held at {hold}"
            assert anew.communication_user_id in world.living
    assert hold > 15, "it was never held"
