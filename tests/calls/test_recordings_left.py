"""No recording goes on that nobody can stop, and none outlives an erasure."""

import asyncio
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, override

import pytest

from shared.auth.roles import CALLS_MANAGE, CALLS_RECORD
from shared.calls.calls import Calls
from shared.calls.events import AppliedEvents, read_events
from shared.calls.reconciling import CallReconciling
from shared.calls.recorded_files import FileEvent, RecordedFile, RecordedFiles
from shared.calls.recording import CallRecording
from shared.calls.recording_steps import RecordingSteps
from shared.calls.recordings import Notice, Recordings, RecordingState
from shared.calls.records import CallRecords
from shared.calls.rows import Call, CallState
from shared.calls.settling import PLACE, RECORD, CallSettling
from shared.intents import SHARDS, Intents
from shared.keys import principal_key
from shared.principals import Caller, Kind, Principal
from shared.tables import CALLS, INTENTS, Row, Table, Value
from shared.unavailable import CommunicationUnavailable
from tests.support.memory_tables import MemoryTable, memory_clients

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ALICE = Principal(Kind.USER, "realm", "alice")
CALLER = Caller(ALICE, None, frozenset({CALLS_MANAGE, CALLS_RECORD}), NOON, None)
FILE = RecordedFile("d", *(f"https://a.asm.skype.com/{name}" for name in ("c", "m", "d")))


HANG_UP = {
    "specversion": "1.0",
    "id": "the end",
    "source": "calling/callConnections/x",
    "type": "Microsoft.Communication.CallDisconnected",
    "time": NOON.isoformat(),
    "data": {"callConnectionId": "x", "serverCallId": "s", "correlationId": "c"},
}


class Acs:
    """Notes what it was asked; answers a start when it may."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.is_down = False
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def start(self, *_: object, **__: object) -> str:
        self.asked.append("start")
        await self.may_answer.wait()
        return "acs"

    async def play(self, *_: object, **__: object) -> None:
        self.asked.append("play")

    async def stop(self, acs_id: str) -> None:
        self.asked.append(f"stop {acs_id}")
        if self.is_down:
            raise CommunicationUnavailable

    async def pause(self, acs_id: str) -> None:
        self.asked.append(f"pause {acs_id}")
        if self.is_down:
            raise CommunicationUnavailable

    async def delete_file(self, url: str) -> None:
        self.asked.append(f"delete {url}")

    async def hang_up(self, _: str) -> bool:
        self.asked.append("hang up")
        self.may_answer.set()
        for _turn in range(50):  # the answer comes while the erasure goes on
            await asyncio.sleep(0)
        return True


class NoCalls:
    async def find(self, _: str) -> None: ...


class Everybody:
    async def admit(self, _: Caller) -> None: ...

    async def reconcile_if_possible(self, call: Call) -> Call:
        return call

    async def complete_if_due(self, call: Call) -> Call:
        return call


class Settings:
    callback_base = "https://app.example"
    recording_notice = ""
    notice_voice = ""
    speech_endpoint = ""


class Stage:
    """A service on tables in memory, and a connected call of Alice's."""

    def __init__(self, table: MemoryTable, call: Call, notice: str = "") -> None:
        self.acs = Acs()
        acs: Any = self.acs
        others: Any = Everybody()
        settings: Any = Settings()
        settings.recording_notice = notice
        now: Callable[[], datetime] = lambda: NOON  # noqa: E731
        self.table, self.call = Table(table), call
        self.records = CallRecords(self.table, 30, now)
        self.files = RecordedFiles(self.table, acs, now)
        self.now, clock = NOON, lambda: self.now
        self.intents = Intents(Table(memory_clients()[INTENTS]), clock)
        self.calls = Calls(self.records, acs, others, settings, self.intents, others, self.files)
        steps = RecordingSteps(self.calls, self.files, acs, acs, others, settings, now)
        self.recording = CallRecording(
            self.calls, self.records, self.files, steps, self.intents, now
        )
        self.settling = CallSettling(
            self.records, self.intents, clock, settle_recordings=self.recording.settle
        )

    async def tidy(self) -> list[str]:
        """What a run of Tidy finds due, and ends."""
        due = [one for shard in SHARDS for one in await self.intents.due(shard, 10)]
        for intent in due:
            await self.settling.finishers[intent.kind](intent)
            await self.intents.end(intent)
        return [intent.kind for intent in due]


