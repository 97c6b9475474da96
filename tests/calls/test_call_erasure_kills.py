"""A host dies while a person with calls is erased, or while it places a call of a person who then
erases themselves: once the erasure is repeated, no call is left in ACS and no row here.

Each test holds one request at every step, each of another caller, and kills the host once."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Sequence

from tests.calls.test_call_kills import (
    AGAIN,
    CALLING,
    PLACING,
    callers,
    connected,
    have_ended,
    id_of,
    telling,
)
from tests.calls.test_calls import in_acs, place, watched
from tests.meetings.test_meeting_kills import around, asked, covered
from tests.privacy.test_erasure import rows_about
from tests.support.api import Reply
from tests.support.control import Control
from tests.support.kills import Step
from tests.support.people import People, Person
from tests.support.sampling import Few
from tests.support.stack import Host, Stack
from tests.support.storage import Kill, KillEach, mapping_key
from tests.support.table_proxy import TableProxy

__all__ = ["telling"]

ERASING = around(
    ("acs", "terminateCall", 0),
    # The intent of the call, the row that counts the caller's calls, the key, and the record.
    *[("tables", "remove", n) for n in range(4)],
    ("tables", "remove", 5),  # the second of two events, which go at a time
    ("tables", "remove", 6),  # the index
)


def only_tombstones_are_left(stack: Stack, of: Sequence[Person], calls: Sequence[str]) -> None:
    keys = [mapping_key(stack, person.id) for person in of]
    rows = rows_about(stack, *keys, *calls)
    assert sorted(row["PartitionKey"] for row in rows) == sorted(keys)
    assert all("erasedAt" in row for row in rows)


async def test_an_erasure_killed_anywhere_ends_the_call_and_leaves_nothing_when_it_is_repeated(
    stack: Stack,
    tables: TableProxy,
    acs: Control,
    counted_host: Host,
    people: People,
    kill_each: KillEach,
    sample: Few,
) -> None:
    steps = sample(ERASING)
    (first, _), *pairs = await connected(people, counted_host, 1 + len(steps))
    managers, calls = [one for one, _ in pairs], [call for _, call in pairs]
    await acs.put("callbacks", {"hold": True, "attempts": 1})
    # The intent to erase, and the identity's.
    own = {("tables", "insert"): 1, ("tables", "update"): 2, ("tables", "remove"): 2}
    own |= {("acs", "delete"): 1}
    assert await asked(tables, acs, first.forget(), "acs") == covered(ERASING) + Counter(own)

    await kill_each(zip(steps, [one.forget() for one in managers], strict=True))
    replies = await asyncio.gather(*(one.forget() for one in managers))

    assert {reply.status for reply in replies} == {204}, replies
    await have_ended(acs, calls)
    only_tombstones_are_left(stack, managers, calls)
    await acs.tell()  # of their end
    assert {tuple((await in_acs(acs, one))["callbacks"][-1]["attempts"]) for one in calls} == {
        (404,)
    }
    only_tombstones_are_left(stack, managers, calls)


async def test_a_placing_killed_anywhere_leaves_no_call_of_who_is_erased_instead(
    stack: Stack, acs: Control, counted_host: Host, people: People, kill_each: KillEach, few: Few
) -> None:
    steps = few(PLACING)
    bob, managers = await callers(people, counted_host, len(steps))
    await acs.put("callbacks", {"hold": True})
    before = len((await acs.state())["calls"])
    placed = [place(manager, {"user": bob.id}) for manager in managers]

    await kill_each(zip(steps, placed, strict=True))
    replies = await asyncio.gather(*(manager.forget() for manager in managers))
    await acs.put("callbacks", AGAIN)

    assert {reply.status for reply in replies} == {204}
    made = (await acs.state())["calls"][before:]
    called = sum(PLACING.index(step) >= CALLING for step in steps)
    assert len(made) == called  # the erasure itself asks ACS for none
    calls = [one["callbackUri"].rpartition("/")[2] for one in made]
    await have_ended(acs, calls)
    only_tombstones_are_left(stack, managers, calls)


async def test_a_placing_killed_without_a_record_and_repeated_after_another_is_ended_by_an_erasure(
    acs: Control, counted_host: Host, people: People, kill: Kill
) -> None:
    bob, [manager] = await callers(people, counted_host, 1)

    def placed(key: str) -> Awaitable[Reply]:
        return place(manager, {"user": bob.id}, key=key)

    await kill(Step("tables", "insert", 1, "before"), placed("key"))
    calls = [id_of(await placed(key)) for key in ("another", "key")]
    for call in calls:
        await watched(manager, call, lambda now: len(now["events"]) == 2)  # none comes any more
    assert (await manager.forget()).status == 204

    await have_ended(acs, calls)
