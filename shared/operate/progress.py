"""Shows on stderr that a command is at work: stdout is for its result."""

import contextlib
import sys
import time
from collections.abc import Callable
from typing import TextIO

# A command that is faster shows nothing.
_QUIET_SECONDS = 2.0
# Between two lines: one that changes on a terminal, a new one each time in a log.
_TERMINAL_SECONDS, _LOG_SECONDS = 0.5, 10.0


class Progress:
    """Call `show` again and again, and `end` once."""

    def __init__(
        self,
        label: str,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._label = label
        self._stream = sys.stderr if stream is None else stream
        self._clock = clock
        self._began = clock()
        self._next = self._began + _QUIET_SECONDS
        self._is_line_open = False

    def show(self, what: str) -> None:
        """Show what is done now, if it is time to show something again."""
        now = self._clock()
        if now < self._next:
            return
        line = f"{self._label}: {what} ... {now - self._began:.0f} s"
        if self._stream.isatty():
            self._next = now + _TERMINAL_SECONDS
            self._write(f"\r\033[K{line}")
            self._is_line_open = True
        else:
            self._next = now + _LOG_SECONDS
            self._write(f"{line}\n")

    def end(self) -> None:
        if self._is_line_open:
            self._write("\r\033[K")
            self._is_line_open = False

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):  # the terminal may be closed
            self._stream.write(text)
            self._stream.flush()
