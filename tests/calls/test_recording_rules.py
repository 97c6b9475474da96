"""The rules of recordings without any process: in any order of events, and what the clock does."""

import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.bot_calls.event_grid import read_grid_events
from shared.calls import reasons
from shared.calls.contract import RecordingAnswer
from shared.calls.events import apply_event, is_about, read_events
from shared.calls.reasons import Reason
from shared.calls.recorded_files import (
    FILE_ROW,
    MOST_FILES,
    FileEvent,
    RecordedFile,
    RecordedFiles,
    file_key,
    is_recording_url,
)
from shared.calls.recordings import (
    MOST_RECORDINGS,
    NO_RECORDINGS,
    Notice,
    Recording,
    Recordings,
    RecordingState,
    Wanted,
)
from shared.calls.records import CallRecords
from shared.calls.rows import Call, CallState
from shared.keys import principal_key
from shared.principals import Kind, Principal
from shared.tables import CALLS, Table
from tests.support.memory_tables import memory_clients

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ASKED = Recording("a" * 32, NOON)
CALL = Call(
    "c" * 32,
    "creator",
    "realm",
    NOON,
    state=CallState.CONNECTED,
    connection_id="x",
    server_call_id="s",
    recordings=Recordings((ASKED,)),
)
ALICE = Principal(Kind.USER, "realm", "alice")


def at(seconds: int) -> datetime:
    return NOON + timedelta(seconds=seconds)


def told(state: str, seconds: int, **data: object) -> dict[str, Any]:
    return {
        "id": f"{state} at {seconds}",
        "specversion": "1.0",
        "type": "Microsoft.Communication.RecordingStateChanged",
        "time": at(seconds).isoformat(),
        "data": {
            "callConnectionId": "of the recording",
            "serverCallId": "s",
            "recordingId": "acs",
            "state": state,
            **data,
        },
    }


def after(call: Call, *events: dict[str, Any]) -> Call:
    for event in read_events(json.dumps(events).encode()):
        assert is_about(event, call)
        call = apply_event(call, event)
    return call


HISTORY = [told("inactive", 1), told("active", 2), told("inactive", 3), told("active", 4)]


@pytest.mark.parametrize("order", list(itertools.permutations(range(len(HISTORY)))))
def test_in_any_order_of_events_it_is_the_same(order: tuple[int, ...]) -> None:
    events = [HISTORY[n] for n in order]

    [one] = after(CALL, *events, *events).recordings.listed

    assert (one.acs_id, one.state) == ("acs", RecordingState.RECORDING)
    assert (one.started_at, one.since) == (at(2), at(4))


def test_what_clients_are_told_of_its_state() -> None:
    begun = after(CALL, told("inactive", 1)).recordings.listed[0]
    paused = after(CALL, told("active", 2), told("inactive", 3)).recordings.listed[0]
    announced = replace(ASKED, notice=Notice.ASKED)

    assert (ASKED.state, begun.state) == (RecordingState.STARTING, RecordingState.STARTING)
    assert (paused.state, paused.since) == (RecordingState.PAUSED, at(3))
    assert announced.state is RecordingState.ANNOUNCING
    assert paused.stopped(at(9)).state is RecordingState.STOPPED
    assert ASKED.failed(Reason(400, 0, "x"), at(1)).state is RecordingState.FAILED
    # It ends with its call, of which no event tells.
    assert RecordingAnswer.of(paused, at(9)).state is RecordingState.STOPPED
    assert RecordingAnswer.of(paused, at(9)).since == at(9)


def test_an_event_about_another_call_or_recording_is_none_of_this_one() -> None:
    known = after(CALL, told("active", 2))
    none = replace(CALL, recordings=NO_RECORDINGS)

    for call, event in (
        (CALL, told("active", 3, serverCallId="other")),
        (CALL, told("active", 3, recordingId=None)),
        (known, told("active", 3, recordingId="other")),
        (none, told("active", 3)),
        (replace(CALL, server_call_id=None), told("active", 3, serverCallId=None)),
    ):
        [read] = read_events(json.dumps([event]).encode())
        assert not is_about(read, call)


