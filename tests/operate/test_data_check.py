"""The check of data finds faults, names them, and repairs those that the service would repair.

It runs on golden rows: those that earlier versions stored, whole and cut off at every step.
"""

import asyncio
import re
from collections.abc import Collection, Mapping, Sequence
from typing import override

import pytest

from shared.checking import ReadOnce
from shared.identity.rows import is_spare
from shared.intents import Intents
from shared.stored_rows import Row
from shared.table_api import Continuation, Parameter
from shared.tables import (
    ALL,
    CALLS,
    FRIENDS,
    IDENTITIES,
    INTENTS,
    INVITATIONS,
    SHARED_CALLS,
    RowChanged,
)
from shared.unavailable import StorageUnavailable
from shared.upstream.failures import NotSent
from tests.golden.rows import golden_rows
from tests.operate.call_corruptions import CORRUPTIONS
from tests.operate.corruptions import (
    a_listing_has_another_title,
    a_listing_is_lost,
    a_spare_is_left,
    is_titled,
    one_of,
)
from tests.operate.data_world import CheckedTables, golden_in_memory, in_memory, stored
from tests.support import sampling
from tests.support.memory_tables import MemoryTable, memory_clients
from tests.support.pages import page

pytestmark = pytest.mark.usefixtures("no_pauses")

# The rows that cut-off scenes have left, and that only Tidy would end. Their intents are not golden
# rows, so no intent explains them.
GOLDEN = {
    "reverse-without-mapping": 1,
    "spare-left": 3,
    # Those that earlier versions registered.
    "bot-without-place": len(
        {
            row.partition_key
            for row in golden_rows(IDENTITIES)
            if row.properties.get("kind", ("", ""))[1] == "bot"
            and "communicationUserId" in row.properties
        }
        - {row.row_key.removeprefix("bot-") for row in golden_rows(IDENTITIES)}
    ),
    # Two whose requests were killed.
    "bot-place-without-bot": 2,
    "erasure-unfinished": 3,
    "friendship-yes-not-copied": 1,
    "listing-without-record": 3,
    "listing-outdated": 3,
    "unshared-call-left": 4,
    "meeting-not-shared": 4,
    # Each call that has not ended: nothing that began in a scene has an intent.
    "call-unwatched": sum(
        row.row_key == "call" and row.properties["state"][1] != "disconnected"
        for row in golden_rows(CALLS)
    ),
    "call-index-without-record": 2,
    "record-without-listing": 2,
    "agent-unfinished": 2,
}
# Each corruption is looked for twice in all their rows: those of all scenes are twice as many.
SCENES = {
    *("agents", "bot_places", "bots", "calls", "friends"),
    *("live_calls", "meetings", "recordings", "sharing"),
}


async def test_of_the_golden_rows_it_finds_what_was_cut_off_and_nothing_else() -> None:
    tables = await golden_in_memory()

    report = await tables.check()

    assert {name: kind.found for name, kind in report.kinds.items()} == GOLDEN
    assert not report.is_clean
    assert report.looked_at.total() == sum([len(await tables.rows(name)) for name in ALL])


async def test_it_changes_nothing_unless_it_is_told_to() -> None:
    tables = await golden_in_memory()
    before = [await tables.rows(name) for name in ALL]

    await tables.check()

    assert [await tables.rows(name) for name in ALL] == before
    assert tables.acs.deleted == []


async def test_what_it_repairs_is_in_order_afterwards_or_left_to_tidy() -> None:
    tables = await golden_in_memory()

    await tables.check(repair=True)
    again = await tables.check()

    assert {name: kind.found for name, kind in again.kinds.items()} == {
        "friendship-yes-not-copied": 1
    }
    handed_over = (
        "erasure-unfinished",
        "meeting-not-shared",
        "call-unwatched",
        "call-index-without-record",  # requests may repeat theirs
        "agent-unfinished",
    )
    assert again.left_to_tidy == sum(GOLDEN[kind] for kind in handed_over)
    assert len(tables.acs.deleted) == 4


