"""The files of recordings: where ACS keeps them, and their deletion.

ACS keeps a file for a day, and tells where it is by Event Grid. Each recording has a row of its
own, by which that event is matched. After an erasure it stays, without any trace of a person, until
the file has come and is deleted.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol, Self

from shared.calls.recordings import Recording
from shared.changes import change_row
from shared.keys import key
from shared.tables import Row, Table, Value
from shared.urls import hostname, is_safe_url

FILE_ROW = "recording"
# Microsoft's SDK sends the resource's credential only to these hosts (its
# recording_url_validator.py).
_HOSTS = (".asm.skype.com", ".asyncgw.teams.microsoft.com", ".ams.gov.teams.microsoft.us")
_LONGEST_URL = 512
# One property holds all files of a recording: each takes up to 1,600 of its 32,768 characters.
# Several are only there if a recording is too large for one.
MOST_FILES = 16


def is_recording_url(url: str) -> bool:
    """May this be a file of ACS's? Our credential is sent there, so no other host may be."""
    is_plain = len(url) <= _LONGEST_URL and is_safe_url(url) and url.startswith("https://")
    return is_plain and (hostname(url) or "").endswith(_HOSTS)


@dataclass(frozen=True)
class RecordedFile:
    """A file of a recording. Its locations need the credential of the ACS resource."""

    document_id: str
    content: str
    metadata: str
    deletion: str

    @property
    def locations(self) -> tuple[str, str, str]:
        return self.content, self.metadata, self.deletion

    def stored(self) -> dict[str, str]:
        """As it is stored. The names in it stay, even if the fields are renamed."""
        return {
            "document": self.document_id,
            "content": self.content,
            "metadata": self.metadata,
            "deletion": self.deletion,
        }

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Self:
        return cls(stored["document"], stored["content"], stored["metadata"], stored["deletion"])


@dataclass(frozen=True)
class FileEvent:
    """Event Grid's event about the files of a recording.

    Attributes:
        acs_id: ACS's recordingId.
    """

    id: str
    at: datetime
    acs_id: str
    files: tuple[RecordedFile, ...]


class Acs(Protocol):
    """The methods of `CallRecordingApi` that are used here."""

    async def stop(self, acs_id: str) -> None: ...

    async def delete_file(self, url: str) -> None: ...


class RecordedFiles:
    """The rows of recordings' files."""

    def __init__(
        self, table: Table, acs: Acs, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._table = table
        self._acs = acs
        self._now = now

    async def note(self, acs_id: str, call_id: str) -> None:
        """Store that a recording is of a call. May be repeated."""
        values: dict[str, Value] = {"callId": call_id, "createdAt": self._now()}
        await self._table.insert_if_absent(file_key(acs_id), FILE_ROW, values)

    async def add(self, event: FileEvent) -> str | None:
        """Store where the files are. May be repeated. The files of an erased recording are deleted.

        Returns:
            The id of the call; None if no recording here has that id, or it was erased.
        """

        def with_files(row: Row | None) -> Mapping[str, Value] | None:
            if row is None or "callId" not in row.values:
                return None
            files = {one.document_id: one for one in (*_files_of(row), *event.files)}
            listed = [one.stored() for one in list(files.values())[:MOST_FILES]]
            return {**row.values, "files": json.dumps(listed, separators=(",", ":"))}

        changed = await change_row(self._table, file_key(event.acs_id), FILE_ROW, with_files)
        row = changed.now
        if row is None:
            return None
        if "callId" in row.values:
            return str(row.values["callId"])
        await self._delete(event.files)
        await self._table.remove(row.partition_key, row.row_key)
        return None

    async def of(self, acs_id: str) -> tuple[RecordedFile, ...]:
        """The files of a recording that ACS has reported so far. One point read."""
        row = await self._table.find(file_key(acs_id), FILE_ROW)
        return () if row is None else _files_of(row)

    async def erase(self, recordings: Iterable[Recording]) -> None:
        """Stop the recordings, and delete their files in ACS and what is stored of them. May be
        repeated.

        Raises:
            Unavailable, Throttled: ACS or storage failed.
        """
        for recording in recordings:
            if recording.is_open_in_acs:
                await self._acs.stop(recording.acs_id or "")
            if recording.acs_id is not None:
                await self.erase_one(recording.acs_id, is_noted=recording.is_noted)

    async def erase_one(self, acs_id: str, *, is_noted: bool) -> None:
        """The same for one. If ACS has not reported its file yet, the file is deleted then.

        Args:
            is_noted: whether the recording has had a row. If there is none now, it was erased.
        """

        def without_trace(row: Row | None) -> Mapping[str, Value] | None:
            if row is None:
                return None if is_noted else {"createdAt": self._now()}
            is_trace = "callId" in row.values and "files" not in row.values
            return {"createdAt": row.values["createdAt"]} if is_trace else None

        row = (await change_row(self._table, file_key(acs_id), FILE_ROW, without_trace)).now
        if row is not None and "files" in row.values:
            await self._delete(_files_of(row))
            await self._table.remove(row.partition_key, row.row_key)

    async def _delete(self, files: Iterable[RecordedFile]) -> None:
        for file in files:
            await self._acs.delete_file(file.deletion)


def file_key(acs_id: str) -> str:
    """The PartitionKey of a recording's row."""
    return key("recording", acs_id)


def _files_of(row: Row) -> tuple[RecordedFile, ...]:
    listed = json.loads(str(row.values.get("files", "[]")))
    return tuple(RecordedFile.of(one) for one in listed)
