"""The check of data finds what is wrong, names it, and repairs what the service itself would.

Golden rows are the ground: what earlier versions stored, whole and cut off at every step.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import override

import pytest
from azure.core.exceptions import ServiceRequestError

from shared.calls.row_keys import index_row
from shared.calls.rows import Call
from shared.identity.rows import REVERSE_ROW, is_spare, owner_key, spare_row_key
from shared.intents import Intents
from shared.keys import key, principal_key
from shared.problems import StorageUnavailable
from shared.sharing.rows import packed
from shared.stored_rows import Row
from shared.table_api import Continuation, Parameter
from shared.tables import (
    ALL,
    CALLS,
    FRIENDS,
    IDENTITIES,
    INTENTS,
    INVITATIONS,
    MEETINGS,
    SHARED_CALLS,
    RowChanged,
    Value,
)
from tests.golden.product import START, user
from tests.operate.data_world import CheckedTables, golden_in_memory, in_memory
from tests.support.memory_tables import MemoryTable, memory_clients
from tests.support.stack import ROOT

pytestmark = pytest.mark.usefixtures("no_pauses")

# What the scenes that were cut off have left, for which nobody but Tidy came again. Their intents
# are not golden, so that nothing explains it.
GOLDEN = {
    "reverse-without-mapping": 1,
    "spare-left": 3,
    "erasure-unfinished": 3,
    "friendship-yes-not-copied": 1,
    "listing-without-record": 2,
    "listing-outdated": 3,
    "unshared-call-left": 4,
    "meeting-not-shared": 3,
    "call-unwatched": 22,
    "call-index-without-record": 2,
    "record-without-listing": 2,
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
    handed_over = ("erasure-unfinished", "meeting-not-shared", "call-unwatched")
    assert again.left_to_tidy == sum(GOLDEN[kind] for kind in handed_over)
    assert len(tables.acs.deleted) == 4


type Corrupt = Callable[[CheckedTables], Awaitable[None]]
CORRUPTIONS: dict[str, tuple[Corrupt, bool]] = {}


def corruption(kind: str, *, repaired: bool) -> Callable[[Corrupt], Corrupt]:
    """What is found after this, as the only thing, and whether a repair mends it."""

    def add(corrupt: Corrupt) -> Corrupt:
        CORRUPTIONS[f"{corrupt.__name__.strip('_')}: {kind}"] = corrupt, repaired
        return corrupt

    return add


async def one_of(
    tables: CheckedTables, table: str, is_wanted: Callable[[Row], object] = lambda _: True
) -> Row:
    return next(row for row in await tables.rows(table) if is_wanted(row))


async def mapping_of(tables: CheckedTables, who: str) -> Row:
    partition = principal_key(user(who))
    return next(row for row in await tables.tables[IDENTITIES].list_for(partition))


def reverse_key(mapping: Row) -> tuple[str, str]:
    return owner_key(str(mapping.values["communicationUserId"])), REVERSE_ROW


@corruption("identity-unreadable", repaired=False)
async def _a_mapping_without_its_generation(tables: CheckedTables) -> None:
    row = await mapping_of(tables, "owen")
    values: dict[str, Value] = {
        name: value for name, value in row.values.items() if name != "generation"
    }
    await tables.tables[IDENTITIES].replace(row, values)


@corruption("mapping-without-reverse", repaired=True)
async def _a_reverse_row_is_lost(tables: CheckedTables) -> None:
    await tables.tables[IDENTITIES].remove(*reverse_key(await mapping_of(tables, "owen")))


@corruption("identity-of-two", repaired=False)
async def _two_people_have_one_identity(tables: CheckedTables) -> None:
    owen, mara = await mapping_of(tables, "owen"), await mapping_of(tables, "mara")
    same = {"communicationUserId": owen.values["communicationUserId"]}
    await tables.tables[IDENTITIES].remove(*reverse_key(mara))
    await tables.tables[IDENTITIES].merge(mara, same)


@corruption("mapping-misplaced", repaired=False)
async def _a_mapping_says_that_it_is_of_another(tables: CheckedTables) -> None:
    await tables.tables[IDENTITIES].merge(await mapping_of(tables, "owen"), {"id": "nobody"})


@corruption("reverse-without-mapping", repaired=True)
async def _an_identity_without_a_mapping(tables: CheckedTables) -> None:
    values: dict[str, Value] = {
        "principal": key("x"),
        "communicationUserId": "8:acs:x",
        "createdAt": START,
    }
    await tables.tables[IDENTITIES].put(owner_key("8:acs:x"), REVERSE_ROW, values)


@corruption("reverse-without-mapping", repaired=True)
async def _an_identity_without_a_mapping_of_an_earlier_version(tables: CheckedTables) -> None:
    await tables.tables[IDENTITIES].put(owner_key("8:acs:x"), REVERSE_ROW, {"principal": key("x")})


@corruption("reverse-without-mapping", repaired=False)
async def _a_reverse_row_names_another_than_has_the_identity(tables: CheckedTables) -> None:
    mara = await mapping_of(tables, "mara")
    row = await tables.tables[IDENTITIES].find(*reverse_key(mara))
    assert row is not None
    await tables.tables[IDENTITIES].merge(row, {"principal": principal_key(user("owen"))})


@corruption("spare-left", repaired=True)
async def _a_spare_is_left(tables: CheckedTables) -> None:
    values: dict[str, Value] = {"communicationUserId": "8:acs:x", "createdAt": START}
    owen = principal_key(user("owen"))
    await tables.tables[IDENTITIES].put(owen, spare_row_key("8:acs:x"), values)
    reverse: dict[str, Value] = {"principal": owen, **values}
    await tables.tables[IDENTITIES].put(owner_key("8:acs:x"), REVERSE_ROW, reverse)


@corruption("spare-left", repaired=False)
async def _the_spare_of_an_identity_that_is_in_use(tables: CheckedTables) -> None:
    owen = await mapping_of(tables, "owen")
    user_id = str(owen.values["communicationUserId"])
    values: dict[str, Value] = {"communicationUserId": user_id, "createdAt": START}
    await tables.tables[IDENTITIES].put(owen.partition_key, spare_row_key(user_id), values)


@corruption("erasure-unfinished", repaired=True)
async def _an_erasure_was_begun(tables: CheckedTables) -> None:
    await tables.tables[IDENTITIES].merge(await mapping_of(tables, "rolf"), {"state": "erasing"})


def is_accepted(row: Row) -> bool:
    return row.values["state"] == "accepted"


@corruption("friendship-unreadable", repaired=False)
async def _a_decision_that_there_is_not(tables: CheckedTables) -> None:
    row = await one_of(tables, FRIENDS, lambda row: row.values["state"] == "hidden")
    await tables.tables[FRIENDS].merge(row, {"mine": "perhaps"})


@corruption("friendship-state-wrong", repaired=True)
async def _a_state_that_the_decisions_do_not_give(tables: CheckedTables) -> None:
    await tables.tables[FRIENDS].merge(
        await one_of(tables, FRIENDS, is_accepted), {"state": "hidden"}
    )


@corruption("friendship-yes-withdrawn", repaired=True)
async def _half_of_a_friendship_is_lost(tables: CheckedTables) -> None:
    row = await one_of(tables, FRIENDS, lambda row: row.values["state"] == "requested")
    await tables.tables[FRIENDS].remove_unchanged(row)


@corruption("friendship-yes-not-copied", repaired=False)
async def _a_request_does_not_reach_the_friend(tables: CheckedTables) -> None:
    row = await one_of(tables, FRIENDS, lambda row: row.values["state"] == "incoming")
    await tables.tables[FRIENDS].remove_unchanged(row)


@corruption("friendship-of-erased", repaired=True)
async def _the_block_of_who_was_erased(tables: CheckedTables) -> None:
    """Removed by an erasure, had it seen it."""
    gone, other = principal_key(user("gone for good")), principal_key(user("owen"))
    resource = (await mapping_of(tables, "owen")).row_key
    await tables.tables[IDENTITIES].put(gone, resource, {"erasedAt": START})
    decided: dict[str, Value] = {
        "mine": "block",
        "mineSeq": 1,
        "theirs": "none",
        "theirsSeq": 0,
        "state": "hidden",
    }
    await tables.tables[FRIENDS].put(gone, other, decided)


def lists(title: str, role: str) -> Callable[[Row], bool]:
    return lambda row: (row.values.get("title"), row.values["role"]) == (title, role)


def is_titled(title: str) -> Callable[[Row], bool]:
    return lambda row: row.values.get("title") == title


@corruption("listing-unreadable", repaired=False)
async def _a_role_that_there_is_not(tables: CheckedTables) -> None:
    row = await one_of(tables, INVITATIONS, lists("Choir ♫", "invitee"))
    await tables.tables[INVITATIONS].merge(row, {"role": "guest"})


@corruption("listing-without-record", repaired=True)
async def _a_record_is_lost_that_lists_only_its_owner(tables: CheckedTables) -> None:
    row = await one_of(tables, SHARED_CALLS, is_titled("Not listed"))
    await tables.tables[SHARED_CALLS].remove_unchanged(row)


@corruption("listing-without-record", repaired=True)
async def _somebody_is_listed_whom_the_record_does_not_name(tables: CheckedTables) -> None:
    row = await one_of(tables, INVITATIONS, lists("Choir ♫", "invitee"))
    await tables.tables[INVITATIONS].put(key("somebody"), row.row_key, row.values)


@corruption("listing-outdated", repaired=True)
async def _a_listing_has_another_title(tables: CheckedTables) -> None:
    row = await one_of(tables, INVITATIONS, lists("Choir ♫", "invitee"))
    await tables.tables[INVITATIONS].merge(row, {"title": "Choir"})


@corruption("shared-call-unreadable", repaired=False)
async def _a_locator_that_is_no_json(tables: CheckedTables) -> None:
    """Of a call that no row lists, so that only the record is found."""
    record = await one_of(tables, SHARED_CALLS, is_titled("Choir ♫"))
    for listing in await tables.rows(INVITATIONS):
        if listing.row_key == record.partition_key:
            await tables.tables[INVITATIONS].remove_unchanged(listing)
    await tables.tables[SHARED_CALLS].merge(record, {"locator": "{"})


@corruption("record-without-listing", repaired=True)
async def _a_listing_is_lost(tables: CheckedTables) -> None:
    row = await one_of(tables, INVITATIONS, lists("Choir ♫", "invitee"))
    await tables.tables[INVITATIONS].remove_unchanged(row)


@corruption("unshared-call-left", repaired=True)
async def _a_record_of_what_is_shared_no_more(tables: CheckedTables) -> None:
    row = await one_of(tables, SHARED_CALLS, is_titled("Choir ♫"))
    kept = ("sharing", "owner", "realm", "provenAt", "consent", "invitees", "leaving", "space")
    values: dict[str, Value] = {name: row.values[name] for name in (*kept, "formerSpace")}
    await tables.tables[SHARED_CALLS].replace(row, values)


@corruption("invitee-without-consent", repaired=True)
async def _somebody_is_invited_who_is_no_friend(tables: CheckedTables) -> None:
    row = await one_of(tables, SHARED_CALLS, is_titled("Choir ♫"))
    stranger = key("a stranger")
    await tables.tables[SHARED_CALLS].merge(
        row, {"invitees": packed(frozenset({str(row.values["invitees"])[:64], stranger}))}
    )


@corruption("shared-by-erased", repaired=True)
async def _who_shared_it_was_erased_since(tables: CheckedTables) -> None:
    row = await one_of(tables, SHARED_CALLS, is_titled("Not listed"))
    owner = str(row.values["owner"])
    mapping = (await tables.tables[IDENTITIES].list_for(owner))[0]
    await tables.tables[IDENTITIES].merge(mapping, {"erasedAt": tables.now})


def is_meeting(row: Row) -> bool:
    return not row.row_key.startswith("x-")


@corruption("meeting-unreadable", repaired=False)
async def _a_meeting_without_its_end(tables: CheckedTables) -> None:
    row = await one_of(tables, MEETINGS, is_meeting)
    values: dict[str, Value] = {
        name: value for name, value in row.values.items() if name != "endsAt"
    }
    await tables.tables[MEETINGS].replace(row, values)


@corruption("meeting-beyond-retention", repaired=True)
async def _a_meeting_was_over_last_week(tables: CheckedTables) -> None:
    row = await one_of(tables, MEETINGS, is_meeting)
    await tables.tables[MEETINGS].merge(row, {"endsAt": tables.now - timedelta(days=7)})


@corruption("meeting-not-shared", repaired=True)
async def _a_meeting_is_half_cancelled(tables: CheckedTables) -> None:
    row = await one_of(
        tables, MEETINGS, lambda row: is_meeting(row) and not row.values["cancelling"]
    )
    await tables.tables[MEETINGS].merge(row, {"cancelling": True})


@corruption("meeting-id-without-meeting", repaired=True)
async def _an_id_leads_to_no_meeting(tables: CheckedTables) -> None:
    await tables.tables[MEETINGS].put(key("owner"), "x-1", {"callId": key("no meeting")})


async def a_call(tables: CheckedTables, *, ended: bool = True) -> Call:
    row = await one_of(
        tables,
        CALLS,
        lambda row: (
            row.row_key == "call"
            and (row.values["state"] == "disconnected") == ended
            and ("connectionId" in row.values or ended)
            and "attendance" not in row.values
        ),
    )
    return Call.of(row)


@corruption("call-unreadable", repaired=False)
async def _a_call_in_a_state_that_there_is_not(tables: CheckedTables) -> None:
    row = (await a_call(tables)).row
    assert row is not None
    await tables.tables[CALLS].merge(row, {"targets": "no json"})


@corruption("call-row-without-record", repaired=True)
async def _an_event_of_no_call(tables: CheckedTables) -> None:
    await tables.tables[CALLS].put("nocall", "event-1", {"kind": "CallConnected", "at": START})


@corruption("call-row-without-record", repaired=True)
async def _a_key_of_no_call(tables: CheckedTables) -> None:
    values: dict[str, Value] = {"callId": "nocall", "wish": "", "createdAt": START}
    await tables.tables[CALLS].put(key("owner"), "request-1", values)


@corruption("call-row-without-record", repaired=True)
async def _an_old_row_of_a_recording_of_no_call(tables: CheckedTables) -> None:
    values: dict[str, Value] = {"callId": "nocall", "createdAt": START - timedelta(days=33)}
    await tables.tables[CALLS].put(key("recording", "x"), "recording", values)


@corruption("call-row-without-record", repaired=True)
async def _a_caller_s_row_of_no_call(tables: CheckedTables) -> None:
    values: dict[str, Value] = {
        "callId": "nocall",
        "bot": key("bot"),
        "createdAt": START,
        "live": True,
    }
    await tables.tables[CALLS].put(key("caller"), "rang-nocall", values)


@corruption("call-index-without-record", repaired=True)
async def _an_index_row_of_no_call(tables: CheckedTables) -> None:
    values: dict[str, Value] = {"callId": "nocall", "request": "request-1", "live": True}
    await tables.tables[CALLS].put(key("owner"), index_row(START, "nocall"), values)


@corruption("call-without-index", repaired=True)
async def _a_call_that_nobody_finds(tables: CheckedTables) -> None:
    call = await a_call(tables)
    await tables.tables[CALLS].remove(call.creator, index_row(call.created_at, call.call_id))


@corruption("call-without-index", repaired=False)
async def _a_call_that_nobody_finds_and_that_goes_on(tables: CheckedTables) -> None:
    call = await a_call(tables, ended=False)
    await tables.tables[CALLS].remove(call.creator, index_row(call.created_at, call.call_id))


@corruption("call-ended-in-acs", repaired=True)
async def _the_end_of_a_call_is_lost(tables: CheckedTables) -> None:
    call = await a_call(tables, ended=False)
    tables.acs.ended.add(str(call.connection_id))


@corruption("call-unwatched", repaired=True)
async def _a_call_goes_on_and_tidy_does_not_know(tables: CheckedTables) -> None:
    call = await a_call(tables, ended=False)
    for row in await tables.rows(INTENTS):
        if row.values["subject"] == call.call_id:
            await tables.tables[INTENTS].remove_unchanged(row)


@corruption("call-beyond-retention", repaired=True)
async def _a_call_is_too_old(tables: CheckedTables) -> None:
    tables.now += timedelta(days=33)
    records = [row for row in await tables.rows(CALLS) if row.row_key == "call"]
    young = (await a_call(tables)).call_id
    for row in records:  # all the others are of today
        if row.partition_key != young:
            await tables.tables[CALLS].remove_unchanged(row)
    for row in await tables.rows(CALLS):
        if row.partition_key != young and row.values.get("callId") != young:
            await tables.tables[CALLS].remove_unchanged(row)
    for name in (MEETINGS, SHARED_CALLS, INVITATIONS):
        for row in await tables.rows(name):
            await tables.tables[name].remove_unchanged(row)


@corruption("intent-unreadable", repaired=False)
async def _an_intent_of_no_time(tables: CheckedTables) -> None:
    await tables.tables[INTENTS].put("1", "1-x-y", {"kind": "x", "subject": "y", "attempts": 0})


@corruption("intent-failing", repaired=False)
async def _an_intent_that_tidy_cannot_end(tables: CheckedTables) -> None:
    values: dict[str, Value] = {"kind": "x", "subject": "y", "attempts": 9, "begunAt": START}
    await tables.tables[INTENTS].put("1", "1-x-y", values)


async def put_in_order() -> CheckedTables:
    """The golden rows after a repair, and without what is wrong and not repaired."""
    tables = await golden_in_memory()
    await tables.check(repair=True)
    for row in await tables.rows(FRIENDS):
        is_alone = await tables.tables[FRIENDS].find(row.row_key, row.partition_key) is None
        if row.values["mine"] == "yes" and is_alone:
            await tables.tables[FRIENDS].remove_unchanged(row)
    return tables


@pytest.fixture(scope="module")
def in_order() -> dict[str, list[Row]]:
    async def all_rows() -> dict[str, list[Row]]:
        tables = await put_in_order()
        return {name: await tables.rows(name) for name in ALL}

    return asyncio.run(all_rows())


async def test_what_is_in_order_is_no_finding(in_order: dict[str, list[Row]]) -> None:
    report = await (await in_memory(in_order)).check()

    assert report.kinds == {}
    assert report.is_clean


@pytest.mark.parametrize("what", CORRUPTIONS)
async def test_each_corruption_is_found_and_named_and_repaired_or_said_not_to_be_safe(
    in_order: dict[str, list[Row]], what: str
) -> None:
    corrupt, repaired = CORRUPTIONS[what]
    kind = what.split(": ")[1]
    tables = await in_memory(in_order)
    await corrupt(tables)

    report = await tables.check(repair=True)
    after = await tables.check()

    found = report.kinds[kind]
    assert found.found > 0
    assert [len(one) for one in found.examples] == [12] * found.found
    assert found.repaired == (found.found if repaired else 0)
    assert (kind in after.kinds) != repaired
    assert after.is_clean == (after.kinds == {})


def test_each_rule_has_a_corruption_and_each_table_a_rule() -> None:
    rules = CheckedTables(memory_clients()).rules()

    assert {rule.kind for rule in rules} == {what.split(": ")[1] for what in CORRUPTIONS}
    assert {rule.table for rule in rules} == set(ALL)


def test_operators_can_read_about_each_kind() -> None:
    readme = (ROOT / "README.md").read_text()

    kinds = {rule.kind for rule in CheckedTables(memory_clients()).rules()}

    assert {kind for kind in kinds if f"`{kind}`" not in readme} == {
        kind for kind in kinds if kind.endswith("-unreadable")
    }


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
            raise ServiceRequestError("a secret of the connection")

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
    ) -> tuple[list[Row], Continuation | None]:
        self._fail()
        # Small pages, so that it fails between two of them.
        return await super().query(row_filter, parameters, min(most, 7), continuation)


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
    await _a_listing_has_another_title(tables)
    await _a_spare_is_left(tables)

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
    await _a_listing_is_lost(tables)
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
    await _a_spare_is_left(tables)
    spare = await one_of(tables, IDENTITIES, is_spare)
    rule = next(rule for rule in tables.rules() if rule.kind == "spare-left")
    used = await tables.tables[IDENTITIES].merge(spare, {"createdAt": tables.now})

    assert rule.repair is not None
    with pytest.raises(RowChanged):
        await rule.repair(spare)

    assert await tables.tables[IDENTITIES].find(spare.partition_key, spare.row_key) == used
    assert tables.acs.deleted == []
