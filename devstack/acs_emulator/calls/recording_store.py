"""The recordings that the emulator keeps, in SQLite: their files outlive the process."""

import json
from dataclasses import asdict, dataclass, field

from devstack.acs_emulator.calls.recording_bodies import ChannelType, ContentType, FormatType
from devstack.emulation.database import Database

SCHEMA = """
CREATE TABLE IF NOT EXISTS recordings (
    number INTEGER PRIMARY KEY,  -- rises with time
    id TEXT NOT NULL UNIQUE,
    document TEXT NOT NULL UNIQUE,
    changed INTEGER NOT NULL,  -- seconds since 1970
    content TEXT NOT NULL  -- JSON of a Recording
);
"""


@dataclass
class Recording:
    """A recording of a call, and its file once it has ended. Times are in seconds since 1970.

    Args:
        endpoint_id: what its events have as `callConnectionId`. It is none of the connections of
            the call, as recorded.
        callback_uri: where its events go; None: nowhere.
        document_id: names its file in the storage.
        is_active: whether it records; it does not while it is paused.
        started_at: when it recorded first, or when it ended if it never did; 0: it never did yet.
        recorded: begin and end of everything recorded; the end is 0 while that goes on.
        participants: raw ids of those who were in the call.
        session_end: why it ended; empty: it has not.
        is_deleted: whether somebody has deleted the file.
    """

    id: str
    endpoint_id: str
    server_call_id: str
    correlation_id: str
    callback_uri: str | None
    document_id: str
    content: ContentType
    channel: ChannelType
    format: FormatType
    is_active: bool = False
    started_at: float = 0
    recorded: list[list[float]] = field(default_factory=list)
    participants: list[str] = field(default_factory=list)
    session_end: str = ""
    is_deleted: bool = False

    @property
    def duration_ms(self) -> int:
        return round(sum(end - begin for begin, end in self.recorded) * 1000)

    @property
    def pauses(self) -> list[tuple[float, float]]:
        ends_and_begins = zip(self.recorded, self.recorded[1:], strict=False)
        return [(before[1], after[0]) for before, after in ends_and_begins]

    @property
    def has_file(self) -> bool:
        return self.session_end != "" and not self.is_deleted


class RecordingStore:
    def __init__(self, database: Database) -> None:
        self._database = database
        database.create(SCHEMA)

    def save(self, recording: Recording, *, now: int) -> None:
        """Store a recording in place of its last state; `now` is in seconds since 1970."""
        self._database.execute(
            "INSERT INTO recordings (id, document, changed, content) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET changed = excluded.changed,"
            " content = excluded.content",
            (recording.id, recording.document_id, now, json.dumps(asdict(recording))),
        )

    def all(self) -> list[Recording]:
        """Oldest first."""
        rows = self._database.execute("SELECT content FROM recordings ORDER BY number").fetchall()
        return [Recording(**json.loads(content)) for (content,) in rows]

    def by_document(self, document_id: str) -> Recording | None:
        row = self._database.execute(
            "SELECT content FROM recordings WHERE document = ?", (document_id,)
        ).fetchone()
        return None if row is None else Recording(**json.loads(row[0]))

    def forget_before(self, then: int) -> list[str]:
        """Delete what changed last before `then`; the endpoint ids of those recordings."""
        with self._database.transaction():
            rows = self._database.execute(
                "SELECT content FROM recordings WHERE changed < ?", (then,)
            ).fetchall()
            self._database.execute("DELETE FROM recordings WHERE changed < ?", (then,))
        return [json.loads(content)["endpoint_id"] for (content,) in rows]
