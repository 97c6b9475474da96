"""Tasks that run in the background: no request waits for them."""

import asyncio
import logging
from collections.abc import Coroutine

# Tests look for it in the log of an emulator, because no answer to a request tells of it.
FAILURE = "A background task failed"

log = logging.getLogger(__name__)


class BackgroundTasks:
    """Keeps references to its tasks, without which Python may drop them, and ends them all.

    An error of a task is logged at once.
    """

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._end)
        return task

    async def stop(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            report_failure(task.get_coro(), error)


def report_failure(what: object, error: BaseException | None = None) -> None:
    """Log a failure that no answer can tell, so that the test that is running fails."""
    log.error("%s: %s", FAILURE, what, exc_info=error)
