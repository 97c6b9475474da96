"""Where an emulator keeps what survives its restarts: SQLite, and counters in it."""

import sqlite3
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

_COUNTERS = """
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
"""
_REQUESTS = "requests."


class Database:
    """Every change is one transaction, so a kill at any point leaves no half of one.

    Blocking on purpose: a statement takes some 20 microseconds, less than a hop to a thread, and
    one thread means that nothing can come between a check and its change.

    Args:
        path: made if absent, and its folder with it.
        schema: the tables, each made if absent.
    """

    def __init__(self, path: Path, schema: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Autocommit mode: transactions are those of `_change` and no others.
        self._db = sqlite3.connect(path, isolation_level=None)
        # What the process wrote survives its death either way; only a power cut needs the syncs.
        self._db.execute("PRAGMA synchronous = OFF")
        self._db.executescript(schema + _COUNTERS)

    def close(self) -> None:
        self._db.close()

    def count_request(self, operation: str) -> None:
        with self._change():
            self._count(_REQUESTS + operation)

    def requests(self, operations: Collection[str]) -> dict[str, int]:
        """How many requests came, by operation; those of which none came too."""
        counters = self.counters()
        return {operation: counters.get(_REQUESTS + operation, 0) for operation in operations}

    def counters(self) -> dict[str, int]:
        return dict(self._db.execute("SELECT name, value FROM counters"))

    def _count(self, name: str, by: int = 1) -> None:
        self._db.execute(
            "INSERT INTO counters (name, value) VALUES (?, ?)"
            " ON CONFLICT (name) DO UPDATE SET value = value + excluded.value",
            (name, by),
        )

    @contextmanager
    def _change(self) -> Iterator[None]:
        """One transaction; inside of another change, a part of that one."""
        if self._db.in_transaction:
            yield
            return
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")
