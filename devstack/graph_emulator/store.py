"""What the emulator remembers: meetings and counters, in SQLite."""

import json
from pathlib import Path

from devstack.emulation.database import Database
from devstack.graph_emulator.meetings import Meeting
from devstack.graph_emulator.odata import By

SCHEMA = """
CREATE TABLE IF NOT EXISTS meetings (
    id TEXT PRIMARY KEY,
    organizer TEXT NOT NULL,
    external_id TEXT,
    join_web_url TEXT NOT NULL,
    join_meeting_id TEXT,
    content TEXT NOT NULL  -- JSON, as it is answered
) WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS by_external_id ON meetings (organizer, external_id);
CREATE INDEX IF NOT EXISTS by_join_web_url ON meetings (join_web_url);
CREATE INDEX IF NOT EXISTS by_join_meeting_id ON meetings (join_meeting_id);
"""
_COLUMNS = {By.JOIN_WEB_URL: "join_web_url", By.JOIN_MEETING_ID: "join_meeting_id"}


class State(Database):
    """The database."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, SCHEMA)

    def add(self, meeting: Meeting) -> None:
        """Store a new meeting, whose organizer has none with its external id."""
        with self._change():
            self._db.execute(
                "INSERT INTO meetings"
                " (id, organizer, external_id, join_web_url, join_meeting_id, content)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (
                    meeting.id,
                    meeting.organizer,
                    meeting.external_id,
                    meeting.join_web_url,
                    meeting.join_meeting_id,
                    json.dumps(meeting.content),
                ),
            )
            self._count("created")

    def replace(self, meeting: Meeting) -> None:
        """Store new content; what a meeting is found by never changes."""
        with self._change():
            self._db.execute(
                "UPDATE meetings SET content = ? WHERE id = ?",
                (json.dumps(meeting.content), meeting.id),
            )
            self._count("updated")

    def remove(self, meeting: Meeting) -> None:
        with self._change():
            self._db.execute("DELETE FROM meetings WHERE id = ?", (meeting.id,))
            self._count("deleted")

    def find(self, meeting_id: str) -> Meeting | None:
        return self._one("id = ?", meeting_id)

    def find_by_external_id(self, organizer: str, external_id: str) -> Meeting | None:
        return self._one("organizer = ? AND external_id = ?", organizer, external_id)

    def find_by(self, by: By, text: str) -> Meeting | None:
        return self._one(f"{_COLUMNS[by]} = ?", text)

    def meetings(self) -> list[Meeting]:
        rows = self._db.execute("SELECT organizer, content FROM meetings ORDER BY id")
        return [Meeting(organizer, json.loads(content)) for organizer, content in rows]

    def clear(self) -> None:
        """Forget everything, the counters too."""
        with self._change():
            self._db.execute("DELETE FROM meetings")
            self._db.execute("DELETE FROM counters")

    def _one(self, where: str, *values: str) -> Meeting | None:
        query = f"SELECT organizer, content FROM meetings WHERE {where}"  # noqa: S608  ours alone
        row = self._db.execute(query, values).fetchone()
        return Meeting(row[0], json.loads(row[1])) if row else None
