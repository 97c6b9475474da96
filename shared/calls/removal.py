"""Removes the rows of calls: those of erased people, calls never placed, and calls too old."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from shared.calls.live_calls import LIVE_ROW, LiveRows, account_key
from shared.calls.recorded_files import FILE_ROW, file_key
from shared.calls.row_keys import bot_caller_index_row, index_row
from shared.calls.rows import RECORD_ROW, Call
from shared.changes import change_row, growing_rest, retry_if_changed
from shared.intents import Places
from shared.keys import principal_key
from shared.principals import Principal
from shared.tables import PAGE_ROWS, Row, RowChanged, Table, Value
from shared.upstream.concurrency import for_each

# The prefixes of the rows of the two indexes: calls by their creator (a person who placed them, or
# the bot that was called), and calls to bots by their caller.
CREATOR_INDEX, BOT_CALLER_INDEX = "call", "rang"
ROWS_BETWEEN = "RowKey ge @first and RowKey lt @last"
# Expired calls that one request removes.
_MOST_EXPIRED = 10


class CallRemoval:
    """Finds calls by their indexes, and removes them with all their rows."""

    def __init__(
        self,
        table: Table,
        retention_days: int,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._table = table
        self._retention = timedelta(days=retention_days)
        self._now = now
        self._rest = growing_rest(sleep)
        self.live_rows = LiveRows(table, now, self._rest)

    async def find(self, call_id: str) -> Call | None:
        """The record of a call. One point read."""
        row = await self._table.find(call_id, RECORD_ROW)
        return None if row is None else Call.of(row)

    async def abandon(self, call: Call) -> None:
        """Remove a call that ACS was not asked for, so that its key may be used for another.

        First the record says so, and a repetition that has found the call, but has not prepared to
        ask ACS, sees that. If one has prepared to ask ACS meanwhile, the call stays. Then the
        request row is removed, as `begin` expects, and after it the record: in the other order, the
        next repetition could place a second call. Repeatable; `begin` repeats it, too.
        """

        def mark(row: Row | None) -> Mapping[str, Value] | None:
            found = None if row is None else Call.of(row)
            if found is None or found.may_have_reached_acs or found.is_abandoned:
                return None
            return replace(found, is_abandoned=True).values()

        marked = (await change_row(self._table, call.call_id, RECORD_ROW, mark)).now
        if marked is None or Call.of(marked).is_abandoned:
            await self.discard(call)

    async def find_request(self, owner: str, index: Row) -> Row | None:
        """The row of the request of an index row; None if no repetition finds this call by it."""
        request = await self._table.find(owner, str(index.values["request"]))
        if request is None or request.values["callId"] != index.values["callId"]:
            return None  # the key was used for another call since
        return request

    async def discard(self, call: Call, bot_caller: Principal | None = None) -> None:
        """Remove a call, or what is left of it; `bot_caller` as for `begin`."""
        counted_for = call.creator if bot_caller is None else principal_key(bot_caller)
        await self._discard(call.creator, call.call_id, call.created_at, counted_for)
        if bot_caller is not None:
            await self._table.remove(counted_for, bot_caller_index_row(call.call_id))

    async def _discard(
        self, owner: str, call_id: str, created_at: datetime, counted_for: str
    ) -> None:
        index = await self._table.find(owner, index_row(created_at, call_id))
        if index is None:
            await self._remove_partition(call_id)
            await self.live_rows.forget(counted_for, call_id)
        else:
            await self._remove(owner, index)

    def is_retained(self, call: Call) -> bool:
        """Is a call going on, or young enough to be kept?"""
        return call.is_ongoing or call.created_at >= self._now() - self._retention

    async def tidy(self, creator: Principal) -> None:
        """Remove a few calls of a creator that are too old to be kept."""
        owner, oldest = principal_key(creator), self._now() - self._retention
        rows, _ = await self._index(owner, CREATOR_INDEX, index_row(oldest, ""), _MOST_EXPIRED)
        for row in rows:
            call = await self.find(str(row.values["callId"]))
            if call is None or not call.is_ongoing:
                await self._remove(owner, row)

    async def sweep(
        self,
        places: Places | None = None,
        reconcile: Callable[[Call], Awaitable[Call]] | None = None,
    ) -> None:
        """Remove all calls of everybody that are too old to be kept. Reads the whole table.

        Args:
            places: as for `Sweeps`.
            reconcile: finds out whether a call without a recorded end has ended after all.
        """

        async def remove(row: Row) -> None:
            call = await self.find(str(row.values["callId"]))
            if call is not None and call.is_ongoing and reconcile is not None:
                call = await reconcile(call)
            if call is None or not call.is_ongoing:
                await self._remove(row.partition_key, row)

        oldest = index_row(self._now() - self._retention, "")
        expired = {**bounds(CREATOR_INDEX), "first": oldest}
        places = {} if places is None else places
        async for rows in self._table.sweep(ROWS_BETWEEN, expired, "calls", places):
            await for_each(rows, remove)
        await self._sweep_file_rows(places)

    async def _sweep_file_rows(self, places: Places) -> None:
        """Remove the rows of recordings whose calls are gone: their requests have died, or ACS has
        never told of the files."""

        async def remove(row: Row) -> None:
            call_id = row.values.get("callId")
            if call_id is None or await self.find(str(call_id)) is None:
                with contextlib.suppress(RowChanged):
                    await self._table.remove_unchanged(row)

        expired: dict[str, str | datetime] = {
            "row": FILE_ROW, "oldest": self._now() - self._retention,
        }  # fmt: skip
        which = "RowKey eq @row and createdAt lt @oldest"
        async for rows in self._table.sweep(which, expired, "recordings", places):
            await for_each(rows, remove)

    async def erase(
        self,
        principal: Principal,
        erase_recordings: Callable[[Call], Awaitable[None]] | None = None,
    ) -> None:
        """Remove every call that a person placed, or made to a bot, or that a bot answered, with
        its events. May be repeated: it goes on where it was cut off.

        Args:
            erase_recordings: erases the recordings of a call, before the call is removed.
        """
        owner = principal_key(principal)

        async def remove_placed(row: Row) -> None:
            if erase_recordings is not None:
                await self._remove_record(str(row.values["callId"]), erase_recordings)
            await self._remove(owner, row)

        async def remove_call_to_bot(row: Row) -> None:
            call_id, created_at = str(row.values["callId"]), moment(row, "createdAt")
            if erase_recordings is not None:
                await self._remove_record(call_id, erase_recordings)
            await self._discard(str(row.values["bot"]), call_id, created_at, owner)
            await self._table.remove(owner, row.row_key)

        await self._table.remove(owner, LIVE_ROW)  # first, so that the calls need not be taken out
        for index, remove in (
            (CREATOR_INDEX, remove_placed),
            (BOT_CALLER_INDEX, remove_call_to_bot),
        ):
            more = True
            while more:
                rows, more = await self._index(owner, index, "", PAGE_ROWS)
                await for_each(rows, remove)

    async def _index(self, owner: str, index: str, after: str, most: int) -> tuple[list[Row], bool]:
        return await self._table.page(owner, ROWS_BETWEEN, bounds(index), after=after, most=most)

    async def remove_listed(self, index: Row) -> None:
        """Remove the call of a row of its creator's index, or what is left of it; repeatable."""
        await self._remove(index.partition_key, index)

    async def _remove(self, owner: str, index: Row) -> None:
        """Remove a call of an index: first the request row, as `begin` expects, and last the index
        row, so that a removal that dies is found and repeated."""
        call_id, bot_caller_key = str(index.values["callId"]), index.values.get("guest")
        request = await self.find_request(owner, index)
        if request is not None:
            with contextlib.suppress(RowChanged):
                await self._table.remove_unchanged(request)
        await self._remove_partition(call_id)
        if bot_caller_key is not None:
            await self._table.remove(str(bot_caller_key), bot_caller_index_row(call_id))
        await self.live_rows.forget(str(bot_caller_key or owner), call_id)
        await self._table.remove(owner, index.row_key)

    async def _is_removed(self, request: Row) -> bool:
        """Whether a call is removed whose record was inserted just now; then the record is, too.

        A removal removes the request row first. So either it sees the record, or the row is gone
        here.
        """
        current = await self._table.find(request.partition_key, request.row_key)
        if current is not None and current.values["callId"] == request.values["callId"]:
            return False
        await self._table.remove(str(request.values["callId"]), RECORD_ROW)
        return True

    async def _remove_record(
        self, call_id: str, erase_recordings: Callable[[Call], Awaitable[None]]
    ) -> None:
        """Erase the recordings that the record names, and remove it as it was read: if another
        recording has begun meanwhile, that is erased too."""

        async def attempt() -> None:
            call = await self.find(call_id)
            if call is not None and call.row is not None:
                await erase_recordings(call)
                await self._table.remove_unchanged(call.row)

        await retry_if_changed(attempt)

    async def remove_unlisted(self, call: Call) -> None:
        """Remove a call that no index names, as it was read; it still says which files it has.

        Raises:
            RowChanged: somebody has written it since; nothing is removed.
        """
        if call.row is not None:
            await self._table.remove_unchanged(call.row)
        await self._remove_file_rows(call)
        await self.discard(call)

    async def _remove_partition(self, call_id: str) -> None:
        call = await self.find(call_id)
        if call is not None:
            await self._remove_file_rows(call)
            if call.account is not None and call.bot_state is not None:
                await self.live_rows.forget(account_key(call.account), call_id)
        await self._table.remove(call_id, RECORD_ROW)  # first: without it no event is stored
        rows = await self._table.list_for(call_id)
        await for_each(rows, lambda row: self._table.remove(call_id, row.row_key))

    async def _remove_file_rows(self, call: Call) -> None:
        """Remove the rows of the files of a call's recordings, unless they wait to have an erased
        one deleted."""
        for recording in call.recordings.known_to_acs:
            row = await self._table.find(file_key(recording.acs_id or ""), FILE_ROW)
            if row is not None and "callId" in row.values:
                with contextlib.suppress(RowChanged):
                    await self._table.remove_unchanged(row)


def bounds(prefix: str) -> dict[str, str]:
    return {"first": f"{prefix}-", "last": f"{prefix}."}


def moment(row: Row, name: str) -> datetime:
    moment = row.values[name]
    assert isinstance(moment, datetime)  # noqa: S101
    return moment