async def stage(table: MemoryTable | None = None, notice: str = "") -> Stage:
    table = table or memory_clients()[CALLS]
    records = CallRecords(Table(table), 30, lambda: NOON)
    begun = await records.begin(ALICE, "key", "wish")

    def connected(found: Call) -> Call:
        state = CallState.CONNECTED
        return replace(found, state=state, connection_id="x", server_call_id="s", targets=("8:a",))

    call = await records.change(begun.call_id, connected)
    assert call is not None
    return Stage(table, call, notice)


async def end(stage: Stage) -> Call:
    def ended(found: Call) -> Call:
        return replace(found, state=CallState.DISCONNECTED, ended_at=NOON)

    call = await stage.records.change(stage.call.call_id, ended)
    assert call is not None
    return call


async def test_a_recording_is_stopped_when_the_service_has_left_the_call() -> None:
    left = await stage()
    await left.recording.start(CALLER, left.call.call_id, "key")

    await left.recording.continue_call(AppliedEvents(await end(left), has_new_events=True))
    again = await left.records.find(left.call.call_id)
    assert again is not None
    await left.recording.continue_call(AppliedEvents(again, has_new_events=False))

    left.now += timedelta(hours=1)
    assert await left.tidy() == []
    assert left.acs.asked == ["start", "stop acs"]
    assert again.recordings.listed[0].state is RecordingState.STOPPED


async def test_a_recording_can_be_stopped_after_the_service_has_left_the_call() -> None:
    left = await stage()
    await left.recording.start(CALLER, left.call.call_id, "key")
    await end(left)

    stopped = await left.recording.stop(CALLER, left.call.call_id)

    assert stopped.state is RecordingState.STOPPED
    assert left.acs.asked == ["start", "stop acs"]


@pytest.mark.parametrize("action", ["stop", "pause"])
async def test_what_acs_fails_to_stop_is_stopped_by_the_next_run_of_tidy(action: str) -> None:
    failed = await stage()
    await failed.recording.start(CALLER, failed.call.call_id, "key")
    await failed.records.change(failed.call.call_id, recorded)
    failed.acs.is_down = True
    with pytest.raises(CommunicationUnavailable):
        await getattr(failed.recording, action)(CALLER, failed.call.call_id)
    failed.acs.is_down = False

    assert await failed.tidy() == []  # the request may go on
    failed.now += timedelta(minutes=1, seconds=1)
    assert await failed.tidy() == [RECORD]

    assert failed.acs.asked == ["start", f"{action} acs", f"{action} acs"]
    assert await failed.tidy() == []


def recorded(found: Call) -> Call:
    [one] = found.recordings.listed
    return replace(found, recordings=Recordings((one.reported(NOON, is_active=True),)))


async def test_a_recording_that_a_killed_host_left_is_stopped_by_tidy() -> None:
    left = await stage()
    await left.recording.start(CALLER, left.call.call_id, "key")
    [event] = read_events(json.dumps([HANG_UP]).encode())
    await left.calls.apply(left.call.call_id, [event])  # and here it dies

    left.now += timedelta(minutes=1, seconds=1)
    assert await left.tidy() == [RECORD]

    assert left.acs.asked == ["start", "stop acs"]


