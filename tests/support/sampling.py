"""What a run takes of many cases that are alike; `--soak` takes all of them.

The cases of a test that costs seconds of CPU for each: at every step of a request a host is killed,
say. Which are taken is the same in each run.
"""

from collections.abc import Sequence
from typing import Protocol
from zlib import crc32

ONE_IN, ONE_IN_OF_SLOW = 27, 3
# Of the cases of a test in memory that is marked `steps`, without `--slow` and `--soak`.
ONE_STEP_IN = 3

# Whether the run has `--soak`, or `--slow`: known before any test is imported.
soak = slow = False


class Few(Protocol):
    """Takes some of the cases, in their order."""

    def __call__[Case](self, cases: Sequence[Case]) -> list[Case]: ...


def take_few(test: str, one_in_of_slow: int = ONE_IN_OF_SLOW) -> Few:
    """One in 27, with `--slow` one in three, with `--soak` all.

    Args:
        test: its name, which says where to begin: tests that share their cases take others.
        one_in_of_slow: 1 for all with `--slow` already.
    """
    one_in = one_in_of_slow if slow else ONE_IN

    def few[Case](cases: Sequence[Case]) -> list[Case]:
        first = crc32(test.encode()) % min(one_in, len(cases))
        return list(cases if soak else cases[first::one_in])

    return few


def takes_step(case: str) -> bool:
    """Whether the run has this case of a test that is marked `steps`: one in three, or all."""
    return slow or soak or crc32(case.encode()) % ONE_STEP_IN == 0
