"""What an emulator keeps over its restarts: an SQLite file, and counters in it."""

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

_COUNTERS = """
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
"""
_REQUESTS = "requests."


class DatabaseUnusable(OSError):
    """The message names the file, and says what to do."""


class Database:
    """One file and one SQLite connection for all stores of an emulator: with two connections, one
    would have to wait for the other.

    Blocking on purpose: a statement takes some 20 microseconds, which is less than a hop to a
    thread, and with one thread nothing can happen between a check and the change that depends on
    it.

    Args:
        path: made if absent, and its folder with it.

    Raises:
        DatabaseUnusable: the file is no database, or cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._telling():
            # Autocommit mode: the only transactions are those of `transaction`.
            self._db = sqlite3.connect(path, isolation_level=None)
            # What the process wrote survives its death either way; only a power cut needs syncs.
            self._db.execute("PRAGMA synchronous = OFF")
        self.create(_COUNTERS)

    def create(self, schema: str) -> None:
        """Run the statements of a schema, which create only what is absent.

        Raises:
            DatabaseUnusable: what is there has other columns: another version has made it.
        """
        wanted = sqlite3.connect(":memory:")
        try:
            wanted.executescript(schema)
            with self._telling():
                self._db.executescript(schema)
                for table, columns in _columns(wanted).items():
                    if _columns(self._db)[table] != columns:
                        raise sqlite3.DatabaseError(f"table {table} has other columns")
        finally:
            wanted.close()

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            with suppress(AttributeError):  # it was not even opened
                self._db.close()
            raise DatabaseUnusable(
                f"{self._path} cannot be used ({error}): it is damaged, or of another version, or"
                " there is no room. `dev.py run --fresh` begins without what was stored"
            ) from error

    def close(self) -> None:
        self._db.close()

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> sqlite3.Cursor:
        return self._db.execute(sql, parameters)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make all changes inside, or none of them, also after a kill. Await nothing inside.

        Inside of another transaction it is a part of that one.
        """
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

    def count(self, name: str, by: int = 1) -> None:
        """Raise a counter."""
        self._db.execute(
            "INSERT INTO counters (name, value) VALUES (?, ?)"
            " ON CONFLICT (name) DO UPDATE SET value = value + excluded.value",
            (name, by),
        )

    def counters(self) -> dict[str, int]:
        return dict(self._db.execute("SELECT name, value FROM counters"))

    def reset_counters(self) -> None:
        self._db.execute("DELETE FROM counters")

    def count_request(self, operation: str) -> None:
        self.count(_REQUESTS + operation)

    def requests(self, operations: Collection[str]) -> dict[str, int]:
        """How many requests each operation got, also where it got none."""
        counters = self.counters()
        return {operation: counters.get(_REQUESTS + operation, 0) for operation in operations}


def _columns(database: sqlite3.Connection) -> dict[str, list[str]]:
    """The columns of each table, in their order."""
    rows = database.execute(
        "SELECT tables.name, columns.name FROM sqlite_schema AS tables,"
        " pragma_table_info(tables.name) AS columns WHERE tables.type = 'table' ORDER BY 1, cid"
    )
    found: dict[str, list[str]] = {}
    for table, column in rows:
        found.setdefault(table, []).append(column)
    return found