@pytest.mark.parametrize("by_others", [False, True])
@pytest.mark.parametrize("is_down", [False, True])
async def test_a_recording_of_a_call_whose_end_was_lost_is_stopped_by_tidy(
    by_others: bool, is_down: bool
) -> None:
    """Whoever finds the end, and if ACS fails at first."""
    left = await stage()
    await left.recording.start(CALLER, left.call.call_id, "key")
    await left.intents.begin(PLACE, left.call.call_id)
    left.now += timedelta(minutes=6)
    reconciling = CallReconciling(left.records, NoCalls(), lambda: left.now)
    if by_others:
        call = await left.records.find(left.call.call_id)
        assert call is not None
        await reconciling.reconcile(call)
    left.settling = CallSettling(
        left.records, left.intents, lambda: left.now,
        reconciling=reconciling, settle_recordings=left.recording.settle,
    )  # fmt: skip

    left.acs.is_down = is_down
    with suppress(CommunicationUnavailable):
        await left.tidy()
    left.acs.is_down = False
    await left.tidy()

    assert left.acs.asked == ["start", *["stop acs"] * (1 + is_down)]
    left.now += timedelta(hours=6)
    assert await left.tidy() == []


async def test_an_erasure_stops_a_recording_of_a_call_that_the_service_has_left() -> None:
    left = await stage()
    await left.recording.start(CALLER, left.call.call_id, "key")
    await end(left)

    await left.calls.erase(ALICE)

    assert left.acs.asked == ["start", "stop acs"]
    assert not await left.recording.add_file(FileEvent("e", NOON, "acs", (FILE,)))
    assert left.acs.asked[-1] == f"delete {FILE.deletion}"


async def test_a_recording_that_begins_during_an_erasure_loses_its_file_too() -> None:
    begins = await stage()
    begins.acs.may_answer.clear()
    starting = asyncio.create_task(begins.recording.start(CALLER, begins.call.call_id, "key"))
    while "start" not in begins.acs.asked:
        await asyncio.sleep(0)

    await begins.calls.erase(ALICE)
    await asyncio.wait([starting])

    assert begins.acs.asked[:3] == ["start", "hang up", "stop acs"]
    assert not await begins.recording.add_file(FileEvent("e", NOON, "acs", (FILE,)))
    assert begins.acs.asked[-1] == f"delete {FILE.deletion}"


class CutTable(MemoryTable):
    """Its requests fail once it has answered as many as it may."""

    left = 10_000

    @override
    async def get(self, partition_key: str, row_key: str) -> Row:
        self._count()
        return await super().get(partition_key, row_key)

    @override
    async def delete(self, partition_key: str, row_key: str, etag: str = "*") -> None:
        self._count()
        await super().delete(partition_key, row_key, etag)

    def _count(self) -> None:
        if self.left <= 0:
            raise ConnectionError
        self.left -= 1


async def test_an_erasure_that_is_cut_off_goes_on_where_it_was() -> None:
    table = CutTable(CALLS)
    cut = await stage(table)
    for n in range(300):
        await cut.records.begin(ALICE, f"key {n}", "wish")
    left = [await rows_of(cut)]
    for _ in range(3):
        table.left = 400  # enough to read each of the calls, and to remove some of them
        with pytest.raises(ConnectionError):
            await cut.calls.erase(ALICE)
        left.append(await rows_of(cut))
    table.left = 10_000
    await cut.calls.erase(ALICE)

    assert left == sorted(set(left), reverse=True)
    assert await rows_of(cut) == 0


async def rows_of(stage: Stage) -> int:
    return len(await stage.table.list_for(principal_key(ALICE)))


class LosingTable(MemoryTable):
    """Loses the answer to one update: it is sent again, as the retries do."""

    loses = False

    @override
    async def update(self, row: Row, values: Mapping[str, Value], *, merge: bool) -> str:
        etag = await super().update(row, values, merge=merge)
        if self.loses:
            self.loses = False
            return await super().update(row, values, merge=merge)
        return etag


async def test_a_stop_during_the_notice_whose_answer_was_lost_is_known_as_ones_own() -> None:
    table = LosingTable(CALLS)
    announced = await stage(table, "This call is recorded.")
    started = await announced.recording.start(CALLER, announced.call.call_id, "key")
    assert started.notice is Notice.ACCEPTED

    table.loses = True
    stopped = await announced.recording.stop(CALLER, announced.call.call_id)

    assert stopped.state is RecordingState.STOPPED
    assert announced.acs.asked == ["play"]
