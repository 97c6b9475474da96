"""Calls of earlier versions keep their places as long as they go on, and legs for a minute."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shared.app import App
from shared.calls.limits import CallLimit
from shared.calls.live_calls import LIVE_ROW, Counted, Legs, LiveCalls
from shared.calls.rows import Call, CallState
from shared.keys import principal_key
from shared.problems import TooManyCalls, TooManyLegs
from shared.table_api import TableApi
from shared.tables import CALLS, Row, Table
from tests.golden.conftest import Changing, SignIn
from tests.golden.product import READ, START, user

PLACED, TO_BOT = "6edd3ed1e34049c881d9402a3bd6c3eb", "8f94d45f9fda46bbb0de5f0f5cd75583"
WIMS_TO_BOT = "ff04a48e5fcd485ab0010a8e9c7b61e1"
INVITED = datetime(2026, 11, 28, 12, 0, 1, 1000, UTC)
ULLA = LiveCalls(
    START,
    {Counted.PLACED: {PLACED: START}, Counted.TO_BOTS: {TO_BOT: INVITED + timedelta(minutes=1)}},
    (Legs("6edd3ed1e34049c8", 2, START), Legs("7bcb609157aed096", 1, INVITED)),
)


async def live_row(app: App, who: str) -> Row | None:
    table = Table(TableApi(CALLS, app.settings.upstream, app.upstream))
    return await table.find(principal_key(user(who)), LIVE_ROW)


def limit(
    app: App, now: datetime, *, is_ongoing: bool, calls: int = 1, legs: int = 500
) -> CallLimit:
    """A limit on calls, which ACS has or has not."""

    async def reconcile(call: Call) -> Call:
        return call if is_ongoing else replace(call, state=CallState.DISCONNECTED)

    return CallLimit(app.call_records, reconcile, calls, legs, lambda: now)


async def test_the_calls_that_count_are_read_and_the_legs(app: App) -> None:
    [ulla, viktor, wim] = [await live_row(app, who) for who in ("ulla", "viktor", "wim")]

    assert ulla is not None
    assert LiveCalls.of(ulla) == ULLA
    assert viktor is not None
    assert LiveCalls.of(viktor).calls == {}
    assert [one.number for one in LiveCalls.of(viktor).legs] == [1]
    assert wim is not None
    assert {kind: list(ids) for kind, ids in LiveCalls.of(wim).calls.items()} == {
        Counted.TO_BOTS: [WIMS_TO_BOT]
    }
    assert LiveCalls.of(wim).legs == ()


async def test_a_call_that_goes_on_keeps_its_place_and_one_that_has_ended_makes_room(
    app: App,
) -> None:
    row, ulla = await live_row(app, "ulla"), user("ulla")
    with pytest.raises(TooManyCalls):
        await limit(app, READ, is_ongoing=True).with_new_call(ulla, row, "f" * 32, 1)

    values = await limit(app, READ, is_ongoing=False).with_new_call(ulla, row, "f" * 32, 1)

    assert row is not None
    placed = LiveCalls.of(row._replace(values=values))
    assert placed.calls == {**ULLA.calls, Counted.PLACED: {"f" * 32: READ}}
    assert placed.legs == (Legs("f" * 16, 1, READ),)


async def test_a_leg_counts_for_a_minute(app: App) -> None:
    row, ulla = await live_row(app, "ulla"), user("ulla")
    late = START + timedelta(seconds=59)
    with pytest.raises(TooManyLegs) as refused:
        await limit(app, late, is_ongoing=True, calls=2, legs=3).with_new_call(
            ulla, row, "f" * 32, 2
        )
    assert refused.value.retry_after == 1

    later = late + timedelta(seconds=1)
    await limit(app, later, is_ongoing=True, calls=2, legs=3).with_new_call(ulla, row, "f" * 32, 2)


async def test_an_erasure_takes_the_row_along(
    app: App, sign_in: SignIn, changing: Changing
) -> None:
    changing("calls", "identities")

    for who in ("viktor", "wim"):
        await app.personal_data.erase(sign_in(who).caller)

    assert [await live_row(app, who) for who in ("viktor", "wim")] == [None, None]
