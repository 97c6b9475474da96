"""Which of many like cases a run has; docs/contributing/tests.md has them in a table.

Some tests cost seconds of CPU for each case: they kill a host at every step of a request, say. They
take some of their cases with the fixtures `few` and `sample`; tests in memory are marked `steps`.
Each run has the same cases.
"""

import math
from collections.abc import Sequence
from typing import Protocol
from zlib import crc32

ONE_IN, ONE_IN_OF_SLOW = 27, 3
# Of a test that is marked `steps`, without `--slow` and `--soak`.
ONE_STEP_IN = 3

# Whether the run has `--soak`, or `--slow`: known before any test is imported.
soak = slow = False


class Few(Protocol):
    """Takes some of the cases, in their order."""

    def __call__[Case](self, cases: Sequence[Case]) -> list[Case]: ...


def take_few(test: str, one_in_of_slow: int = ONE_IN_OF_SLOW) -> Few:
    """One in 27 of the cases, at least one; with `--slow` one in three; with `--soak` all.

    Args:
        test: its name, which says where to begin: tests that share their cases take others.
        one_in_of_slow: 1 for all with `--slow` already.
    """
    one_in = one_in_of_slow if slow else ONE_IN

    def few[Case](cases: Sequence[Case]) -> list[Case]:
        first = crc32(test.encode()) % min(one_in, len(cases))
        return list(cases if soak else cases[first::one_in])

    return few


def take_steps(cases: Sequence[str]) -> set[str]:
    """The cases that the run has of a test that is marked `steps`: a third, at least one, or all.

    By a hash, because each third case may have the same value of another parameter.
    """
    if slow or soak:
        return set(cases)
    in_any_order = sorted(cases, key=lambda case: crc32(case.encode()))
    return set(in_any_order[: math.ceil(len(cases) / ONE_STEP_IN)])
