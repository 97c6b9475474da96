"""The limits over all hosts: the calls of one caller at the same time, their legs a minute (people,
bots and numbers called or invited), and the calls to one Teams resource account at the same time.

What counts is in the caller's row `live` (`shared.calls.live_calls`). A call that is in it has a
place. Calls that have ended keep their places until the row is full: then their records are read,
and ACS is asked about calls whose last event seems to be lost.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta

from shared.bounds import CALLS_TO_ACCOUNT
from shared.calls.live_calls import MINUTE, Counted, LiveCalls, account_key
from shared.calls.reconciling import Reconcile
from shared.calls.records import CallRecords
from shared.calls.rows import UNCONFIRMED, Call, CallState
from shared.keys import principal_key
from shared.principals import Principal
from shared.problems import Fault, InvalidRequest, TooManyCalls, TooManyLegs
from shared.tables import Row, Value
from shared.upstream.concurrency import for_each

# ACS gives up a call to one of our bots after 30 s.
_STALE_RINGING = timedelta(seconds=35)
# After this time a request has ended or has died (`shared.intents`).
_ABOUT_TO_ASK = timedelta(minutes=1)
# A place that is younger than this needs no renewal: the request ends before its place is freed.
_YOUNG = _ABOUT_TO_ASK / 2
# While a new version replaces one that does not know the row, hosts of both run. For so long after
# the row was made, calls that are not in it are looked for each time.
_ROLLOUT = timedelta(minutes=10)
# For so long after an account was full its calls are not read again. That takes a read for each
# call, and many people may call at once.
_FULL_FOR = timedelta(seconds=5)


class CallLimit:
    """Gives calls their places, and counts legs."""

    def __init__(
        self,
        records: CallRecords,
        reconcile: Reconcile,
        max_calls: int,
        max_legs: int,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        *,
        max_to_account: int = CALLS_TO_ACCOUNT,
    ) -> None:
        """
        Args:
            max_calls: calls of one kind that one person may have at the same time.
            max_legs: people, bots and numbers that one person may call and invite in a minute.
            max_to_account: calls to one Teams resource account that may go on at the same time.
        """
        self._records = records
        self._reconcile = reconcile
        self._max_calls = max_calls
        self._max_legs = max_legs
        self._now = now
        self._max_to_account = max_to_account
        self._full_until = dict[str, datetime]()

    async def with_new_call(
        self, creator: Principal, row: Row | None, call_id: str, legs: int
    ) -> Mapping[str, Value]:
        """What to write in place of a creator's row `live`, in one batch with a new call.

        Args:
            row: as it was read; None if there is none.

        Raises:
            TooManyCalls: too many calls of the creator go on.
            TooManyLegs: they have called too many people in the last minute.
            InvalidRequest: a minute does not allow so many.
        """
        found = self._or_new(None if row is None else LiveCalls.of(row))
        counted = self._with_legs(found, call_id, legs)
        placed, taken = await self._with_places(counted, creator, Counted.PLACED, [call_id])
        if not taken:
            raise self.too_many_calls()
        return placed.values()

    def too_many_calls(self) -> TooManyCalls:
        return TooManyCalls(f"{self._max_calls} of your calls go on: hang one up first.")

    async def take_again(self, creator: Principal, call: Call, *, was_free: bool) -> bool:
        """Give a call that an earlier request has begun its place again, before ACS is asked.

        Args:
            was_free: whether the record said until now that the call does not count. Then another
                request may be about to give its place away, and has to find the row changed.

        Returns:
            Whether there is a place for it.
        """
        taken = await self._take(creator, Counted.PLACED, [call.call_id], is_renewed=was_free)
        return bool(taken)

    async def take_to_bots(self, caller: Principal, call_ids: Iterable[str]) -> set[str]:
        """Give calls to bots their places, as far as there is room; those that have one now."""
        return await self._take(caller, Counted.TO_BOTS, list(call_ids))

    async def take_to_account(self, account: str, call_ids: Iterable[str]) -> set[str]:
        """Give calls to a Teams resource account their places; those that have one now.

        Args:
            account: its object id.
        """
        wanted, taken, full_until = list(call_ids), set[str](), self._full_until.get(account)
        may_look = full_until is None or self._now() >= full_until

        async def changed(found: LiveCalls | None) -> LiveCalls | None:
            nonlocal taken
            row = self._or_new(found)
            counted = dict(row.calls.get(Counted.TO_ACCOUNT, {}))
            if self._lacks_room(counted, wanted) and may_look:
                counted = await self._pruned(counted, asks_acs=False)
            taken = self._fill(counted, wanted, self._max_to_account)
            return row.with_calls(Counted.TO_ACCOUNT, counted) if taken else None

        await self._records.live_rows.change(account_key(account), changed)
        if len(taken) < len(wanted) and may_look:
            self._full_until[account] = self._now() + _FULL_FOR
        return taken

    def _lacks_room(self, counted: Mapping[str, datetime], wanted: list[str]) -> bool:
        return len(counted.keys() | set(wanted)) > self._max_to_account

    def _fill(self, counted: dict[str, datetime], wanted: list[str], most: int) -> set[str]:
        """Count those for which there is room, the first before the last; those that count now."""
        for call_id in wanted:
            if call_id in counted or len(counted) < most:
                counted[call_id] = self._now()
        return counted.keys() & set(wanted)

    async def count_leg(self, who: Principal, invitation: str) -> None:
        """Count an invitation, once, before it is recorded.

        Raises:
            TooManyLegs: they have called too many people in the last minute.
        """

        async def counted(found: LiveCalls | None) -> LiveCalls | None:
            if found is not None and found.has_legs_of(invitation, self._now()):
                return None
            return self._with_legs(self._or_new(found), invitation, 1)

        await self._records.live_rows.change(principal_key(who), counted)

    async def forget(self, who: Principal, id_: str) -> None:
        """Stop counting a call or an invitation, because an erasure overtook its request."""
        await self._records.live_rows.forget(principal_key(who), id_)

    async def forget_to_account(self, account: str, call_id: str) -> None:
        """The same for a call to a Teams resource account, which is counted there too."""
        await self._records.live_rows.forget(account_key(account), call_id)

    async def _take(
        self, who: Principal, kind: Counted, call_ids: list[str], *, is_renewed: bool = False
    ) -> set[str]:
        taken = set[str]()

        async def changed(found: LiveCalls | None) -> LiveCalls | None:
            nonlocal taken
            counted = {} if found is None else found.calls.get(kind, {})
            young = {
                one for one in call_ids if one in counted and self._now() - counted[one] < _YOUNG
            }
            if not is_renewed and young >= set(call_ids):
                taken = young
                return None
            placed, taken = await self._with_places(self._or_new(found), who, kind, call_ids)
            return placed if taken else None

        await self._records.live_rows.change(principal_key(who), changed)
        return taken

    def _or_new(self, found: LiveCalls | None) -> LiveCalls:
        return LiveCalls(self._now()) if found is None else found

    def _with_legs(self, found: LiveCalls, request_id: str, number: int) -> LiveCalls:
        now = self._now()
        if number > self._max_legs:
            message = f"holds more than the {self._max_legs} that one caller may call in a minute"
            raise InvalidRequest(f"to {message}.", faults=[Fault("policy", "to", message)])
        recent = found.recent_legs(now)
        surplus = sum(one.number for one in recent) + number - self._max_legs
        if surplus <= 0:
            return found.with_legs(request_id, number, now)
        for one in recent:  # the oldest are over first
            surplus -= one.number
            if surplus <= 0:
                break
        raise TooManyLegs(
            f"You may call and invite {self._max_legs} people, bots and numbers a minute.",
            retry_after=(one.at + MINUTE - now).total_seconds(),
        )

    async def _with_places(
        self, found: LiveCalls, who: Principal, kind: Counted, call_ids: list[str]
    ) -> tuple[LiveCalls, set[str]]:
        """The row with a place for each of these calls, as far as there is room, and those that
        have one. If there is too little room, calls that do not go on lose their places."""
        counted, taken, is_pruned = await self._counted(found, who, kind), set[str](), False
        for call_id in call_ids:
            if self._is_full(counted, call_id) and not is_pruned:
                counted, is_pruned = await self._pruned(counted), True
            if not self._is_full(counted, call_id):
                counted[call_id] = self._now()
                taken.add(call_id)
        return found.with_calls(kind, counted), taken

    def _is_full(self, counted: Mapping[str, datetime], call_id: str) -> bool:
        return len(counted.keys() - {call_id}) >= self._max_calls

    async def _counted(
        self, found: LiveCalls, who: Principal, kind: Counted
    ) -> dict[str, datetime]:
        """The calls that have a place, and those that an earlier version has begun.

        A call that ACS was not asked for gets its place from the request that is about to ask.
        """
        counted = dict(found.calls.get(kind, {}))
        if kind in found.calls and self._now() - found.created_at >= _ROLLOUT:
            return counted

        async def look(call: Call) -> None:
            if call.may_have_reached_acs and await self._is_live(call, call.created_at):
                counted[call.call_id] = call.created_at

        await for_each(await self._records.live_calls(who, kind, known=counted.keys()), look)
        return counted

    async def _pruned(
        self, counted: Mapping[str, datetime], *, asks_acs: bool = True
    ) -> dict[str, datetime]:
        """Those of the calls that go on, by their records and by ACS. At least one read for each.

        Args:
            asks_acs: False for many calls at a time: Tidy asks about those whose end was lost.
        """
        live = dict[str, datetime]()

        async def look(call_id: str) -> None:
            call = await self._records.find(call_id)
            if await self._is_live(call, counted[call_id], asks_acs=asks_acs):
                live[call_id] = counted[call_id]

        await for_each(counted, look)
        return live

    async def _is_live(
        self, call: Call | None, taken_at: datetime, *, asks_acs: bool = True
    ) -> bool:
        now = self._now()
        if call is not None and call.state is CallState.DISCONNECTED:
            return False
        if call is None or not call.may_have_reached_acs:
            # Its request is about to ask ACS, or has died.
            return now - taken_at <= _ABOUT_TO_ASK
        age = now - max(call.created_at, taken_at)
        is_stale = age > (UNCONFIRMED if call.bot_state is None else _STALE_RINGING)
        if call.connection_id is None:
            # Perhaps ACS never made it. If it did, its first event, or a repetition of the request,
            # still brings the connection id.
            return not (call.is_refused or is_stale)
        return not (is_stale and asks_acs) or (await self._reconcile(call)).is_ongoing
