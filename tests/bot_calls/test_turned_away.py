"""Calls to a Teams resource account that are turned away: they take no places from other callers,
and leave nothing behind."""

import contextlib

import pytest

from shared.bot_calls.event_grid import GridEvent, IncomingCallResult
from shared.bot_calls.incoming_calls import IncomingCalls
from shared.bounds import TURNED_AWAY_KEPT
from shared.calls.rows import CallState
from shared.operate.tidy import Tidy
from shared.problems import Conflict
from shared.tables import Row
from shared.unavailable import CommunicationUnavailable
from tests.bot_calls.account_world import OTHER_PHONE, PHONE, AccountWorld
from tests.bot_calls.test_account_incoming import ANSWERED, BUSY, world_with
from tests.calls.test_call_records import events
from tests.support.interleaving import Stopped

# What turning a call away writes: the intent, the batch, the caller's index, the record, and that
# it was missed. The caller has no place for it, so none is written.
WRITES = 5


async def tidied(world: AccountWorld) -> None:
    """`Tidy` has run, once no delivery can come again."""
    world.wait(minutes=5, seconds=1)
    host = world.host()
    await world.quietly(Tidy(host.intents, lambda: host.settling.finishers, now=world.clock).run())


async def open_intents(world: AccountWorld) -> list[Row]:
    """Without the note of the last run."""
    return [row for row in await world.intents() if "subject" in row.values]


def without_places(rows: list[Row]) -> list[tuple[str, str]]:
    """What is stored, apart from the rows `live`."""
    return sorted((row.partition_key, row.row_key) for row in rows if row.row_key != "live")


async def test_nothing_of_a_call_that_was_turned_away_stays() -> None:
    world = await world_with()
    await world.rings("one")
    before, [ours] = without_places(world.rows()), await world.intents()
    results = [await world.rings(f"another {n}") for n in range(3)]

    await tidied(world)

    assert results == [BUSY] * 3
    assert without_places(world.rows()) == before
    assert [one.values["subject"] for one in await open_intents(world)] == [ours.values["subject"]]
    assert await world.places_of(PHONE) == world.acs.going_on


@pytest.mark.parametrize("how", ["stop_after", "lose_after"])
@pytest.mark.parametrize("write", range(1, WRITES + 1))
async def test_a_refusal_that_was_killed_is_finished_by_the_next_delivery(
    write: int, how: str
) -> None:
    world = await world_with()
    await world.rings("one")
    before = without_places(world.rows())
    stop_after, lose_after = (write, 0) if how == "stop_after" else (0, write)
    with contextlib.suppress(Stopped):
        await world.rings("two", stop_after=stop_after, lose_after=lose_after)

    result = await world.rings("two")

    assert world.acs.rejected
    assert set(world.acs.rejected) == {"two"}
    assert result in (BUSY, IncomingCallResult.MISSED)
    assert len(world.acs.made) == 1
    await tidied(world)
    assert without_places(world.rows()) == before


@pytest.mark.parametrize("write", [1, 4, 5])
async def test_what_a_refusal_that_was_killed_has_left_goes_without_another_delivery(
    write: int,
) -> None:
    """Of one that was killed before there was a record, the index goes once it is too old."""
    world = await world_with()
    await world.rings("one")
    before = without_places(world.rows())
    with contextlib.suppress(Stopped):
        await world.rings("two", stop_after=write)

    await tidied(world)

    assert without_places(world.rows()) == before


async def test_of_many_calls_that_were_turned_away_a_few_are_kept_for_some_minutes() -> None:
    """So that the list of a bot's calls can be read, and `Tidy` has not too much to do."""
    world = await world_with()
    host = world.incoming()

    async def rings(context: str) -> IncomingCallResult:
        [result] = await world.quietly(host.handle([world.event(context)]))
        return result

    results = [await rings(f"context {n}") for n in range(50)]
    again = await rings("context 49")

    assert [*results, again] == [ANSWERED, *[BUSY] * 50]
    assert len([row for row in world.rows() if row.row_key == "call"]) == 1 + TURNED_AWAY_KEPT
    assert len(await world.intents()) == 1 + TURNED_AWAY_KEPT
    assert len(world.acs.made) == 1
    await tidied(world)
    assert [row.partition_key for row in world.rows() if row.row_key == "call"] == (
        world.acs.going_on
    )


async def test_a_call_that_its_caller_has_no_place_for_takes_none_of_its_account() -> None:
    world = await world_with(most=1)
    world.most_to_account = 2
    told = [world.event(f"context {n}") for n in range(3)]
    told.append(world.event("another's", OTHER_PHONE))

    results = await world.quietly(world.incoming().handle(told))

    assert results == [ANSWERED, BUSY, BUSY, ANSWERED]
    assert len(await world.counted_to_account()) == 2


@pytest.mark.parametrize("write", [0, 1, 2, 3])
async def test_a_call_that_was_given_up_and_goes_on_counts_again_among_those_of_its_account(
    write: int,
) -> None:
    """Also if the host that is told of it dies, and another is told again."""
    world = await world_with(most=5)
    world.most_to_account = 1
    world.acs.loses_answer = True
    with pytest.raises(CommunicationUnavailable):
        await world.rings("lost")
    world.acs.loses_answer = False
    [lost] = world.acs.going_on
    await tidied(world)
    await tidied(world)
    assert await world.rings("another", OTHER_PHONE) is ANSWERED
    assert await world.counted_to_account() == [world.acs.going_on[1]]

    [told] = events("CallConnected")
    with contextlib.suppress(Stopped):
        await world.quietly(world.host(stop_after=write).calls.apply(lost, [told]))
    await world.quietly(world.host().calls.apply(lost, [told]))

    found = await world.quietly(world.host().records.find(lost))
    assert found is not None
    assert found.state is CallState.CONNECTED
    assert set(await world.counted_to_account()) == set(world.acs.going_on)
    assert await world.places_of(PHONE) == [lost]


@pytest.mark.parametrize("is_kept", [True, False])
async def test_two_deliveries_of_one_call_at_once_turn_it_away_and_nothing_stays(
    is_kept: bool,
) -> None:
    for step in range(1, 24, 2):
        world = await world_with()
        hosts = [world.incoming(), world.incoming()]
        await world.rings("one")
        for host in [] if is_kept else hosts:
            told = [world.event(f"{step} {n}") for n in range(TURNED_AWAY_KEPT)]
            await world.quietly(host.handle(told))
        await tidied(world)
        before, event = without_places(world.rows()), world.event("two")

        async def again(
            host: IncomingCalls = hosts[1], event: GridEvent = event, world: AccountWorld = world
        ) -> None:
            with contextlib.suppress(Conflict):  # then it is delivered once more
                await world.quietly(host.handle([event]))

        first = await world.schedule.hold(hosts[0].handle([event]), step, again)

        assert first.exception() is None or isinstance(first.exception(), Conflict)
        assert "two" in world.acs.rejected
        assert len(world.acs.made) == 1
        await tidied(world)
        assert without_places(world.rows()) == before, step
