"""The call connections that the emulator keeps, in SQLite."""

import json
from typing import Any

from devstack.emulation.database import Database

SCHEMA = """
CREATE TABLE IF NOT EXISTS connections (
    number INTEGER PRIMARY KEY,  -- rises with time
    id TEXT NOT NULL UNIQUE,
    live INTEGER NOT NULL,
    changed INTEGER NOT NULL,  -- seconds since 1970
    content TEXT NOT NULL  -- JSON, as inspection shows it
);
"""


class CallStore:
    """Stores what inspection shows of each connection, also after its end."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.create(SCHEMA)

    def save(self, connection_id: str, content: dict[str, Any], *, live: bool, now: int) -> None:
        """Store the content of a connection in place of its last one.

        Args:
            live: whether the connection has not ended.
            now: seconds since 1970.
        """
        self._database.execute(
            "INSERT INTO connections (id, live, changed, content) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET live = excluded.live, changed = excluded.changed,"
            " content = excluded.content",
            (connection_id, live, now, json.dumps(content)),
        )

    def contents(self, *, live_only: bool = False) -> list[dict[str, Any]]:
        """The last content of each connection, oldest connection first."""
        where = " WHERE live" if live_only else ""
        query = f"SELECT content FROM connections{where} ORDER BY number"  # noqa: S608
        return [json.loads(content) for (content,) in self._database.execute(query).fetchall()]

    def forget_ended_before(self, then: int) -> list[str]:
        """Delete the connections that ended before `then`; returns their ids."""
        with self._database.transaction():
            rows = self._database.execute(
                "SELECT id FROM connections WHERE NOT live AND changed < ?", (then,)
            ).fetchall()
            self._database.execute(
                "DELETE FROM connections WHERE NOT live AND changed < ?", (then,)
            )
        return [connection_id for (connection_id,) in rows]
