"""Shows that something slow is alive: a rewritten line on a terminal, now and then one in a log.

On stderr, because stdout belongs to what was asked for. Readable by Python 3.6 (see dev.py).
"""

import contextlib
import sys
import time
from types import TracebackType
from typing import Optional, Type

QUIET_SECONDS = 2.0  # what is faster than this needs no explanation
LINE_SECONDS = 10.0  # between two lines in a log


class Progress:
    """`with Progress("installing") as progress:` and call `show()` while it lasts."""

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
        """Say how long it has taken so far, if it is time to say so."""
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
        """Say how it ended, if it was ever shown; once."""
        if self._shown:
            elapsed = time.monotonic() - self._begin
            start = "\r\033[K" if _is_terminal() else ""
            _write(f"{start}{self.label}: {how} after {elapsed:.0f} s\n")
            self._shown = False


def _is_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()


def _write(text: str) -> None:
    # A closed terminal must not stop the work, least of all the stopping.
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(text)
        sys.stderr.flush()
