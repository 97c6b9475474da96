"""The bots of a realm are counted: requests that race for the last place, are killed, or are slow
leave no bot that is not counted, and no place without a bot."""

import asyncio

import pytest

from shared.identity.bot_places import TAKE
from shared.identity.checks import IdentityChecks
from shared.identity.rows import bot_place, bots_key
from shared.intents import SHARDS, Intents
from shared.tables import IDENTITIES, INTENTS, RowChanged
from shared.unavailable import CommunicationUnavailable
from tests.identity.bots_world import (
    HOW,
    STEPS,
    WRITES,
    alone,
    bot_of,
    check,
    check_all,
    operator,
    register,
    remove,
)
from tests.support.fake_acs import FakeAcs
from tests.support.interleaving import Schedule
from tests.support.memory_tables import memory_clients
from tests.support.world import World

pytestmark = [pytest.mark.usefixtures("no_pauses"), pytest.mark.steps]


@pytest.fixture
def world() -> World:
    """With two places."""
    return World(memory_clients(), Schedule())


@pytest.mark.parametrize("step", STEPS)
async def test_of_two_bots_for_which_there_is_one_place_at_most_one_is_registered(
    world: World, step: int
) -> None:
    assert await world.quietly(register(world, "first"))
    registered = list[bool | None]()

    async def another() -> None:
        registered.append(await world.quietly(register(world, "third")))

    held = await world.schedule.hold(register(world, "second"), step, another)

    registered.append(held.result())
    assert registered.count(True) <= 1
    names = [
        name for name, is_there in zip(("third", "second"), registered, strict=True) if is_there
    ]
    await check(world, "first", *names)


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("write", WRITES)
async def test_of_a_bot_that_is_one_too_many_nothing_is_left_once_its_request_is_repeated(
    world: World, how: str, write: int
) -> None:
    for name in ("first", "second"):
        assert await world.quietly(register(world, name))

    assert not await world.quietly(register(world, "third", **{how: write}))
    assert await world.quietly(register(world, "third")) is False
    await check(world, "first", "second")

    await world.quietly(remove(world, "first"))
    assert await world.quietly(register(world, "third"))
    await check(world, "second", "third")


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("write", WRITES)
async def test_a_bot_whose_request_is_repeated_has_one_place_and_keeps_it(
    world: World, how: str, write: int
) -> None:
    await world.quietly(register(world, "first", **{how: write}))
    assert await world.quietly(register(world, "first"))
    assert await world.quietly(register(world, "second"))

    assert await world.quietly(register(world, "first"))
    await check(world, "first", "second")


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("write", WRITES)
async def test_the_place_of_a_bot_that_is_removed_is_free(
    world: World, how: str, write: int
) -> None:
    for name in ("first", "second"):
        assert await world.quietly(register(world, name))

    await world.quietly(remove(world, "first", **{how: write}))
    await world.quietly(remove(world, "first"))

    assert await world.quietly(register(world, "third"))
    await check(world, "second", "third")


@pytest.mark.parametrize("step", STEPS)
async def test_a_slow_removal_leaves_the_place_of_the_bot_that_came_after(
    world: World, step: int
) -> None:
    assert await world.quietly(register(world, "bot"))

    async def come_again() -> None:
        await world.quietly(remove(world, "bot"))
        assert await world.quietly(register(world, "bot"))

    await world.schedule.hold(remove(world, "bot"), step, come_again)

    await check(world, *await check_all(world))


@pytest.mark.parametrize("write", WRITES)
async def test_what_a_killed_registration_has_left_is_free_or_its_bots(
    world: World, write: int
) -> None:
    ended = await world.quietly(register(world, "bot", stop_after=write))

    assert await check_all(world) in ([{"bot"}] if ended else [set(), {"bot"}])


async def test_what_fails_in_an_outage_of_acs_takes_no_place_for_good(world: World) -> None:
    with world.acs_down():
        for name in ("first", "second", "second"):
            with pytest.raises(CommunicationUnavailable):
                await world.quietly(register(world, name))

    await check_all(world)
    for name in ("third", "bot"):
        assert await world.quietly(register(world, name))
    await check(world, "third", "bot")


async def test_a_repetition_that_is_under_way_keeps_the_place_of_the_one_that_failed(
    world: World,
) -> None:
    """The place of the first is due while the second waits for ACS."""
    await world.quietly(register(world, "bot", stop_after=2))
    world.wait(minutes=2)

    held = await world.schedule.hold(
        register(world, "bot"), 6, lambda: world.tidy(bot_of(world, "bot"))
    )

    assert held.result()
    assert await check_all(world) == {"bot"}


@pytest.mark.parametrize("step", STEPS)
async def test_a_bot_that_is_removed_before_it_is_there_is_counted(world: World, step: int) -> None:
    await world.schedule.hold(register(world, "bot"), step, lambda: alone(world, remove, "bot"))

    await check(world, *await check_all(world))


