"""Requests that need one result at the same time, the first of which does the work."""

import asyncio
from itertools import count

import pytest

from shared.upstream.concurrency import SharedWork

type Task = asyncio.Task[int]


class Work:
    """Waits until the test lets it go on; then it returns which piece of work it was, or fails."""

    def __init__(self, failure: Exception | None = None) -> None:
        self._serial = count(1)
        self._failure = failure
        self.begun = 0
        self.gate = asyncio.Event()

    async def __call__(self) -> int:
        self.begun = next(self._serial)
        mine = self.begun
        await self.gate.wait()
        if self._failure is not None:
            raise self._failure
        return mine


async def waiting(shared: SharedWork[str, int], work: Work, number: int) -> list[Task]:
    """Requests that need the result, and have all come to wait."""
    tasks = [asyncio.create_task(shared.do("k", work)) for _ in range(number)]
    await asyncio.sleep(0)
    return tasks


async def test_all_who_wait_get_one_result_and_who_comes_later_another() -> None:
    shared, work = SharedWork[str, int](10), Work()
    tasks = await waiting(shared, work, 3)

    work.gate.set()

    assert await asyncio.gather(*tasks) == [1, 1, 1]
    assert await shared.do("k", work) == 2


async def test_other_keys_do_not_wait() -> None:
    shared, work, other = SharedWork[str, int](10), Work(), Work()
    tasks = await waiting(shared, work, 1)

    other.gate.set()

    assert await shared.do("another", other) == 1
    assert not tasks[0].done()
    work.gate.set()
    assert await tasks[0] == 1


async def test_a_failure_reaches_all_who_wait_and_is_not_kept() -> None:
    shared, work, next_work = SharedWork[str, int](10), Work(KeyError("failed")), Work()
    tasks = await waiting(shared, work, 3)

    work.gate.set()
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    next_work.gate.set()

    assert all(isinstance(end, KeyError) for end in ends)
    assert work.begun == 1
    assert await shared.do("k", next_work) == 1


@pytest.mark.parametrize("given_up", [1, 2])
async def test_if_the_one_who_works_gives_up_it_is_done_once_for_all_who_wait(
    given_up: int,
) -> None:
    shared, work = SharedWork[str, int](10), Work()
    tasks = await waiting(shared, work, 4)

    for task in tasks[:given_up]:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0)
    work.gate.set()

    assert await asyncio.gather(*tasks[given_up:]) == [2] * (4 - given_up)
    assert work.begun == 2


@pytest.mark.parametrize("turns", [0, 1, 2])
async def test_who_comes_after_that_waits_for_the_same_work(turns: int) -> None:
    shared, work = SharedWork[str, int](10), Work()
    first, second = await waiting(shared, work, 2)

    first.cancel()
    for _ in range(turns):  # of the event loop, until the second has begun the work again
        await asyncio.sleep(0)
    late = await waiting(shared, work, 2)
    for _ in range(3):  # until all of them wait
        await asyncio.sleep(0)
    work.gate.set()

    assert await asyncio.gather(second, *late) == [2, 2, 2]
    assert work.begun == 2


async def test_one_who_waits_and_gives_up_ends_nothing_for_the_others() -> None:
    shared, work = SharedWork[str, int](10), Work()
    first, second, third = await waiting(shared, work, 3)

    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    work.gate.set()

    assert (await first, await third) == (1, 1)
