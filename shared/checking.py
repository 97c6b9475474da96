"""Rules that stored rows must keep, and how a row that breaks one is repaired.

Each package has the rules of its own rows; `shared.operate.data_check` checks all of them.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from shared.tables import Row

# What reading a stored row raises if neither this version nor an earlier one has written it.
UNREADABLE = (LookupError, TypeError, ValueError, AttributeError, AssertionError)
NOT_READ = "Neither this version nor an earlier one has written it: find out who else writes here."
# Rows that `ReadOnce` keeps: more than are looked at at a time (`shared.upstream.concurrency`).
_KEPT = 64


class NotSafe(Exception):
    """A repair has found that it could do harm, and has changed nothing."""


type Look = Callable[[Row], Awaitable[bool]]
"""Whether a rule is broken in a row; it reads whatever else it needs, and changes nothing."""

type Repair = Callable[[Row], Awaitable[None]]
"""Does what the service itself would do about the row, if the row is still as it was read.

Raises:
    RowChanged: somebody has written the row since; nothing was changed.
    NotSafe: it would do harm; nothing was changed.
"""


# Properties that may be the subject of an intent: ids of calls, and keys of mappings.
_NAMING = ("callId", "owner", "creator", "bot", "guest", "principal")


def keys_of(row: Row) -> Iterable[str]:
    """The subjects of intents that may be about a row: its keys, the call and people it names."""
    named = (row.values.get(name) for name in _NAMING)
    return (row.partition_key, row.row_key, *(one for one in named if isinstance(one, str)))


def no_subjects(_row: Row) -> Iterable[str]:
    return ()


@dataclass(frozen=True)
class Rule:
    """Something that must hold of the rows of one table.

    Attributes:
        kind: names the fault; operators see it.
        remedy: what the repair does; or, if there is none, what the operator can do.
        repair: None if no repair is safe.
        subjects: the subjects of intents that explain the fault: such a row is left to Tidy.
        is_reading: whether it says that the row can be read, which all other rules need.
    """

    kind: str
    table: str
    remedy: str
    is_broken: Look
    repair: Repair | None = None
    subjects: Callable[[Row], Iterable[str]] = keys_of
    is_reading: bool = False


class ChecksRows(Protocol):
    """Something that knows what must hold of the rows that a package stores."""

    @property
    def rules(self) -> Sequence[Rule]:
        """All rules; those of one table in any order."""


class ReadOnce[T]:
    """Reads a row once for all rules, which are asked about the same row one after the other.

    Args:
        read: as for `readable`; what it gives is not changed by anybody.
    """

    def __init__(self, read: Callable[[Row], T]) -> None:
        self._read = read
        # By the row's identity, which is nobody else's as long as the row is kept.
        self._latest: dict[int, tuple[Row, T]] = {}

    def __call__(self, row: Row) -> T:
        known = self._latest.get(id(row))
        if known is None:
            known = self._latest[id(row)] = row, self._read(row)
            if len(self._latest) > _KEPT:
                del self._latest[next(iter(self._latest))]
        return known[1]


def readable(kind: str, table: str, read: Callable[[Row], object]) -> Rule:
    """The rule that every row of a table can be read; where not, no other rule is asked.

    Args:
        read: raises one of `UNREADABLE` if a row is none of ours.
    """

    async def is_broken(row: Row) -> bool:
        try:
            read(row)
        except UNREADABLE:
            return True
        return False

    return Rule(kind, table, NOT_READ, is_broken, subjects=no_subjects, is_reading=True)
