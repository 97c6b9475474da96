"""How a part of the stack learns that it is time to stop."""

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import Callable
from types import FrameType


async def until_told_to_stop(*, watch_stdin: bool) -> None:
    """Return upon SIGINT, SIGTERM or, if asked for, the end of standard input.

    A supervisor that keeps the writing end of its child's standard input needs nothing more to
    take the child with it: the system closes that end however the supervisor dies, SIGKILL
    included. What is written there is read and thrown away.

    Run it as a task before saying "ready", or a signal that comes in between kills the process
    where it stands. Only the main thread may run it (Python delivers signals to no other).

    Args:
        watch_stdin: also stop at EOF. Off when a person starts the part by hand, because a shell
            gives a background job `/dev/null`, which is at its end from the start.
    """
    loop = asyncio.get_running_loop()
    told = asyncio.Event()

    def tell() -> None:
        # The loop may be gone by the time a late signal or a late EOF gets here.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(told.set)

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        tell()

    # Not loop.add_signal_handler, which Windows lacks. The handlers stay: Ctrl-C in a terminal
    # reaches the whole process group, so the supervisor's own signal is often the second one, and
    # it must not cut the clean stop short. Who hangs is killed by the supervisor.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, on_signal)
    if watch_stdin:
        threading.Thread(target=_read_to_the_end, args=(tell,), daemon=True).start()
    await told.wait()


def _read_to_the_end(at_the_end: Callable[[], None]) -> None:
    # A thread, because event loops cannot watch a regular file or /dev/null. os.read and not
    # sys.stdin, whose lock a blocked daemon thread would hold while the interpreter shuts down.
    with contextlib.suppress(OSError):  # closed from the start: that is an end too
        while os.read(0, 4096):
            pass
    at_the_end()