async def put_in_order(scenes: Collection[str] | None) -> CheckedTables:
    """The golden rows after a repair, and without what is wrong and not repaired."""
    tables = await golden_in_memory(scenes=scenes)
    await tables.check(repair=True)
    for row in await tables.rows(FRIENDS):
        is_alone = await tables.tables[FRIENDS].find(row.row_key, row.partition_key) is None
        if row.values["mine"] == "yes" and is_alone:
            await tables.tables[FRIENDS].remove_unchanged(row)
    return tables


@pytest.fixture(scope="module")
def in_order() -> dict[str, list[Row]]:
    return rows_in_order(None)


@pytest.fixture(scope="module")
def some_in_order() -> dict[str, list[Row]]:
    """Those of some scenes, which have a row for each corruption; with `--slow` of all."""
    return rows_in_order(None if sampling.slow or sampling.soak else SCENES)


def rows_in_order(scenes: Collection[str] | None) -> dict[str, list[Row]]:
    async def all_rows() -> dict[str, list[Row]]:
        tables = await put_in_order(scenes)
        return {name: await tables.rows(name) for name in ALL}

    return asyncio.run(all_rows())


async def test_what_is_in_order_is_no_finding(in_order: dict[str, list[Row]]) -> None:
    report = await (await in_memory(in_order)).check()

    assert report.kinds == {}
    assert report.is_clean


@pytest.mark.parametrize("what", CORRUPTIONS)
async def test_each_corruption_is_found_and_named_and_repaired_or_said_not_to_be_safe(
    some_in_order: dict[str, list[Row]], what: str
) -> None:
    corrupt, repaired = CORRUPTIONS[what]
    kind = what.split(": ")[1]
    tables = await in_memory(some_in_order)
    await corrupt(tables)

    report = await tables.check(repair=True)
    after = await tables.check()

    found = report.kinds[kind]
    assert found.found > 0
    assert [len(one) for one in found.examples] == [12] * min(found.found, 5)
    assert found.repaired == (found.found if repaired else 0)
    assert (kind in after.kinds) != repaired
    assert after.is_clean == (after.kinds == {})


def test_rules_that_look_at_one_row_read_it_once() -> None:
    reads, rows = list[Row](), [stored(one) for one in golden_rows(CALLS)]

    def read(row: Row) -> str:
        reads.append(row)
        return row.row_key

    once = ReadOnce(read)

    assert [once(row) for row in rows for _ in range(4)] == [
        r.row_key for r in rows for _ in "1234"
    ]
    assert [*map(id, reads)] == [*map(id, rows)]


def test_each_rule_has_a_corruption_and_each_table_a_rule() -> None:
    rules = CheckedTables(memory_clients()).rules()

    assert {rule.kind for rule in rules} == {what.split(": ")[1] for what in CORRUPTIONS}
    assert {rule.table for rule in rules} == set(ALL)


def test_operators_can_read_about_each_kind() -> None:
    table = page("operate.md").partition("| found |")[2].partition("\n\n")[0]
    told = re.findall(r"^\| `([a-z-]+)` \| [^|]+ \| (yes|no)\b[^|]* \|$", table, re.MULTILINE)

    rules = CheckedTables(memory_clients()).rules()

    assert sorted(told) == sorted(
        (rule.kind, "yes" if rule.repair else "no")
        for rule in rules
        if not rule.kind.endswith("-unreadable")
    )


async def test_a_row_that_is_read_besides_and_is_none_of_ours_stops_nothing(
    in_order: dict[str, list[Row]],
) -> None:
    tables = await in_memory(in_order)
    row = await one_of(tables, SHARED_CALLS, is_titled("Choir ♫"))
    await tables.tables[SHARED_CALLS].merge(row, {"consent": "?"})

    found = (await tables.check()).kinds

    assert found["shared-call-unreadable"].found == 1
    assert {"listing-without-record-unchecked", "listing-outdated-unchecked"} <= found.keys()


