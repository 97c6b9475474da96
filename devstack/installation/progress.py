"""Shows that a slow step is in progress: by one line that changes on a terminal, by a new line from
time to time in a log.

It writes to stderr, because stdout is for the result of a command. Readable by Python 3.6 (see
dev.py).
"""

import contextlib
import sys
import time
from types import TracebackType
from typing import Optional, Type

QUIET_SECONDS = 2.0  # a faster step shows nothing
LINE_SECONDS = 10.0  # between two lines in a log


class Progress:
    """Use `with Progress("installing") as progress:`, and call `show()` again and again."""

    def __init__(self, label: str) -> None:
        self.label = label
        self._begin = time.monotonic()
        self._next = QUIET_SECONDS
        self._shown = False

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        _error: Optional[BaseException],
        _trace: Optional[TracebackType],
    ) -> None:
        self.finish("done" if kind is None else "ended")

    def show(self, detail: str = "") -> None:
        """Show how long it has taken so far, if it is time to show it again."""
        elapsed = time.monotonic() - self._begin
        if elapsed < self._next:
            return
        line = f"{self.label}{detail and f' ({detail})'} ... {elapsed:.0f} s"
        if _is_terminal():
            self._next = elapsed + 0.5
            _write("\r\033[K" + line)
        else:
            self._next = elapsed + LINE_SECONDS
            _write(line + "\n")
        self._shown = True

    def finish(self, how: str = "done") -> None:
        """Show how it ended, unless it was so fast that nothing was shown. Does it only once."""
        if self._shown:
            elapsed = time.monotonic() - self._begin
            start = "\r\033[K" if _is_terminal() else ""
            _write(f"{start}{self.label}: {how} after {elapsed:.0f} s\n")
            self._shown = False


def _is_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()


def _write(text: str) -> None:
    # The work must go on if the terminal is closed, above all the work of stopping.
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(text)
        sys.stderr.flush()
