"""Each recording that ACS was asked for has its line in the audit log, and no other has."""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from typing import override

import pytest

from shared.problems import RecordingInProgress
from shared.tables import CALLS, Row, Value
from tests.calls.test_recordings_left import CALLER, LosingTable, stage
from tests.support.interleaving import Stopped
from tests.support.memory_tables import MemoryTable


@pytest.fixture(autouse=True)
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, logger="audit")
    return caplog


def lines(log: pytest.LogCaptureFixture) -> list[str]:
    said = [record.getMessage() for record in log.records if record.name == "audit"]
    return [line for line in said if line.startswith("recording-started ")]


class MeetingTable(MemoryTable):
    """Its first two updates happen at the same time."""

    async def _meet(self) -> None:
        if self.updates < 2:
            self.updates += 1
            await self.both.wait()

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.both, self.updates = asyncio.Barrier(2), 0

    @override
    async def update(self, row: Row, values: Mapping[str, Value], *, merge: bool) -> str:
        await self._meet()
        return await super().update(row, values, merge=merge)


async def test_of_two_who_record_at_once_the_one_whose_recording_begins_has_a_line(
    log: pytest.LogCaptureFixture,
) -> None:
    table = MeetingTable(CALLS)
    table.updates = 2
    raced = await stage(table)
    table.updates = 0

    first, second = await asyncio.gather(
        *(raced.recording.start(CALLER, raced.call.call_id, key) for key in ("a", "b")),
        return_exceptions=True,
    )

    [began] = [one for one in (first, second) if not isinstance(one, RecordingInProgress)]
    assert not isinstance(began, BaseException)
    [line] = lines(log)
    assert line.endswith(f"recording={began.id}")
    assert raced.acs.asked == ["start"]


class DyingTable(MemoryTable):
    """Its host dies behind one of its updates; 0 for none."""

    dies_after = 0

    @override
    async def update(self, row: Row, values: Mapping[str, Value], *, merge: bool) -> str:
        etag = await super().update(row, values, merge=merge)
        self.dies_after -= 1
        if self.dies_after == 0:
            raise Stopped
        return etag


@pytest.mark.parametrize("notice", ["", "This call is recorded."])
@pytest.mark.parametrize("update", range(1, 4))
async def test_a_recording_whose_start_was_killed_has_a_line_if_acs_was_asked(
    log: pytest.LogCaptureFixture, update: int, notice: str
) -> None:
    table = DyingTable(CALLS)
    killed = await stage(table, notice)
    table.dies_after = update
    for _ in range(2):
        with suppress(Stopped):
            await killed.recording.start(CALLER, killed.call.call_id, "key")
        assert bool(lines(log)) == bool(killed.acs.asked)

    assert killed.acs.asked
    assert len(lines(log)) == 1


async def test_a_start_whose_answer_storage_lost_has_one_line(
    log: pytest.LogCaptureFixture,
) -> None:
    table = LosingTable(CALLS)
    lost = await stage(table)
    table.loses = True

    await lost.recording.start(CALLER, lost.call.call_id, "key")
    await lost.recording.start(CALLER, lost.call.call_id, "key")

    assert len(lines(log)) == 1