def test_an_event_about_a_recording_binds_no_connection_to_a_call() -> None:
    """Its callConnectionId is the recording's own."""
    unbound = replace(CALL, connection_id=None, state=CallState.PLACING)

    assert after(unbound, told("active", 2)).connection_id is None


def test_what_was_given_up_goes_on_when_acs_has_it_after_all() -> None:
    missed = ASKED.failed(Reason(408, 0, reasons.RECORDING_NEVER_CONFIRMED), at(300))
    call = replace(CALL, recordings=Recordings((missed,)))

    [one] = after(call, told("active", 301)).recordings.listed

    assert (one.state, one.reason) == (RecordingState.RECORDING, None)


def test_what_was_stopped_before_acs_had_it_is_to_be_stopped_there() -> None:
    stopped = replace(ASKED, wanted=Wanted.STOP, ended_at=at(1))
    assert not stopped.must_stop

    [one] = after(
        replace(CALL, recordings=Recordings((stopped,))), told("active", 2)
    ).recordings.listed

    assert one.must_stop
    assert one.state is RecordingState.STOPPED
    assert not one.stopped(at(3)).must_stop
    assert one.stopped(at(3)).ended_at == at(1)


@pytest.mark.parametrize(
    ("kind", "notice", "state"),
    [
        ("PlayStarted", Notice.ACCEPTED, RecordingState.ANNOUNCING),
        ("PlayCompleted", Notice.HEARD, RecordingState.STARTING),
        ("PlayFailed", Notice.ACCEPTED, RecordingState.FAILED),
        ("PlayCanceled", Notice.ACCEPTED, RecordingState.FAILED),
    ],
)
def test_the_notice_decides_whether_it_starts(
    kind: str, notice: Notice, state: RecordingState
) -> None:
    announced = replace(ASKED, notice=Notice.ACCEPTED)
    event = {
        **told("", 5),
        "type": f"Microsoft.Communication.{kind}",
        "data": {"callConnectionId": "x", "operationContext": ASKED.id},
    }

    [one] = after(replace(CALL, recordings=Recordings((announced,))), event).recordings.listed

    assert (one.notice, one.state, one.may_start) == (notice, state, notice is Notice.HEARD)


def test_all_recordings_of_a_call_fit_into_a_property() -> None:
    reason = Reason(400, 9999, reasons.RECORDING_NEVER_CONFIRMED)
    longest = Recording(
        "a" * 32, NOON, Wanted.RECORD, Notice.ACCEPTED, "b" * 512, True, False, NOON, NOON, NOON,
        True, reason,
    )  # fmt: skip
    recordings = Recordings((longest,) * MOST_RECORDINGS)

    assert len(recordings.text()) < 32_000
    assert Recordings.of(recordings.text()) == recordings


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

    async def delete_file(self, url: str) -> None:
        self.deleted.append(url)


def file(n: int) -> RecordedFile:
    location = f"https://storage.asm.skype.com/v1/objects/{n}"
    return RecordedFile(str(n), f"{location}/content/video", f"{location}/content/x", location)


def event_of(*files: RecordedFile) -> FileEvent:
    return FileEvent("event", NOON, "acs", files)


async def test_files_are_kept_up_to_a_limit_and_each_once() -> None:
    files = RecordedFiles(Table(memory_clients()[CALLS]), NoAcs(), lambda: NOON)  # type: ignore[arg-type]
    await files.note("acs", "call")
    for n in range(MOST_FILES + 2):
        for _ in range(2):
            assert await files.add(event_of(file(n))) == "call"

    assert [one.document_id for one in await files.of("acs")] == [*map(str, range(MOST_FILES))]
    assert await files.add(replace(event_of(file(1)), acs_id="other")) is None


async def test_an_erasure_that_is_repeated_leaves_nothing_that_it_has_removed() -> None:
    table = Table(memory_clients()[CALLS])  # type: ignore[arg-type]
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
    table = Table(memory_clients()[CALLS])  # type: ignore[arg-type]
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
    assert principal_key(ALICE)


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
