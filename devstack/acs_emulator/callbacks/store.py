"""The events that wait for their delivery, and the results of the others, in SQLite."""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import JsonValue

from devstack.emulation.database import Database

SCHEMA = """
CREATE TABLE IF NOT EXISTS events (
    number INTEGER PRIMARY KEY,  -- the order in which they arose
    connection TEXT NOT NULL,
    id TEXT NOT NULL,
    type TEXT NOT NULL,
    url TEXT NOT NULL,
    body TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'waiting',  -- 'taken', 'given up'
    attempts TEXT NOT NULL DEFAULT '[]'  -- JSON: the status of each, or what went wrong
);
CREATE INDEX IF NOT EXISTS events_of_connection ON events (connection);
"""


@dataclass(frozen=True, kw_only=True)
class CallbackEvent:
    """An event for a callback address.

    Args:
        number: its place in the order in which all events arose.
        connection_id: the call connection that it is about.
        type: such as Microsoft.Communication.CallConnected.
        body: what is posted.
    """

    number: int
    connection_id: str
    id: str
    type: str
    url: str
    body: str

    @property
    def short_type(self) -> str:
        """The type without its namespace: `CallConnected`."""
        return self.type.rpartition(".")[2]


class EventStore:
    """Stores events until they are delivered or given up, and then for inspection."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.create(SCHEMA)

    def add(
        self,
        *,
        connection_id: str,
        id: str,  # noqa: A002
        type: str,  # noqa: A002
        url: str,
        body: str,
    ) -> CallbackEvent:
        number = self._database.execute(
            "INSERT INTO events (connection, id, type, url, body) VALUES (?, ?, ?, ?, ?)",
            (connection_id, id, type, url, body),
        ).lastrowid
        assert number is not None  # noqa: S101  the row was inserted
        return CallbackEvent(
            number=number, connection_id=connection_id, id=id, type=type, url=url, body=body
        )

    def add_attempt(self, event: CallbackEvent, result: int | str) -> None:
        """Add the status that an attempt was answered, or what went wrong instead."""
        self._database.execute(
            "UPDATE events SET attempts = json_insert(attempts, '$[#]', ?) WHERE number = ?",
            (result, event.number),
        )

    def set_state(self, event: CallbackEvent, state: str) -> None:
        self._database.execute(
            "UPDATE events SET state = ? WHERE number = ?", (state, event.number)
        )

    def waiting(self) -> list[CallbackEvent]:
        """The events that are neither delivered nor given up, oldest first."""
        rows = self._database.execute(
            "SELECT number, connection, id, type, url, body FROM events"
            " WHERE state = 'waiting' ORDER BY number"
        ).fetchall()
        names = ("number", "connection_id", "id", "type", "url", "body")
        return [CallbackEvent(**dict(zip(names, row, strict=True))) for row in rows]

    def of_connection(self, connection_id: str) -> list[JsonValue]:
        """What inspection shows of a connection's events, oldest first."""
        rows = self._database.execute(
            "SELECT id, type, url, state, attempts FROM events WHERE connection = ?"
            " ORDER BY number",
            (connection_id,),
        )
        return [
            {"id": id_, "type": type_, "url": url, "state": state, "attempts": json.loads(attempts)}
            for id_, type_, url, state, attempts in rows.fetchall()
        ]

    def forget(self, connection_ids: Iterable[str]) -> None:
        """Delete the events of these connections."""
        with self._database.transaction():
            for connection_id in connection_ids:
                self._database.execute("DELETE FROM events WHERE connection = ?", (connection_id,))
