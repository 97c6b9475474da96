"""Rules for the rows of calls: an index row has its record, and ACS agrees with the record."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

from shared.calls.live_calls import LIVE_ROW, LiveCalls
from shared.calls.reconciling import FIRST_LOOK, Acs
from shared.calls.recorded_files import FILE_ROW
from shared.calls.records import CallRecords
from shared.calls.removal import BOT_CALLER_INDEX, CREATOR_INDEX, moment
from shared.calls.row_keys import index_row
from shared.calls.rows import RECORD_ROW, Call, CallState, LoggedEvent
from shared.calls.settling import PLACE
from shared.checking import NotSafe, ReadOnce, Rule, no_subjects, readable
from shared.identity.identities import Identities
from shared.intents import Intents
from shared.problems import CallRefused
from shared.tables import CALLS, Row, RowChanged, Table

# Tidy sweeps once a day, and a sweep of large tables takes several runs.
_SWEPT_WITHIN = timedelta(days=2)
_INDEX, _RANG, _REQUEST, _EVENT = f"{CREATOR_INDEX}-", f"{BOT_CALLER_INDEX}-", "request-", "event-"


class Reconciling(Protocol):
    """The method of `CallReconciling` that is used here."""

    def reconcile(self, call: Call) -> Awaitable[Call]: ...


class CallChecks:
    """The rules of records, events, indexes and keys of calls."""

    def __init__(
        self,
        table: Table,
        records: CallRecords,
        acs: Acs,
        reconciling: Reconciling,
        intents: Intents,
        identities: Identities,
        retention_days: int,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._table = table
        self._records = records
        self._acs = acs
        self._reconciling = reconciling
        self._intents = intents
        self._identities = identities
        self._retention = timedelta(days=retention_days)
        self._now = now
        self._call = ReadOnce(Call.of)

    @property
    def rules(self) -> Sequence[Rule]:
        return (
            readable("call-unreadable", CALLS, self._read),
            Rule(
                "call-without-index",
                CALLS,
                "the call, which nobody can find, is removed; not while it goes on",
                self._lacks_index,
                self._remove_unlisted,
                no_subjects,  # the index is written before the record, and removed after it
            ),
            Rule(
                "call-ended-in-acs",
                CALLS,
                "its end, which was lost, is recorded",
                self._has_ended,
                self._record_end,
                no_subjects,  # each call that goes on has an intent
            ),
            Rule(
                "call-unwatched",
                CALLS,
                "the call is handed to Tidy, which sees how it ends",
                self._is_open,
                self._watch,
            ),
            Rule(
                "call-index-without-record",
                CALLS,
                "what is left of a call that was removed is removed; one that was not placed is"
                " handed to Tidy, which removes it unless its request is repeated",
                self._lacks_record,
                self._settle_unrecorded,
            ),
            Rule(
                "call-beyond-retention",
                CALLS,
                "the call is removed with all its rows, as CALL_RETENTION_DAYS says",
                self._is_too_old,
                self._remove_index,
            ),
            Rule(
                "call-row-without-record",
                CALLS,
                "the event, key, index row of a caller, or row of a recording, is removed",
                self._leads_nowhere,
                self._remove_row,
            ),
        )

    def _read(self, row: Row) -> None:
        if row.row_key == RECORD_ROW:
            self._call(row)
        elif row.row_key == LIVE_ROW:
            LiveCalls.of(row)
        elif row.row_key == FILE_ROW:
            moment(row, "createdAt")
        elif row.row_key.startswith(_EVENT):
            LoggedEvent.of(row)
        elif row.row_key.startswith((_INDEX, _RANG)):
            _call_id(row)
        elif row.row_key.startswith(_REQUEST):
            _call_id(row)
            moment(row, "createdAt")
        else:
            raise LookupError(row.row_key)

    async def _lacks_index(self, row: Row) -> bool:
        if row.row_key != RECORD_ROW:
            return False
        return await self._index_of(self._call(row)) is None

    async def _remove_unlisted(self, row: Row) -> None:
        call = self._call(row)
        if call.state is not CallState.DISCONNECTED and call.may_have_reached_acs:
            raise NotSafe  # its end has to be recorded first
        await self._records.remove_unlisted(call)

    async def _has_ended(self, row: Row) -> bool:
        if row.row_key != RECORD_ROW:
            return False
        call = self._call(row)
        is_young = self._now() - call.created_at < FIRST_LOOK
        if not call.is_ongoing or call.connection_id is None or is_young:
            return False
        try:
            return await self._acs.find(call.connection_id) is None
        except CallRefused:  # ACS does not say
            return False

    async def _record_end(self, row: Row) -> None:
        await self._reconciling.reconcile(self._call(row))

    async def _is_open(self, row: Row) -> bool:
        """Whether no end of it is recorded: with an intent it is no finding."""
        return row.row_key == RECORD_ROW and self._call(row).state is not CallState.DISCONNECTED

    async def _watch(self, row: Row) -> None:
        await self._intents.begin(PLACE, row.partition_key, due_at=self._now() + FIRST_LOOK)

    async def _lacks_record(self, row: Row) -> bool:
        return row.row_key.startswith(_INDEX) and await self._records.find(_call_id(row)) is None

    async def _settle_unrecorded(self, row: Row) -> None:
        """Insert the record that a repetition of the request would insert: one may be doing so now,
        so nothing is removed. If ACS is not asked for the call, Tidy removes the record."""
        request = await self._records.find_request(row.partition_key, row)
        mapping = await self._identities.row_under(row.partition_key)
        realm = None if mapping is None else mapping.values.get("realm")
        if request is None or not isinstance(realm, str):  # no repetition finds it
            await self._records.remove_listed(row)
            return
        await self._intents.begin(PLACE, _call_id(row))
        await self._records.recorded_for(request, realm)

    async def _is_too_old(self, row: Row) -> bool:
        oldest = index_row(self._now() - self._retention - _SWEPT_WITHIN, "")
        if not row.row_key.startswith(_INDEX) or row.row_key < oldest:
            return False
        call = await self._records.find(_call_id(row))
        return call is not None and not call.is_ongoing

    async def _remove_index(self, row: Row) -> None:
        await self._records.remove_listed(row)

    async def _leads_nowhere(self, row: Row) -> bool:
        """Whether an event, a key or a caller's index row belongs to a call that is gone.

        A key without a record, but with an index, is one of the index's.
        """
        if row.row_key.startswith(_EVENT):
            return await self._records.find(row.partition_key) is None
        if row.row_key.startswith(_RANG):
            return await self._records.find(_call_id(row)) is None
        if row.row_key == FILE_ROW:
            if "callId" in row.values:
                return await self._records.find(_call_id(row)) is None
            # It waits for a file, which is deleted when ACS reports it.
            return moment(row, "createdAt") < self._now() - self._retention - _SWEPT_WITHIN
        if not row.row_key.startswith(_REQUEST):
            return False
        index = index_row(moment(row, "createdAt"), _call_id(row))
        return (
            await self._table.find(row.partition_key, index) is None
            and await self._records.find(_call_id(row)) is None
        )

    async def _remove_row(self, row: Row) -> None:
        await self._table.remove_unchanged(row)
        if row.row_key.startswith(_RANG) and await self._records.find(_call_id(row)) is not None:
            # A repetition has recorded the call meanwhile, and has found this row.
            await self._table.insert_if_absent(row.partition_key, row.row_key, row.values)
            raise RowChanged

    async def _index_of(self, call: Call) -> Row | None:
        return await self._table.find(call.creator, index_row(call.created_at, call.call_id))


def _call_id(row: Row) -> str:
    return str(row.values["callId"])
