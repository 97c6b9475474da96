"""Faults that rows about calls, meetings and intents may have, and the finding of the check for
each."""

from datetime import timedelta

from shared.calls.row_keys import index_row
from shared.calls.rows import Call
from shared.keys import key
from shared.stored_rows import Row
from shared.tables import CALLS, INTENTS, INVITATIONS, MEETINGS, SHARED_CALLS, Value
from tests.golden.product import START
from tests.operate.corruptions import CORRUPTIONS, corruption, one_of
from tests.operate.data_world import CheckedTables

__all__ = ["CORRUPTIONS"]


def is_meeting(row: Row) -> bool:
    return not row.row_key.startswith("x-")


@corruption("meeting-unreadable", repaired=False)
async def a_meeting_without_its_end(tables: CheckedTables) -> None:
    row = await one_of(tables, MEETINGS, is_meeting)
    values: dict[str, Value] = {
        name: value for name, value in row.values.items() if name != "endsAt"
    }
    await tables.tables[MEETINGS].replace(row, values)


@corruption("meeting-beyond-retention", repaired=True)
async def a_meeting_was_over_last_week(tables: CheckedTables) -> None:
    row = await one_of(tables, MEETINGS, is_meeting)
    await tables.tables[MEETINGS].merge(row, {"endsAt": tables.now - timedelta(days=7)})


@corruption("meeting-not-shared", repaired=True)
async def a_meeting_is_half_cancelled(tables: CheckedTables) -> None:
    row = await one_of(
        tables, MEETINGS, lambda row: is_meeting(row) and not row.values["cancelling"]
    )
    await tables.tables[MEETINGS].merge(row, {"cancelling": True})


@corruption("meeting-id-without-meeting", repaired=True)
async def an_id_leads_to_no_meeting(tables: CheckedTables) -> None:
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
async def a_call_in_a_state_that_there_is_not(tables: CheckedTables) -> None:
    row = (await a_call(tables)).row
    assert row is not None
    await tables.tables[CALLS].merge(row, {"targets": "no json"})


@corruption("call-row-without-record", repaired=True)
async def an_event_of_no_call(tables: CheckedTables) -> None:
    await tables.tables[CALLS].put("nocall", "event-1", {"kind": "CallConnected", "at": START})


@corruption("call-row-without-record", repaired=True)
async def a_key_of_no_call(tables: CheckedTables) -> None:
    values: dict[str, Value] = {"callId": "nocall", "wish": "", "createdAt": START}
    await tables.tables[CALLS].put(key("owner"), "request-1", values)


@corruption("call-row-without-record", repaired=True)
async def an_old_row_of_a_recording_of_no_call(tables: CheckedTables) -> None:
    values: dict[str, Value] = {"callId": "nocall", "createdAt": START - timedelta(days=33)}
    await tables.tables[CALLS].put(key("recording", "x"), "recording", values)


@corruption("call-row-without-record", repaired=True)
async def a_caller_s_row_of_no_call(tables: CheckedTables) -> None:
    values: dict[str, Value] = {
        "callId": "nocall",
        "bot": key("bot"),
        "createdAt": START,
        "live": True,
    }
    await tables.tables[CALLS].put(key("caller"), "rang-nocall", values)


@corruption("call-index-without-record", repaired=True)
async def an_index_row_of_no_call(tables: CheckedTables) -> None:
    values: dict[str, Value] = {"callId": "nocall", "request": "request-1", "live": True}
    await tables.tables[CALLS].put(key("owner"), index_row(START, "nocall"), values)


@corruption("call-without-index", repaired=True)
async def a_call_that_nobody_finds(tables: CheckedTables) -> None:
    call = await a_call(tables)
    await tables.tables[CALLS].remove(call.creator, index_row(call.created_at, call.call_id))


@corruption("call-without-index", repaired=False)
async def a_call_that_nobody_finds_and_that_goes_on(tables: CheckedTables) -> None:
    call = await a_call(tables, ended=False)
    await tables.tables[CALLS].remove(call.creator, index_row(call.created_at, call.call_id))


@corruption("call-ended-in-acs", repaired=True)
async def the_end_of_a_call_is_lost(tables: CheckedTables) -> None:
    call = await a_call(tables, ended=False)
    tables.acs.ended.add(str(call.connection_id))


@corruption("call-unwatched", repaired=True)
async def a_call_goes_on_and_tidy_does_not_know(tables: CheckedTables) -> None:
    call = await a_call(tables, ended=False)
    for row in await tables.rows(INTENTS):
        if row.values["subject"] == call.call_id:
            await tables.tables[INTENTS].remove_unchanged(row)


@corruption("call-beyond-retention", repaired=True)
async def a_call_is_too_old(tables: CheckedTables) -> None:
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
async def an_intent_of_no_time(tables: CheckedTables) -> None:
    await tables.tables[INTENTS].put("1", "1-x-y", {"kind": "x", "subject": "y", "attempts": 0})


@corruption("intent-failing", repaired=False)
async def an_intent_that_tidy_cannot_end(tables: CheckedTables) -> None:
    values: dict[str, Value] = {"kind": "x", "subject": "y", "attempts": 9, "begunAt": START}
    await tables.tables[INTENTS].put("1", "1-x-y", values)
