"""What a far end does by itself when an app begins to listen to it."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from devstack.acs_emulator.calls.speech import Speech
from devstack.emulation.background import BackgroundTasks


class Response:
    """Keys that the far end presses, or what it says: one after the other, until cancelled.

    Args:
        seconds: how long each of them takes.
    """

    def __init__(
        self,
        what: Sequence[str | Speech],
        seconds: float,
        deliver: Callable[[str | Speech], None],
        background: BackgroundTasks,
    ) -> None:
        self._waiting = deque(what)
        self._seconds = seconds
        self._deliver = deliver
        self._work = background.spawn(self._perform())

    def comes_within(self, limit: float, *, tones_only: bool) -> bool:
        """Whether the next one takes no longer than this, in seconds, from the one before.

        Two timers would decide it otherwise, and on a slow machine both are over at once.
        """
        if not self._waiting or self._seconds > limit:
            return False
        return isinstance(self._waiting[0], str) or not tones_only

    def cancel(self) -> None:
        self._work.cancel()

    async def _perform(self) -> None:
        while self._waiting:
            await asyncio.sleep(self._seconds)
            self._deliver(self._waiting.popleft())
