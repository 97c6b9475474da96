"""The records of calls: each request once, each event once, whoever dies or comes twice."""

import asyncio
import contextlib
import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from shared.calls.events import CallEvent, applied
from shared.calls.rows import (
    RECORD_ROW,
    Call,
    CallState,
    bot_caller_index_row,
    event_row,
    index_row,
    request_row,
)
from shared.keys import principal_key
from shared.principals import Principal
from shared.problems import Conflict, Forbidden, KeyReused
from shared.tables import PAGE_ROWS, Row, RowChanged, RowExists, Table, Value
from shared.upstream.concurrency import for_each

# A call's events come many at a time, and all of them change its record.
_TRIES = 30
# Seconds slept before another try, at most: those who met should not meet again. Longer each time,
# so that however many there are, the request's time limit ends it and not the tries.
_PAUSE, _LONGEST_PAUSE = 0.05, 1.0
# What the rows of an index begin with: of who has placed calls, or answered them as a bot; and of
# who has called bots.
_CALLS, _RANG = "call", "rang"
_OF_INDEX = "RowKey ge @first and RowKey lt @last"
# Calls that one request removes because their time is over.
_FEW = 10


@dataclass(frozen=True)
class LoggedEvent:
    """An event as the call's log shows it."""

    kind: str
    at: datetime


