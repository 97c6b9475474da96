"""Drafts of records: what a request is going to write, once it has its place."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

from shared.changes import ChangedRow
from shared.sharing.rows import SharedCallRecord


@dataclass(frozen=True)
class Draft(SharedCallRecord):
    """A record that is going to be written.

    Attributes:
        taken: the owner's row in which the request took its place; None until it has.
    """

    taken: ChangedRow | None = field(default=None, compare=False)


type AroundRows = Callable[[SharedCallRecord], AbstractAsyncContextManager[object]]
"""Keeps an intent, which names the record's partitions, while its rows are written."""
