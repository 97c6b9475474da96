"""What the emulator remembers of calls, in the same SQLite: connections, events, answers."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devstack.acs_emulator.identity.store import State

SCHEMA = """
CREATE TABLE IF NOT EXISTS connections (
    number INTEGER PRIMARY KEY,  -- rises with time
    id TEXT NOT NULL UNIQUE,
    live INTEGER NOT NULL,
    changed INTEGER NOT NULL,  -- seconds since 1970
    content TEXT NOT NULL  -- JSON, as inspection shows it
);
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
CREATE TABLE IF NOT EXISTS repeatable (
    id TEXT PRIMARY KEY,
    asked INTEGER NOT NULL,  -- seconds since 1970
    fingerprint TEXT NOT NULL,
    status INTEGER NOT NULL,
    headers TEXT NOT NULL,
    body BLOB NOT NULL
) WITHOUT ROWID;
"""


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """An event on its way to a callback address; `number` says when it arose among all."""

    number: int
    connection: str
    id: str
    type: str
    url: str
    body: str


@dataclass(frozen=True, kw_only=True)
class StoredAnswer:
    """What a repeatable request was answered; `fingerprint` tells it from other requests."""

    fingerprint: str
    status: int
    headers: dict[str, str]
    body: bytes


class CallState(State):
    """One file and one connection with the identities: a second one would have to wait for it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._db.executescript(SCHEMA)

    @contextmanager
    def together(self) -> Iterator[None]:
        """All changes inside, or none of them after a kill. Nothing may be awaited inside."""
        with self._change():
            yield

    def forget_calls_before(self, then: int) -> None:
        """Make room: calls that ended before `then`, their events, and answers as old as that."""
        with self._change():
            old = "SELECT id FROM connections WHERE NOT live AND changed < ?"
            self._db.execute(
                f"DELETE FROM events WHERE connection IN ({old})",  # noqa: S608  ours alone
                (then,),
            )
            self._db.execute("DELETE FROM connections WHERE NOT live AND changed < ?", (then,))
            self._db.execute("DELETE FROM repeatable WHERE asked < ?", (then,))

    def save_connection(
        self, connection: str, content: dict[str, Any], *, live: bool, now: int
    ) -> None:
        with self._change():
            self._db.execute(
                "INSERT INTO connections (id, live, changed, content) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (id) DO UPDATE SET live = excluded.live, changed = excluded.changed,"
                " content = excluded.content",
                (connection, live, now, json.dumps(content)),
            )

    def connections(self, *, live_only: bool = False) -> list[dict[str, Any]]:
        """As they were saved last, oldest first."""
        where = " WHERE live" if live_only else ""
        query = f"SELECT content FROM connections{where} ORDER BY number"  # noqa: S608
        return [json.loads(content) for (content,) in self._db.execute(query).fetchall()]

    def add_event(self, *, connection: str, id: str, type: str, url: str, body: str) -> Delivery:  # noqa: A002
        with self._change():
            number = self._db.execute(
                "INSERT INTO events (connection, id, type, url, body) VALUES (?, ?, ?, ?, ?)",
                (connection, id, type, url, body),
            ).lastrowid
        assert number is not None  # noqa: S101  the row was inserted
        return Delivery(number=number, connection=connection, id=id, type=type, url=url, body=body)

    def note_attempt(self, number: int, result: int | str) -> None:
        """Keep the status that an attempt was answered, or what went wrong instead."""
        with self._change():
            self._db.execute(
                "UPDATE events SET attempts = json_insert(attempts, '$[#]', ?) WHERE number = ?",
                (result, number),
            )

    def settle_event(self, number: int, state: str) -> None:
        with self._change():
            self._db.execute("UPDATE events SET state = ? WHERE number = ?", (state, number))

    def waiting_events(self) -> list[Delivery]:
        """Those that nobody has taken yet, oldest first."""
        rows = self._db.execute(
            "SELECT number, connection, id, type, url, body FROM events"
            " WHERE state = 'waiting' ORDER BY number"
        ).fetchall()
        names = ("number", "connection", "id", "type", "url", "body")
        return [Delivery(**dict(zip(names, row, strict=True))) for row in rows]

    def events_of(self, connection: str) -> list[dict[str, Any]]:
        rows = self._db.execute(
            "SELECT id, type, url, state, attempts FROM events WHERE connection = ?"
            " ORDER BY number",
            (connection,),
        )
        return [
            {"id": id_, "type": type_, "url": url, "state": state, "attempts": json.loads(attempts)}
            for id_, type_, url, state, attempts in rows.fetchall()
        ]

    def find_answer(self, request_id: str) -> StoredAnswer | None:
        row = self._db.execute(
            "SELECT fingerprint, status, headers, body FROM repeatable WHERE id = ?", (request_id,)
        ).fetchone()
        if row is None:
            return None
        fingerprint, status, headers, body = row
        return StoredAnswer(
            fingerprint=fingerprint, status=status, headers=json.loads(headers), body=body
        )

    def add_answer(self, request_id: str, answer: StoredAnswer, *, now: int) -> None:
        with self._change():
            self._db.execute(
                "INSERT INTO repeatable (id, asked, fingerprint, status, headers, body)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (
                    request_id,
                    now,
                    answer.fingerprint,
                    answer.status,
                    json.dumps(answer.headers),
                    answer.body,
                ),
            )
