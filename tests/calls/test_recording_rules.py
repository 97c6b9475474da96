"""The rules of recordings without any process: events in any order, and time that passes."""

import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.calls import reasons
from shared.calls.events import apply_event, is_about, read_events
from shared.calls.reasons import Reason
from shared.calls.recording import CallRecording
from shared.calls.recording_contract import RecordingAnswer
from shared.calls.recording_steps import RecordingSteps
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
from shared.calls.settings import read_call_settings
from shared.principals import Kind, Principal
from shared.settings_reader import SettingsReader
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
BEGUN = replace(ASKED, acs_id="acs", is_noted=True).reported(NOON, is_active=True)
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
        (known, told("active", 3, recordingId=None)),
        (none, told("active", 3)),
        (replace(CALL, server_call_id=None), told("active", 3, serverCallId=None)),
    ):
        [read] = read_events(json.dumps([event]).encode())
        assert not is_about(read, call)
    # Its id is enough, once it is known.
    [read] = read_events(json.dumps([told("active", 3, serverCallId="renamed")]).encode())
    assert is_about(read, known)


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


class Changing:
    """The method of `Calls` that is used here."""

    def __init__(self, records: CallRecords) -> None:
        self._records = records

    async def change(self, call: Call, change: Callable[[Call], Call]) -> Call:
        changed = await self._records.change(call.call_id, change)
        assert changed is not None
        return changed


class Recorder:
    """What ACS is asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def pause(self, acs_id: str) -> None:
        self.asked.append(f"pause {acs_id}")

    async def stop(self, acs_id: str) -> None:
        self.asked.append(f"stop {acs_id}")


@pytest.mark.parametrize(
    ("recording", "seconds", "asked", "state"),
    [
        (ASKED, 299, [], RecordingState.STARTING),
        (ASKED, 300, [], RecordingState.FAILED),
        (replace(ASKED, notice=Notice.ACCEPTED), 300, [], RecordingState.FAILED),
        (replace(ASKED, notice=Notice.HEARD), 300, [], RecordingState.FAILED),
        (BEGUN, 300, [], RecordingState.RECORDING),
        (replace(BEGUN, wanted=Wanted.PAUSE), 1, ["pause acs"], RecordingState.RECORDING),
        (replace(BEGUN, wanted=Wanted.STOP), 1, ["stop acs"], RecordingState.STOPPED),
        (BEGUN.stopped(NOON), 300, [], RecordingState.STOPPED),
    ],
)
async def test_the_clock_gives_up_pauses_and_stops_and_never_starts(
    recording: Recording, seconds: int, asked: list[str], state: RecordingState
) -> None:
    records = CallRecords(Table(memory_clients()[CALLS]), 30, lambda: NOON)
    call = await records.begin(ALICE, "key", "wish")
    changed = await records.change(
        call.call_id, lambda found: replace(found, recordings=Recordings((recording,)))
    )
    assert changed is not None
    acs, settings = Recorder(), read_call_settings(SettingsReader({}))
    none: Any = None
    calls: Any = Changing(records)
    recording_api: Any = acs
    clock: Callable[[], datetime] = lambda: at(seconds)  # noqa: E731
    steps = RecordingSteps(calls, none, recording_api, none, none, settings, clock)
    recorder = CallRecording(calls, records, none, steps, none, clock)

    await recorder.settle(changed)

    found = await records.find(call.call_id)
    assert found is not None
    [one] = found.recordings.listed
    assert (acs.asked, one.state) == (asked, state)
