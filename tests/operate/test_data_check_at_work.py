"""The check of data reports nothing false: after all requests have ended, and while they go on.

As tests/friends/test_friends_interleaved.py: requests of four people, in an order that Hypothesis
chooses, cut off behind any write. `--soak` searches for longer.
"""

import asyncio
import itertools
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.friends.test_friends_interleaved import wishes
from tests.operate.data_world import CheckedTables
from tests.sharing.test_sharing_interleaved import partings, sharings
from tests.support import sampling
from tests.support.deeds import Wish
from tests.support.interleaving import Schedule
from tests.support.memory_tables import memory_clients
from tests.support.sampling import Few
from tests.support.world import World, searching

EXAMPLES = 10

pytestmark = pytest.mark.usefixtures("no_pauses")


class CheckedWorld(World):
    """A world whose tables are checked."""

    def __init__(self) -> None:
        clients = memory_clients()
        super().__init__(clients, Schedule())
        self.checked = CheckedTables(clients)

    async def findings(
        self, meanwhile: Callable[[], Awaitable[object]] | None = None, *, repair: bool = False
    ) -> set[str]:
        self.checked.now = self._now
        report = await self.checked.check(meanwhile=meanwhile, repair=repair)
        return set(report.kinds)


@searching(EXAMPLES)
@given(data=st.data())
@pytest.mark.timeout(0 if sampling.soak else 240)
def test_after_requests_were_cut_off_and_repeated_only_spares_are_left(
    data: st.DataObject,
) -> None:
    """A spare stays until its person enrols, heals, or erases themselves; or until a repair."""

    async def run() -> None:
        world = CheckedWorld()
        for who, whom in ((0, 1), (1, 0), (0, 2), (2, 0)):
            await world.alone(Wish("add", who, whom))
        todo = data.draw(st.lists(st.one_of(wishes, sharings, partings), min_size=2, max_size=6))
        await world.interleave(todo, data)
        await world.repeat_all_that_was_cut_off()
        await world.tidy()

        assert await world.findings() <= {"spare-left", "reverse-without-mapping"}
        await world.findings(repair=True)
        assert await world.findings() == set()

    asyncio.run(run())


# What goes on at the first look, at which of its storage requests it is held, and what has begun,
# and is held at the second look.
SHARE = Wish("share", 0, audience="friends", title="title")
REQUESTS = (
    Wish("add", 0, 3),
    Wish("add", 1, 0),
    Wish("remove", 0, 1),
    Wish("block", 2, 0),
    Wish("forget", 1),
    Wish("rename", 0),
    SHARE,
    Wish("unshare", 0),
)
STEPS = 9


# Each request with one of the same person's, or of somebody whom it is about.
PAIRS = [*itertools.product(REQUESTS, (Wish("remove", 0, 1), SHARE, Wish("forget", 1)))]


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_requests_that_are_under_way_at_both_looks_are_no_findings(
    first: Wish, second: Wish, sample: Few
) -> None:
    """The pairs share out the steps; with `--slow` each pair takes all."""

    async def run(step: int) -> None:
        world = CheckedWorld()
        for who, whom in ((0, 1), (1, 0), (0, 2), (2, 0)):
            await world.alone(Wish("add", who, whom))
        await world.alone(SHARE)
        assert await world.findings() == set()

        running = [await held(world, first, step)]

        async def go_on() -> None:
            """The first request ends within the two minutes; another has come."""
            await world.schedule.drain()
            running.append(await held(world, second, step))

        assert await world.findings(go_on) == set()
        await world.schedule.drain()
        await asyncio.gather(*running)
        await world.tidy()
        assert await world.findings() == set()

    for step in sample(range(STEPS)):
        asyncio.run(run(step))


async def held(world: World, wish: Wish, step: int) -> asyncio.Future[object]:
    """A request before one of its storage requests."""
    task: asyncio.Future[object] = asyncio.ensure_future(world.fulfil(wish))
    await world.schedule.settle()
    for _ in range(step):
        if world.schedule.waiting:
            await world.schedule.step(0)
    return task