@pytest.mark.parametrize("step", STEPS)
async def test_a_bot_is_counted_that_comes_while_it_is_removed(world: World, step: int) -> None:
    await world.schedule.hold(remove(world, "bot"), step, lambda: alone(world, register, "bot"))

    await check(world, *await check_all(world))


@pytest.mark.parametrize("step", STEPS)
async def test_whose_place_is_taken_by_another_meanwhile_is_refused(
    world: World, step: int
) -> None:
    assert await world.quietly(register(world, "first"))

    async def another() -> None:
        await world.quietly(remove(world, "second"))
        await world.quietly(register(world, "third"))

    held = await world.schedule.hold(register(world, "second"), step, another)

    names = await check_all(world)
    assert held.result() or "second" not in names
    await check(world, *names)


@pytest.mark.parametrize("step", STEPS)
async def test_a_refused_request_leaves_the_place_of_another_for_the_same_bot(
    world: World, step: int
) -> None:
    """The first is refused because of a bot that is removed then; the second is not."""
    for name in ("first", "second"):
        assert await world.quietly(register(world, name))

    async def another() -> None:
        await world.quietly(remove(world, "first"))
        assert await world.quietly(register(world, "bot"))

    await world.schedule.hold(register(world, "bot"), step, another)

    assert await check_all(world) == {"second", "bot"}
    await check(world, "second", "bot")


async def test_a_refused_request_leaves_the_place_of_a_bot_that_is_there_by_now(
    world: World,
) -> None:
    """It is refused because of a third, who has a place for a moment, and is refused, too."""
    assert await world.quietly(register(world, "first"))
    table, third = world.table(IDENTITIES), bot_place(bot_of(world, "third"))

    async def another() -> None:
        assert await world.quietly(register(world, "bot"))
        values = {"createdAt": operator(world).issued_at}
        await world.quietly(table.put(bots_key(world.realm), third, values))

    held = await world.schedule.hold(register(world, "bot"), 2, another)
    await world.quietly(table.remove(bots_key(world.realm), third))

    assert held.result() is False
    assert await check_all(world) == {"first", "bot"}


@pytest.mark.parametrize("step", range(8))
async def test_tidy_writes_no_place_of_a_bot_that_is_removed_meanwhile(
    world: World, step: int
) -> None:
    """The registration was killed when the bot was there, and its place was gone."""
    bot = bot_of(world, "bot")
    await world.quietly(register(world, "bot", stop_after=5))
    await world.quietly(world.table(IDENTITIES).remove(bots_key(world.realm), bot_place(bot)))
    world.wait(minutes=2)
    intents = Intents(world.table(INTENTS), lambda: operator(world).issued_at)
    [intent] = [one for shard in SHARDS for one in await world.quietly(intents.due(shard, 9))]
    finish = world.quiet().places.finishers[TAKE]

    await world.schedule.hold(finish(intent), step, lambda: alone(world, remove, "bot"))
    await world.quietly(intents.end(intent))

    assert await check_all(world) == set()


async def test_what_is_about_to_remove_a_place_fails_once_the_bot_is_there(world: World) -> None:
    """Also if storage makes the change very late."""
    table, service, bot = world.table(IDENTITIES), world.quiet(), bot_of(world, "bot")
    taken = await world.quietly(service.places.take(bot))
    await world.quietly(service.tokens.enrol_bot(bot, "Bot"))
    await world.quietly(service.places.keep(taken))

    with pytest.raises(RowChanged):
        await world.quietly(table.remove_unchanged(taken.row))

    assert await check_all(world) == {"bot"}


@pytest.mark.parametrize("step", range(12))
async def test_who_registers_after_a_removal_gets_a_bot_that_is_there(
    world: World, step: int
) -> None:
    """Also on the host where a registration from before the removal is under way."""
    bots, later = world.quiet().bots, list[asyncio.Future[object]]()

    async def come_again() -> None:
        await world.quietly(remove(world, "bot"))
        later.append(asyncio.ensure_future(bots.register(operator(world), "bot", "Bot")))
        await world.schedule.settle()
        for _ in range(2):  # it finds no bot
            await world.schedule.step(0)

    await world.schedule.hold(bots.register(operator(world), "bot", "Bot"), step, come_again)

    await asyncio.gather(*later)
    assert await check_all(world) == {"bot"}


async def test_the_check_of_data_leaves_to_tidy_what_a_request_has_just_taken(world: World) -> None:
    taken = await world.quietly(world.quiet().places.take(bot_of(world, "bot")))

    # It never asks ACS here.
    checks = IdentityChecks(world.table(IDENTITIES), FakeAcs("resource"))
    [rule] = [rule for rule in checks.rules if rule.kind == "bot-place-without-bot"]
    assert await world.quietly(rule.is_broken(taken.row))
    assert taken.intent.subject in rule.subjects(taken.row)