async def test_few_suspects_at_a_time_are_enough(in_order: dict[str, list[Row]]) -> None:
    tables = await golden_in_memory()

    report = await tables.check(most_suspects=1)

    assert {name: kind.found for name, kind in report.kinds.items()} == GOLDEN


class Failing(MemoryTable):
    """Storage that fails at some of its requests."""

    def __init__(self, name: str, every: int) -> None:
        super().__init__(name)
        self._every = every
        self._asked = 0

    def _fail(self) -> None:
        self._asked += 1
        if self._every and self._asked % self._every == 0:
            raise NotSent("a secret of the connection")

    @override
    async def get(self, partition_key: str, row_key: str) -> Row:
        self._fail()
        return await super().get(partition_key, row_key)

    @override
    async def query(
        self,
        row_filter: str,
        parameters: Mapping[str, Parameter],
        most: int,
        continuation: Continuation | None = None,
        only: Sequence[str] = (),
    ) -> tuple[list[Row], Continuation | None]:
        self._fail()
        # Small pages, so that it fails between two of them.
        return await super().query(row_filter, parameters, min(most, 7), continuation, only)


@pytest.mark.parametrize("every", [2, 3])
async def test_storage_that_fails_at_times_hides_nothing(every: int) -> None:
    tables = await golden_in_memory(lambda name: Failing(name, every))

    report = await tables.check()

    assert {name: kind.found for name, kind in report.kinds.items()} == GOLDEN
    assert report.looked_at.total() == sum([len(await tables.rows(name)) for name in ALL])


async def test_storage_that_fails_for_good_is_no_clean_report() -> None:
    tables = CheckedTables({name: Failing(name, 1) for name in ALL})

    with pytest.raises(StorageUnavailable):
        await tables.check()


async def test_what_is_written_between_the_looks_is_not_judged(
    in_order: dict[str, list[Row]],
) -> None:
    tables = await in_memory(in_order)
    await a_listing_has_another_title(tables)
    await a_spare_is_left(tables)

    async def write_on() -> None:
        listing = await one_of(tables, INVITATIONS, is_titled("Choir"))
        await tables.tables[INVITATIONS].merge(listing, {"hostName": "Owen"})
        spare = await one_of(tables, IDENTITIES, is_spare)
        await tables.tables[IDENTITIES].remove_unchanged(spare)

    report = await tables.check(meanwhile=write_on)

    assert report.kinds == {}
    assert report.in_motion == 2


async def test_what_an_intent_explains_is_left_to_tidy(in_order: dict[str, list[Row]]) -> None:
    tables = await in_memory(in_order)
    await a_listing_is_lost(tables)
    record = await one_of(tables, SHARED_CALLS, is_titled("Choir ♫"))
    intents = Intents(tables.tables[INTENTS], lambda: tables.now)

    async def begin() -> None:
        await intents.begin("share", record.partition_key, {"owner": record.values["owner"]})

    before = (await tables.check()).left_to_tidy
    report = await tables.check(meanwhile=begin)

    assert report.kinds == {}
    assert report.left_to_tidy == before + 1


async def test_a_repair_changes_nothing_that_somebody_else_has_changed(
    in_order: dict[str, list[Row]],
) -> None:
    """Here, an enrolment uses a spare just when it would be deleted."""
    tables = await in_memory(in_order)
    await a_spare_is_left(tables)
    spare = await one_of(tables, IDENTITIES, is_spare)
    rule = next(rule for rule in tables.rules() if rule.kind == "spare-left")
    used = await tables.tables[IDENTITIES].merge(spare, {"createdAt": tables.now})

    assert rule.repair is not None
    with pytest.raises(RowChanged):
        await rule.repair(spare)

    assert await tables.tables[IDENTITIES].find(spare.partition_key, spare.row_key) == used
    assert tables.acs.deleted == []