class CallRecords:
    """All rows of the table `calls`."""

    def __init__(
        self,
        table: Table,
        retention_days: int,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._table = table
        self._kept = timedelta(days=retention_days)
        self._now = now

    async def begin(
        self,
        creator: Principal,
        idempotency_key: str,
        fingerprint: str,
        guest: Principal | None = None,
    ) -> Call:
        """The call of a request: that of an earlier one with the same key, or a new one.

        The index comes first, so that whoever erases the creator finds whatever there will be.

        Args:
            fingerprint: of what is wanted.
            guest: who calls, where the creator is a bot: they have an index too, before there is
                anything about them in the record.

        Raises:
            KeyReused: the key came before with another wish.
        """
        owner, request = principal_key(creator), request_row(idempotency_key)
        for _ in range(_TRIES):
            found = await self._table.find(owner, request)
            if found is None:
                created_at = self._now()
                call_id = uuid.uuid4().hex  # nobody can guess where its callbacks go
                asked: dict[str, Value] = {
                    "callId": call_id,
                    "wish": fingerprint,
                    "createdAt": created_at,
                }
                index: dict[str, Value] = {"callId": call_id, "request": request, "live": True}
                if guest is not None:
                    index["guest"] = principal_key(guest)
                with contextlib.suppress(RowExists):
                    await self._table.insert_with(
                        owner, {request: asked, index_row(created_at, call_id): index}
                    )
                continue
            if found.values["wish"] != fingerprint:
                raise KeyReused
            call_id, placed_at = str(found.values["callId"]), _moment(found, "createdAt")
            if guest is not None:
                rang: dict[str, Value] = {
                    "callId": call_id, "bot": owner, "createdAt": placed_at, "live": True,
                }  # fmt: skip
                await self._table.insert_if_absent(
                    principal_key(guest), bot_caller_index_row(call_id), rang
                )
            call = await self._recorded(call_id, creator, placed_at)
            # Whoever removes a call begins with this row: one of the two sees the other.
            standing = await self._table.find(owner, request)
            if standing is None or standing.values["callId"] != call_id:
                await self._table.remove(call_id, RECORD_ROW)
                if guest is not None:
                    await self._table.remove(principal_key(guest), bot_caller_index_row(call_id))
                raise Conflict
            return call
        raise Conflict

    async def _recorded(self, call_id: str, creator: Principal, placed_at: datetime) -> Call:
        call = Call(call_id, principal_key(creator), creator.realm, placed_at)
        return Call.of(await self._table.insert_if_absent(call_id, RECORD_ROW, call.values()))

    async def find(self, call_id: str) -> Call | None:
        """The record of a call. One point read."""
        row = await self._table.find(call_id, RECORD_ROW)
        return None if row is None else Call.of(row)

    async def change(self, call_id: str, change: Callable[[Call], Call]) -> Call | None:
        """Change a record, and nothing where there is nothing to change; None without a record."""
        for tried in range(_TRIES):
            found = await self.find(call_id)
            if found is None or found.row is None:
                return None
            changed = change(found)
            if changed == found:
                return found
            try:
                return Call.of(await self._table.replace(found.row, changed.values()))
            except RowChanged:
                await self._step_aside(tried)
        raise Conflict

    async def apply(self, call: Call, event: CallEvent) -> bool:
        """Apply an event, once however often it comes: its row and its effect are one batch.

        Returns:
            Whether it came for the first time.
        """
        row_key = event_row(event.id)
        row: dict[str, Value] = {"kind": event.kind, "at": event.time.astimezone(UTC)}
        found: Call | None = call
        for tried in range(_TRIES):
            if found is None or found.row is None:
                return False  # removed, since its time was over
            if found.connection_id not in (None, event.data.call_connection_id):
                raise Forbidden("This is about another call.")
            values = applied(found, event).values()
            try:
                await self._table.insert_with(found.call_id, {row_key: row}, found.row, values)
            except RowExists:
                return False
            except RowChanged:
                await self._step_aside(tried)
                found = await self.find(call.call_id)
                continue
            return True
        raise Conflict

    async def events_of(self, call_id: str) -> list[LoggedEvent]:
        """What has happened, in the order in which ACS says that it did."""
        rows = await self._table.list_for(call_id, _OF_INDEX, _bounds("event"))
        return sorted((_known(row) for row in rows), key=lambda one: (one.at, one.kind))

    async def page(
        self, creator: Principal, after: str, most: int
    ) -> tuple[list[Call], str | None]:
        """Some calls of a creator, the newest first, and what the next page is `after`."""
        owner = principal_key(creator)
        rows, more = await self._index(owner, _CALLS, after, most)
        found = dict[str, Call]()

        async def read(row: Row) -> None:
            call = await self.find(str(row.values["callId"]))
            if call is not None:
                found[row.row_key] = call

        await for_each(rows, read)
        calls = [found[row.row_key] for row in rows if row.row_key in found]
        return calls, rows[-1].row_key if more else None

    async def live_calls(self, creator: Principal) -> list[Call]:
        """The calls of a creator that have not ended, as far as is known."""
        return await self._live(creator, _CALLS)

    async def live_calls_to_bots(self, guest: Principal) -> list[Call]:
        """The calls of somebody to bots that have not ended, as far as is known."""
        return await self._live(guest, _RANG)

    async def _live(self, who: Principal, index: str) -> list[Call]:
        """Those of an index, which learns which have ended, so that nobody reads them again."""
        live, owner = list[Call](), principal_key(who)

        async def read(row: Row) -> None:
            call_id = str(row.values["callId"])
            call = await self.find(call_id)
            if call is None and index == _CALLS:
                # Its request comes to that yet, here or when it is repeated.
                asked = await self._table.find(owner, str(row.values["request"]))
                if asked is not None and asked.values["callId"] == call_id:
                    call = await self._recorded(call_id, who, _moment(asked, "createdAt"))
            if call is None:
                return  # being removed
            if call.state is not CallState.DISCONNECTED:
                live.append(call)
            elif not call.may_be_revived(self._now()):
                with contextlib.suppress(RowChanged):
                    await self._table.merge(row, {"live": False})

        rows = await self._table.list_for(owner, f"{_OF_INDEX} and live eq true", _bounds(index))
        await for_each(rows, read)
        return sorted(live, key=lambda call: (call.created_at, call.call_id))

    async def abandon(self, call: Call) -> None:
        """Remove a call that never was: its key may come again, with whatever is wanted then.
        It stays where a repetition of its request has come further."""
        row = await self._table.find(call.call_id, RECORD_ROW)
        if row is not None:
            if Call.of(row).was_asked_for:
                return
            try:
                await self._table.remove_unchanged(row)
            except RowChanged:
                return
        await self.discard(call)

    async def discard(self, call: Call, guest: Principal | None = None) -> None:
        """Remove a call, whatever of it is left; `guest` as for `begin`."""
        await self._discard(call.creator, call.call_id, call.created_at)
        if guest is not None:
            await self._table.remove(principal_key(guest), bot_caller_index_row(call.call_id))

    async def _discard(self, owner: str, call_id: str, created_at: datetime) -> None:
        index = await self._table.find(owner, index_row(created_at, call_id))
        if index is None:
            await self._empty(call_id)
        else:
            await self._remove(owner, index)

    def is_kept(self, call: Call) -> bool:
        """Is a call young enough to be shown, or going on?"""
        return call.goes_on or call.created_at >= self._now() - self._kept

    async def tidy(self, creator: Principal) -> None:
        """Remove a few calls of a creator that were placed too long ago to be kept."""
        owner, oldest = principal_key(creator), self._now() - self._kept
        rows, _ = await self._index(owner, _CALLS, index_row(oldest, ""), _FEW)
        for row in rows:
            call = await self.find(str(row.values["callId"]))
            if call is None or not call.goes_on:
                await self._remove(owner, row)

    async def erase(self, principal: Principal) -> None:
        """Remove every call that a person has placed, or made to a bot, with its events; a bot's
        are those that it has answered. Repeatable."""
        owner = principal_key(principal)

        async def remove_rang(row: Row) -> None:
            call_id, created_at = str(row.values["callId"]), _moment(row, "createdAt")
            await self._discard(str(row.values["bot"]), call_id, created_at)
            await self._table.remove(owner, row.row_key)

        for index, remove in (
            (_CALLS, lambda row: self._remove(owner, row)),
            (_RANG, remove_rang),
        ):
            more = True
            while more:
                rows, more = await self._index(owner, index, "", PAGE_ROWS)
                await for_each(rows, remove)

    async def export(self, principal: Principal) -> list[dict[str, Value]]:
        """The calls that a person has placed, and made to bots."""
        calls, after = [], ""
        while after is not None:
            page, following = await self.page(principal, after, PAGE_ROWS)
            calls += page
            if following is None:
                break
            after = following
        rows = await self._table.list_for(principal_key(principal), _OF_INDEX, _bounds(_RANG))
        found = [await self.find(str(row.values["callId"])) for row in rows]
        return [
            {
                "callId": call.call_id,
                "state": call.state.value,
                "createdAt": call.created_at,
                "toBot": call.bot_state is not None,
            }
            for call in (*calls, *(one for one in found if one is not None))
        ]

    async def _index(self, owner: str, index: str, after: str, most: int) -> tuple[list[Row], bool]:
        return await self._table.page(owner, _OF_INDEX, _bounds(index), after=after, most=most)

    async def _remove(self, owner: str, index: Row) -> None:
        """The request, the record, its events, and last what points to them."""
        call_id, guest = str(index.values["callId"]), index.values.get("guest")
        await self._table.remove(owner, str(index.values["request"]))
        await self._empty(call_id)
        if guest is not None:
            await self._table.remove(str(guest), bot_caller_index_row(call_id))
        await self._table.remove(owner, index.row_key)

    async def _empty(self, call_id: str) -> None:
        await self._table.remove(call_id, RECORD_ROW)  # first: no event comes after it
        rows = await self._table.list_for(call_id)
        await for_each(rows, lambda row: self._table.remove(call_id, row.row_key))

    async def _step_aside(self, tried: int) -> None:
        longest = min(_PAUSE * 1.3**tried, _LONGEST_PAUSE)
        await asyncio.sleep(random.uniform(0, longest))  # noqa: S311


def _bounds(index: str) -> dict[str, str]:
    return {"first": f"{index}-", "last": f"{index}."}


def _known(row: Row) -> LoggedEvent:
    return LoggedEvent(str(row.values["kind"]), _moment(row, "at"))


def _moment(row: Row, name: str) -> datetime:
    moment = row.values[name]
    assert isinstance(moment, datetime)  # noqa: S101
    return moment
