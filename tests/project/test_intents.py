"""Intents are due when nobody ended them, and one instance at a time takes each."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from shared.intents import LONGEST_BACKOFF, SHARDS, Intent, Intents, backoff
from shared.settings import load
from shared.table_api import TableApi
from shared.tables import INTENTS, Table
from shared.upstream.clients import Upstream
from tests.support.stack import Stack
from tests.support.tidying import make_due

pytestmark = pytest.mark.emulators

MINUTE = timedelta(minutes=1)


class Clock:
    """In the past, where no other test's intents are due."""

    def __init__(self) -> None:
        self.now = datetime(2000, 1, 1, tzinfo=UTC)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def intents(stack: Stack, clock: Clock) -> AsyncIterator[Intents]:
    upstream = Upstream()
    table = Table(TableApi(INTENTS, load(stack.settings).upstream, upstream))
    yield Intents(table, lambda: clock.now)
    await upstream.close()


async def all_due(intents: Intents) -> list[Intent]:
    return [intent for shard in SHARDS for intent in await intents.due(shard, 50)]


async def test_an_intent_is_due_a_minute_later_unless_it_was_ended(
    intents: Intents, clock: Clock
) -> None:
    kept = await intents.begin("share", "call", {"owner": "hash"})
    async with intents.around("share", "call"):
        at_once = await all_due(intents)

    clock.now += MINUTE + timedelta(milliseconds=1)
    [found] = await all_due(intents)

    assert at_once == []
    assert (found.kind, found.subject, found.details) == ("share", "call", {"owner": "hash"})
    assert (found.attempts, found.begun_at) == (0, kept.begun_at)
    await intents.end(found)
    assert await all_due(intents) == []


async def test_what_fails_inside_leaves_its_intent(intents: Intents, clock: Clock) -> None:
    with pytest.raises(ValueError, match="no"):
        async with intents.around("unshare", "call"):
            raise ValueError("no")

    clock.now += 2 * MINUTE
    [left] = await all_due(intents)
    await intents.end(left)


async def test_of_many_who_claim_an_intent_one_gets_it(intents: Intents, clock: Clock) -> None:
    await intents.begin("erase", "somebody")
    clock.now += 2 * MINUTE
    [due] = await all_due(intents)

    claims = await asyncio.gather(*(intents.claim(due) for _ in range(8)))

    [claimed] = [claim for claim in claims if claim is not None]
    assert (claimed.attempts, claimed.begun_at) == (1, due.begun_at)
    assert await all_due(intents) == []
    clock.now += 5 * MINUTE + timedelta(milliseconds=1)
    assert await all_due(intents) == [claimed]
    await intents.end(claimed)


async def test_an_intent_that_was_ended_cannot_be_claimed(intents: Intents, clock: Clock) -> None:
    intent = await intents.begin("erase", "somebody")

    await intents.end(intent)

    assert await intents.claim(intent) is None
    clock.now += timedelta(days=2)
    assert await all_due(intents) == []


def test_each_failure_doubles_the_rest_up_to_a_day() -> None:
    rests = [backoff(attempts) / MINUTE for attempts in range(10)]

    assert rests == [5, 10, 20, 40, 80, 160, 320, 640, 1280, LONGEST_BACKOFF / MINUTE]
    assert backoff(10_000) == LONGEST_BACKOFF


async def test_a_test_makes_those_of_one_subject_due_that_are_due_at_two_times(
    intents: Intents, clock: Clock, stack: Stack
) -> None:
    for hours in (1, 2):
        await intents.expect("withdrawn", "twice", clock.now + timedelta(hours=hours))

    await make_due(stack, "withdrawn", subject="twice")

    due = [one for one in await all_due(intents) if one.subject == "twice"]
    assert [one.begun_at for one in due] == [clock.now - timedelta(hours=1)] * 2
    await intents.end_all("withdrawn", "twice")
