"""The rules of recordings' files without any process: which reports are believed, and which files
are kept and deleted."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.bot_calls.event_grid import read_grid_events
from shared.calls.recorded_files import (
    FILE_ROW,
    MOST_FILES,
    FileEvent,
    RecordedFile,
    RecordedFiles,
    file_key,
    is_recording_url,
)
from shared.calls.recordings import Recording, Recordings
from shared.calls.records import CallRecords
from shared.principals import Kind, Principal
from shared.tables import CALLS, Table
from tests.support.memory_tables import memory_clients

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ASKED = Recording("a" * 32, NOON)
ALICE = Principal(Kind.USER, "realm", "alice")


def test_a_url_is_of_acs_or_gets_no_credential() -> None:
    good = "https://eu-storage.asm.skype.com/v1/objects/0-x/content/video"
    assert is_recording_url(good)
    assert is_recording_url("https://prod.asyncgw.teams.microsoft.com/v1/objects/0-x")
    for url in (
        "http://storage.asm.skype.com/x",
        "https://asm.skype.com/x",
        "https://evil.example.com/.asm.skype.com",
        "https://storage.asm.skype.com.example.com/x",
        "https://storage.asm.skype.com@example.com/x",
        "https://example.com\\.asm.skype.com/x",
        good + "x" * 500,
        "",
    ):
        assert not is_recording_url(url), url


class NoAcs:
    def __init__(self) -> None:
        self.deleted: list[str] = []
        self.stopped: list[str] = []

    async def stop(self, acs_id: str) -> None:
        self.stopped.append(acs_id)

    async def delete_file(self, url: str) -> None:
        self.deleted.append(url)


def file(n: int) -> RecordedFile:
    location = f"https://storage.asm.skype.com/v1/objects/{n}"
    return RecordedFile(str(n), f"{location}/content/video", f"{location}/content/x", location)


def event_of(*files: RecordedFile) -> FileEvent:
    return FileEvent("event", NOON, "acs", files)


async def test_files_are_kept_up_to_a_limit_and_each_once() -> None:
    files = RecordedFiles(Table(memory_clients()[CALLS]), NoAcs(), lambda: NOON)
    await files.note("acs", "call")
    for n in range(MOST_FILES + 2):
        for _ in range(2):
            assert await files.add(event_of(file(n))) == "call"

    assert [one.document_id for one in await files.of("acs")] == [*map(str, range(MOST_FILES))]
    assert await files.add(replace(event_of(file(1)), acs_id="other")) is None


async def test_an_erasure_that_is_repeated_leaves_nothing_that_it_has_removed() -> None:
    table = Table(memory_clients()[CALLS])
    acs = NoAcs()
    files = RecordedFiles(table, acs, lambda: NOON)
    known = replace(ASKED, acs_id="acs", is_noted=True)
    await files.note("acs", "call")
    await files.add(event_of(file(1)))

    for _ in range(2):
        await files.erase([known, ASKED])

    assert acs.deleted == [file(1).deletion]
    assert await table.find(file_key("acs"), FILE_ROW) is None


async def test_a_recording_goes_with_its_call_when_that_is_too_old() -> None:
    now = NOON
    clock: Callable[[], datetime] = lambda: now  # noqa: E731
    table = Table(memory_clients()[CALLS])
    records, acs = CallRecords(table, 30, clock), NoAcs()
    files = RecordedFiles(table, acs, clock)
    call = await records.begin(ALICE, "key", "wish")
    known = replace(ASKED, acs_id="acs", is_noted=True)
    await records.change(
        call.call_id, lambda found: replace(found, recordings=Recordings((known,)))
    )
    await files.note("acs", call.call_id)
    await files.note("of a call that is gone", "gone")
    await files.erase_one("of a person who is gone", is_noted=False)
    kept = ("acs", "of a call that is gone", "of a person who is gone")

    async def rows() -> list[bool]:
        return [await table.find(file_key(one), FILE_ROW) is not None for one in kept]

    now = NOON + timedelta(days=29)
    await records.sweep()
    assert await rows() == [True, True, True]
    now = NOON + timedelta(days=31)
    await records.sweep()

    assert await rows() == [False, False, False]
    assert await records.find(call.call_id) is None
    assert await records.live_calls(ALICE) == []
    assert acs.deleted == []  # ACS has deleted the file itself, weeks ago


@pytest.mark.parametrize(
    "changed",
    [
        {"subject": "/recording/call/x/serverCallId/y"},
        {"subject": "/recording/call/x/recordingId/a b"},
        {"id": ""},
        {"data": {"recordingStorageInfo": {"recordingChunks": "x"}}},
        {"eventType": "Microsoft.Communication.CallEnded"},
    ],
)
def test_an_event_of_another_shape_is_about_no_file(changed: dict[str, Any]) -> None:
    chunk = {
        "documentId": "1",
        "contentLocation": file(1).content,
        "metadataLocation": file(1).metadata,
        "deleteLocation": file(1).deletion,
    }
    event = {
        "id": "event",
        "subject": "/recording/call/c/serverCallId/s/recordingId/acs",
        "eventType": "Microsoft.Communication.RecordingFileStatusUpdated",
        "eventTime": NOON.isoformat(),
        "data": {"recordingStorageInfo": {"recordingChunks": [chunk]}},
    }
    [read] = read_grid_events(json.dumps([event]).encode())
    assert read.file == event_of(file(1))

    [other] = read_grid_events(json.dumps([{**event, **changed}]).encode())

    assert other.file is None
