"""The records of calls: a request creates one call and an event is applied once, even if they come
again or the host that handles them dies."""

import contextlib
import secrets
import uuid
from collections.abc import Awaitable, Callable, Collection, Container, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from shared.calls.events import CallEvent, apply_event, is_about
from shared.calls.live_calls import LIVE_ROW, Counted, account_key
from shared.calls.removal import (
    BOT_CALLER_INDEX,
    CREATOR_INDEX,
    ROWS_BETWEEN,
    CallRemoval,
    bounds,
    moment,
)
from shared.calls.row_keys import bot_caller_index_row, event_row, index_row, request_row
from shared.calls.rows import RECORD_ROW, UNCONFIRMED, Call, CallState, LoggedEvent
from shared.changes import MANY_TRIES, change_row
from shared.keys import principal_key
from shared.principals import Principal
from shared.problems import Conflict, Forbidden, KeyReused
from shared.tables import PAGE_ROWS, Row, RowChanged, RowExists, Value
from shared.upstream.concurrency import for_each

# Many events of a call come at the same time, and all of them change its record. Many calls of one
# caller all change the row of what counts.
_TRIES = MANY_TRIES

type Count = Callable[[Row | None, str], Awaitable[Mapping[str, Value]]]
"""What to write in place of the creator's row `live` (None: there is none), with the id of the new
call. May run several times, and raises if the call may not begin."""


@dataclass(frozen=True)
class _NewCall:
    """A call that is to begin, and the rows by which it is found."""

    call_id: str
    rows: Mapping[str, Mapping[str, Value]]


