"""Places of calls to bots. A place is room for one call: among those of its caller, and among those
to the Teams resource account that was called."""

import asyncio
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass

from shared.bot_calls.routing import Route
from shared.calls import reasons
from shared.calls.limits import CallLimit
from shared.calls.reasons import Reason
from shared.calls.rows import Call, CallState
from shared.intents import Intent
from shared.principals import Principal

_CALLER_BUSY = Reason(486, 0, reasons.CALLER_BUSY)
_ACCOUNT_BUSY = Reason(486, 0, reasons.ACCOUNT_BUSY)


@dataclass(frozen=True)
class RecordedCall:
    """A call that rings, and its record.

    Attributes:
        intent: leads Tidy to the call, if this delivery is the first about it.
    """

    route: Route
    call: Call
    intent: Intent | None


class Places:
    """Which of the calls of a delivery have a place among those of their caller, and of the Teams
    resource account that was called. All calls of one caller, or account, take their places at
    once, the earlier before the later. If its caller has no place for a call, it takes none of the
    account's, which others need."""

    def __init__(self, limit: CallLimit, recorded: Iterable[RecordedCall]) -> None:
        self._limit = limit
        self._waiting = [
            one
            for one in recorded
            if one.call.state is CallState.PLACING and one.call.bot_state is None
        ]
        self._waiting.sort(key=lambda one: (one.call.created_at, one.call.call_id))
        self._taking: dict[Principal | str, asyncio.Task[set[str]]] = {}

    async def refusal(self, route: Route, call: Call) -> Reason | None:
        """Why there is no place for a call; None if it has its places."""
        if call.call_id not in await self._taken(route.caller):
            return _CALLER_BUSY
        if route.account is not None and call.call_id not in await self._taken(route.account):
            return _ACCOUNT_BUSY
        return None

    def _taken(self, whose: Principal | str) -> Awaitable[set[str]]:
        """Those of the calls of a caller, or to an account, that have a place."""
        if whose not in self._taking:
            take = self._to_account(whose) if isinstance(whose, str) else self._of_caller(whose)
            self._taking[whose] = asyncio.create_task(take)
        return self._taking[whose]

    async def _of_caller(self, caller: Principal) -> set[str]:
        ids = [one.call.call_id for one in self._waiting if one.route.caller == caller]
        return await self._limit.take_to_bots(caller, dict.fromkeys(ids))

    async def _to_account(self, account: str) -> set[str]:
        calls = [one for one in self._waiting if one.route.account == account]
        callers = dict.fromkeys(one.route.caller for one in calls)
        # If storage fails for one caller, their calls are delivered again; the others have places.
        taken = await asyncio.gather(*map(self._taken, callers), return_exceptions=True)
        admitted = {id_ for ids in taken if not isinstance(ids, BaseException) for id_ in ids}
        ids = [one.call.call_id for one in calls if one.call.call_id in admitted]
        return await self._limit.take_to_account(account, dict.fromkeys(ids))
