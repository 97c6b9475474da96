"""The meetings that the emulator keeps, in SQLite."""

import json

from devstack.emulation.database import Database
from devstack.graph_emulator.meetings import Meeting
from devstack.graph_emulator.odata import SearchProperty

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
_COLUMNS = {
    SearchProperty.JOIN_WEB_URL: "join_web_url",
    SearchProperty.JOIN_MEETING_ID: "join_meeting_id",
}


class MeetingStore:
    """Stores meetings, and counts what was done with them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.create(SCHEMA)

    def add(self, meeting: Meeting) -> None:
        """Store a new meeting; its organizer has no other one with its external id."""
        with self._database.transaction():
            self._database.execute(
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
            self._database.count("created")

    def replace(self, meeting: Meeting) -> None:
        """Store new content. Ids and URLs of a meeting never change."""
        with self._database.transaction():
            self._database.execute(
                "UPDATE meetings SET content = ? WHERE id = ?",
                (json.dumps(meeting.content), meeting.id),
            )
            self._database.count("updated")

    def remove(self, meeting: Meeting) -> None:
        with self._database.transaction():
            self._database.execute("DELETE FROM meetings WHERE id = ?", (meeting.id,))
            self._database.count("deleted")

    def find(self, meeting_id: str) -> Meeting | None:
        return self._find_where("id = ?", meeting_id)

    def find_by_external_id(self, organizer: str, external_id: str) -> Meeting | None:
        return self._find_where("organizer = ? AND external_id = ?", organizer, external_id)

    def find_by(self, searched: SearchProperty, value: str) -> Meeting | None:
        return self._find_where(f"{_COLUMNS[searched]} = ?", value)

    def meetings(self) -> list[Meeting]:
        rows = self._database.execute("SELECT organizer, content FROM meetings ORDER BY id")
        return [Meeting(organizer, json.loads(content)) for organizer, content in rows]

    def clear(self) -> None:
        """Remove everything, also the counters."""
        with self._database.transaction():
            self._database.execute("DELETE FROM meetings")
            self._database.reset_counters()

    def _find_where(self, where: str, *values: str) -> Meeting | None:
        query = f"SELECT organizer, content FROM meetings WHERE {where}"  # noqa: S608  ours alone
        row = self._database.execute(query, values).fetchone()
        return Meeting(row[0], json.loads(row[1])) if row else None