class CallRecords(CallRemoval):
    """All rows of the table `calls`."""

    async def begin(
        self,
        creator: Principal,
        idempotency_key: str,
        fingerprint: str,
        bot_caller: Principal | None = None,
        before_writing: Callable[[str], Awaitable[object]] | None = None,
        *,
        count: Count | None = None,
        same_fingerprints: Collection[str] = (),
    ) -> Call:
        """Find the call that an earlier request with the same key created, or create it.

        The index rows are written before the record, so that an erasure finds every record.

        Args:
            fingerprint: a hash of what is requested.
            bot_caller: the person who calls, if the creator is a bot. Their index row is written
                before the record holds anything about them.
            before_writing: takes the id of a new call, before anything of it is stored.
            count: gives a new call its place among those of its creator, in one batch with it.
            same_fingerprints: those that earlier versions or other settings stored for the same.

        Raises:
            KeyReused: the key came before with another fingerprint.
            Conflict: the call is being removed, or too many others write at the same time.
        """
        owner, request = principal_key(creator), request_row(idempotency_key)
        new = self._new_call(request, fingerprint, bot_caller)
        note = None if before_writing is None else partial(before_writing, new.call_id)
        for attempt in range(_TRIES):
            found = await self._table.find(owner, request)
            if found is None:
                live = None if count is None else await self._table.find(owner, LIVE_ROW)
                counted = None if count is None else await count(live, new.call_id)
                if note is not None:
                    await note()
                    note = None
                try:
                    found = await self._insert(owner, request, new, live, counted)
                except (RowExists, RowChanged):
                    # Another call of the creator has begun, or this one, and the answer was lost.
                    await self._rest(attempt)
                    continue
            if found.values["wish"] not in (fingerprint, *same_fingerprints):
                raise KeyReused
            call_id, placed_at = str(found.values["callId"]), moment(found, "createdAt")
            if bot_caller is not None:
                bot_caller_index: dict[str, Value] = {
                    "callId": call_id, "bot": owner, "createdAt": placed_at, "live": True,
                }  # fmt: skip
                rang = principal_key(bot_caller), bot_caller_index_row(call_id)
                await self._table.insert_if_absent(*rang, bot_caller_index)
            call = await self.recorded(call_id, owner, creator.realm, placed_at)
            if call.is_abandoned:
                await self.abandon(call)  # the request that began it may have died
                continue
            if await self._is_removed(found):
                if bot_caller is not None:
                    await self._table.remove(*rang)
                raise Conflict
            return call
        raise Conflict

    def _new_call(self, request: str, fingerprint: str, bot_caller: Principal | None) -> _NewCall:
        created_at = self._now()
        call_id = uuid.uuid4().hex  # random, so that nobody can guess the callback URL
        entry: dict[str, Value] = {"callId": call_id, "wish": fingerprint, "createdAt": created_at}
        index: dict[str, Value] = {"callId": call_id, "request": request, "live": True}
        if bot_caller is not None:
            index["guest"] = principal_key(bot_caller)
        return _NewCall(call_id, {request: entry, index_row(created_at, call_id): index})

    async def _insert(
        self,
        owner: str,
        request: str,
        new: _NewCall,
        live: Row | None,
        counted: Mapping[str, Value] | None,
    ) -> Row:
        """Store the rows by which a call is found, and its place, in one transaction.

        Args:
            live: the creator's row `live` as it was read; None if there is none.
            counted: what it is to hold; None to leave it.

        Returns:
            The row of the request. Raises as `Table.insert_with`.
        """
        added = {} if counted is None or live is not None else {LIVE_ROW: counted}
        stored = await self._table.insert_with(owner, {**new.rows, **added}, live, counted)
        return stored[request]

    async def recorded(self, call_id: str, owner: str, realm: str, placed_at: datetime) -> Call:
        """The record of a call that has begun, which is inserted if there is none."""
        call = Call(call_id, owner, realm, placed_at, salt=secrets.token_hex(16))
        return Call.of(await self._table.insert_if_absent(call_id, RECORD_ROW, call.values()))

    async def recorded_for(self, request: Row, realm: str) -> Call | None:
        """The record of the call of a request row, which is inserted if there is none; None if the
        call is removed meanwhile."""
        call_id, placed_at = str(request.values["callId"]), moment(request, "createdAt")
        call = await self.recorded(call_id, request.partition_key, realm, placed_at)
        return None if await self._is_removed(request) else call

    async def change(self, call_id: str, change: Callable[[Call], Call]) -> Call | None:
        """Change a record, by a function that may run several times.

        Returns:
            The call as it is stored now; None if there is no record.
        """

        def changed_values(row: Row | None) -> Mapping[str, Value] | None:
            found = None if row is None else Call.of(row)
            changed = None if found is None else change(found)
            return None if changed is None or changed == found else changed.values()

        changed = await change_row(
            self._table, call_id, RECORD_ROW, changed_values, tries=_TRIES, rest=self._rest
        )
        return None if changed.now is None else Call.of(changed.now)

    async def replace_unchanged(self, found: Call, changed: Call) -> Call | None:
        """Replace a record, as it was read, by another; None if somebody has written it since.

        That may be this same request, if the answer to its write was lost.
        """
        if found.row is None:
            return None
        try:
            return Call.of(await self._table.replace(found.row, changed.values()))
        except RowChanged:
            return None

    async def change_noted(
        self, call_id: str, change: Callable[[Call], Call], note: Callable[[Call], None]
    ) -> Call | None:
        """Change a record as `change` does, and have its audit line written before.

        So neither a kill nor an answer that storage lost leaves a change without its line. Requests
        that make the same change at the same time may each write it.

        Args:
            note: takes the call as it was. Called once, if anything changes.
        """
        is_noted = False
        for attempt in range(_TRIES):
            found = await self.find(call_id)
            if found is None or (changed := change(found)) == found:
                return found
            if not is_noted:
                note(found)
                is_noted = True
            replaced = await self.replace_unchanged(found, changed)
            if replaced is not None:
                if found.is_refused and replaced.is_ongoing:
                    await self.count_again(replaced)
                return replaced
            await self._rest(attempt)
        raise Conflict

    async def apply(self, call: Call, event: CallEvent) -> bool:
        """Apply an event once, even if it comes again: its row and its effect are one batch.

        Returns:
            Whether it came for the first time.

        Raises:
            Forbidden: the event is about another call of the resource.
        """

        def applied(found: Call) -> Call:
            if not is_about(event, found):
                raise Forbidden("This is about another call.")
            return apply_event(found, event)

        logged = LoggedEvent(event.kind, event.time.astimezone(UTC))
        return await self.apply_once(call, event.id, logged, applied)

    async def apply_once(
        self, call: Call, event_id: str, event: LoggedEvent, change: Callable[[Call], Call]
    ) -> bool:
        """Change a call because of an event, and log it, in one batch; once for each event.

        Args:
            change: may run several times, and may raise.

        Returns:
            Whether it came for the first time.
        """
        row_key, row = event_row(event_id), event.values()
        found: Call | None = call
        for attempt in range(_TRIES):
            if found is None or found.row is None:
                return False  # the call was removed
            values = change(found).values()
            if found.is_refused:  # also before, in case the host dies in between
                await self.count_again(found)
            try:
                await self._table.insert_with(found.call_id, {row_key: row}, found.row, values)
            except RowExists:
                return False
            except RowChanged:
                await self._rest(attempt)
                found = await self.find(call.call_id)
                continue
            if found.is_refused:
                await self.count_again(found)
            return True
        raise Conflict

    async def count_again(self, call: Call) -> None:
        """Count a call that was given up, and that ACS has all the same, whatever the limit."""
        index = await self._table.find(call.creator, index_row(call.created_at, call.call_id))
        if index is None:
            return  # it is being removed
        kind = Counted.TO_BOTS if "guest" in index.values else Counted.PLACED
        owner = str(index.values.get("guest", call.creator))
        await self.live_rows.count_again(owner, kind, call.call_id)
        if call.account is not None and call.bot_state is not None:
            account = account_key(call.account)
            await self.live_rows.count_again(account, Counted.TO_ACCOUNT, call.call_id)

    async def events_of(self, call_id: str) -> list[LoggedEvent]:
        """The events of a call, in the order of the times that ACS gives."""
        rows = await self._table.list_for(call_id, ROWS_BETWEEN, bounds("event"))
        return sorted(map(LoggedEvent.of, rows), key=lambda event: (event.at, event.kind))

    async def page(
        self, creator: Principal, after: str, most: int
    ) -> tuple[list[Call], str | None]:
        """A page of a creator's calls, the newest first, and the `after` of the next page.

        Args:
            after: what the page before returned; empty for the first page.
        """
        owner = principal_key(creator)
        rows, more = await self._index(owner, CREATOR_INDEX, after, most)
        found = dict[str, Call]()

        async def read(row: Row) -> None:
            call = await self.find(str(row.values["callId"]))
            if call is not None:
                found[row.row_key] = call

        await for_each(rows, read)
        calls = [found[row.row_key] for row in rows if row.row_key in found]
        return calls, rows[-1].row_key if more else None

    async def live_calls(
        self, principal: Principal, kind: Counted = Counted.PLACED, known: Container[str] = ()
    ) -> list[Call]:
        """A person's calls whose end has not been recorded, the oldest first.

        They are looked for in the index, in which those that have ended are marked, so that they
        are not read again.

        Args:
            known: ids of calls that are left out.
        """
        live, owner = list[Call](), principal_key(principal)
        index = CREATOR_INDEX if kind is Counted.PLACED else BOT_CALLER_INDEX

        async def read(row: Row) -> None:
            call_id = str(row.values["callId"])
            call = await self.find(call_id)
            if call is None and index == CREATOR_INDEX:
                # Its request has not inserted the record yet, and may still do so.
                request = await self._table.find(owner, str(row.values["request"]))
                if request is not None and request.values["callId"] == call_id:
                    call = await self.recorded_for(request, principal.realm)
                    if call is not None and self._now() - call.created_at > UNCONFIRMED:
                        await self.abandon(call)  # it never will: the request has died
                        return
            if call is None:
                return  # it is being removed
            if call.state is not CallState.DISCONNECTED:
                live.append(call)
            elif not call.may_be_revived(self._now()):
                with contextlib.suppress(RowChanged):
                    await self._table.merge(row, {"live": False})

        rows = await self._table.list_for(owner, f"{ROWS_BETWEEN} and live eq true", bounds(index))
        await for_each((row for row in rows if row.values["callId"] not in known), read)
        return sorted(live, key=lambda call: (call.created_at, call.call_id))

    async def all_of(self, principal: Principal) -> list[Call]:
        """The calls that a person placed, or a bot answered, and those that they made to bots."""
        calls, after = list[Call](), ""
        while after is not None:
            page, next_after = await self.page(principal, after, PAGE_ROWS)
            calls += page
            if next_after is None:
                break
            after = next_after
        owner, index = principal_key(principal), bounds(BOT_CALLER_INDEX)
        rows = await self._table.list_for(owner, ROWS_BETWEEN, index)
        to_bots = [await self.find(str(row.values["callId"])) for row in rows]
        return [*calls, *filter(None, to_bots)]
