"""A row counts as repaired only if it is right afterwards, or if Tidy will end it."""

import pytest

from shared.checking import Repair, Rule
from shared.intents import Intents
from shared.operate.check_data import lines_of
from shared.operate.data_check import DataCheck, KindReport
from shared.stored_rows import Row
from shared.tables import FRIENDS, INTENTS
from tests.operate.data_world import CheckedTables
from tests.support.memory_tables import memory_clients

pytestmark = pytest.mark.usefixtures("no_pauses")


class Repairing:
    """A table of two rows, and a rule that is broken in those whose `n` is 0."""

    def __init__(self) -> None:
        self.tables = CheckedTables(memory_clients())
        self.table = self.tables.tables[FRIENDS]
        self.intents = Intents(self.tables.tables[INTENTS], lambda: self.tables.now)

    async def repaired_by(self, repair: Repair) -> tuple[KindReport, list[str]]:
        for row_key in ("a", "b"):
            await self.table.put("owner", row_key, {"n": 0})
        rule = Rule("none-left", FRIENDS, "it is done", self._is_broken, repair)
        check = DataCheck(
            self.tables.tables.__getitem__, [rule], repair=True, sleep=self._do_not_wait
        )
        report = await check.run()
        kind = report.kinds["none-left"]
        assert report.is_clean == (kind.repaired == kind.found)
        return kind, lines_of(report, plans=True, repairs=True)

    async def _is_broken(self, row: Row) -> bool:
        return row.values["n"] == 0

    async def _do_not_wait(self, _seconds: float) -> None:
        pass


async def test_a_repair_that_changes_nothing_repairs_nothing() -> None:
    async def change_nothing(_row: Row) -> None:
        pass

    kind, lines = await Repairing().repaired_by(change_nothing)

    assert (kind.found, kind.repaired, kind.unmended) == (2, 0, 2)
    assert "      repaired 0, 2 as before: it is done" in lines


async def test_one_that_mends_the_other_row_too_repairs_both() -> None:
    world = Repairing()

    async def mend_all(_row: Row) -> None:
        for row_key in ("a", "b"):
            await world.table.put("owner", row_key, {"n": 1})

    kind, _ = await world.repaired_by(mend_all)

    assert (kind.found, kind.repaired) == (2, 2)


async def test_a_row_that_somebody_wrote_meanwhile_and_that_is_wrong_still_is_not_repaired() -> (
    None
):
    world = Repairing()

    async def mend_a(row: Row) -> None:
        """While somebody writes b, as wrong as it was."""
        if row.row_key == "a":
            await world.table.put("owner", "b", {"n": 0})
        await world.table.replace(row, {"n": 1})

    kind, _ = await world.repaired_by(mend_a)

    assert (kind.found, kind.repaired, kind.changed) == (2, 1, 1)


@pytest.mark.parametrize(("subject", "repaired"), [("a", 1), ("owner", 2), ("another", 0)])
async def test_what_is_handed_to_tidy_counts_as_repaired(subject: str, repaired: int) -> None:
    world = Repairing()

    async def hand_over(_row: Row) -> None:
        await world.intents.begin("kind", subject)

    kind, _ = await world.repaired_by(hand_over)

    assert (kind.repaired, kind.unmended) == (repaired, 2 - repaired)


async def test_a_row_that_was_removed_meanwhile_is_as_it_must_be() -> None:
    world = Repairing()

    async def remove_both(_row: Row) -> None:
        for row_key in ("a", "b"):
            await world.table.remove("owner", row_key)

    kind, _ = await world.repaired_by(remove_both)

    assert kind.repaired == 2
