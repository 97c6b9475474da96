"""How a stack, or a part of one, learns that it is time to stop."""

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import Callable
from types import FrameType


async def until_told_to_stop(*, watch_stdin: bool) -> None:
    """Return at SIGINT, at SIGTERM or, if asked for, at the end of standard input.

    A supervisor that holds the writing end of its child's standard input need do nothing to stop
    the child: the system closes that end when the supervisor dies, even by SIGKILL. What is
    written there is read and thrown away.

    Run it as a task before saying "ready": without it, a signal kills the process at once. Only
    the main thread may run it, because Python delivers signals to no other thread.

    Args:
        watch_stdin: also stop at EOF. Off when a person starts the part by hand, because a shell
            gives a background job `/dev/null`, where reading ends at once.
    """
    loop = asyncio.get_running_loop()
    stop_requested = asyncio.Event()

    def request_stop() -> None:
        # The loop may have ended before a late signal or a late EOF arrives here.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(stop_requested.set)

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        request_stop()

    # Not loop.add_signal_handler, which Windows does not have. The handlers stay installed: Ctrl-C
    # in a terminal reaches the whole process group, so the supervisor's signal is often the second
    # one, and it must not interrupt the clean stop. The supervisor kills a part that hangs.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, on_signal)
    if watch_stdin:
        when_stdin_ends(request_stop)
    await stop_requested.wait()


def when_stdin_ends(do: Callable[[], None]) -> None:
    """Call `do` at the end of standard input, in another thread."""
    threading.Thread(target=_read_to_the_end, args=(do,), daemon=True).start()


def _read_to_the_end(at_the_end: Callable[[], None]) -> None:
    # A thread, because event loops cannot watch a regular file or /dev/null. os.read and not
    # sys.stdin, whose lock a blocked daemon thread would hold while the interpreter shuts down.
    with contextlib.suppress(OSError):  # standard input was closed from the start
        while os.read(0, 4096):
            pass
    at_the_end()
