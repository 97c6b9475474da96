"""What the default run takes of many cases that are alike; `--soak` takes all of them.

The cases of a test that costs seconds of CPU for each: at every step of a request a host is killed,
say. Which are taken is the same in each run.
"""

from collections.abc import Sequence
from typing import Protocol
from zlib import crc32

ONE_IN = 3

# Whether the run has `--soak`: known before any test is imported.
soak = False


class Few(Protocol):
    """Takes some of the cases, in their order."""

    def __call__[Case](self, cases: Sequence[Case]) -> list[Case]: ...


def take_few(test: str) -> Few:
    """One in three, or all.

    Args:
        test: its name, which says where to begin: tests that share their cases take others.
    """
    first = crc32(test.encode()) % ONE_IN

    def few[Case](cases: Sequence[Case]) -> list[Case]:
        return list(cases if soak else cases[first::ONE_IN])

    return few
