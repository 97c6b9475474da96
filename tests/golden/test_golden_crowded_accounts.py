"""Calls to a Teams resource account that go on keep their places among the calls to it."""

from shared.app import App
from shared.calls.limits import CallLimit
from shared.calls.live_calls import LIVE_ROW, Counted, LiveCalls, account_key
from shared.calls.rows import Call, CallState
from shared.table_api import TableApi
from shared.tables import CALLS, Table
from tests.golden.conftest import Changing
from tests.golden.product import READ
from tests.golden.scenes.crowded_accounts import CROWDED


async def test_of_two_calls_the_one_that_may_go_on_keeps_its_place(
    app: App, changing: Changing
) -> None:
    changing(CALLS)
    table = Table(TableApi(CALLS, app.settings.upstream, app.upstream))
    row = await table.find(account_key(CROWDED), LIVE_ROW)
    assert row is not None
    counted = LiveCalls.of(row).calls[Counted.TO_ACCOUNT]
    found = [await app.call_records.find(call_id) for call_id in counted]
    states = {call.call_id: call.state for call in found if call is not None}
    assert sorted(states.values()) == [CallState.DISCONNECTED, CallState.PLACING]

    async def never(call: Call) -> Call:
        raise AssertionError("ACS is not asked about calls to accounts")

    # Its place was taken just now: the call may be answered any moment.
    now = max(counted.values())
    limit = CallLimit(app.call_records, never, 1, 1, lambda: now, max_to_account=2)
    assert await limit.take_to_account(CROWDED, ["new"]) == {"new"}
    limit = CallLimit(app.call_records, never, 1, 1, lambda: now, max_to_account=2)
    assert await limit.take_to_account(CROWDED, ["newer"]) == set()
    # A day later it does not ring any more.
    limit = CallLimit(app.call_records, never, 1, 1, lambda: READ, max_to_account=2)
    assert await limit.take_to_account(CROWDED, ["newer"]) == {"newer"}
