"""The limit of friends tells nothing about others: it counts only the caller's own decisions."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, override

import pytest

from shared.bounds import FRIENDS as MOST
from shared.bounds import UNANSWERED
from shared.friends.rows import KEPT, NO_TOLD, Decision
from shared.problems import Problem, TooManyFriends
from tests.project.limits_met import StoredWorld
from tests.project.stored_limits_met import store_friends
from tests.support.deeds import Wish
from tests.support.interleaving import Instance
from tests.support.memory_tables import MemoryTable
from tests.support.world import Service

ANN, BEN, CAT, DAN = range(4)
FEW = 3
ASKED = (Wish("add", ANN, BEN), Wish("remove", ANN, BEN))
WERE_FRIENDS = (Wish("add", BEN, ANN), *ASKED)
BLOCK, NO = Wish("block", BEN, ANN), Wish("remove", BEN, ANN)
# Sequences of decisions of both that look the same to Ann. They differ in what Ben decides, last or
# first.
ALIKE = {
    "Ann never asked": ([], [BLOCK], [Wish("add", BEN, ANN), NO]),
    "Ann withdrew": (ASKED, (BLOCK, *ASKED), (*ASKED, BLOCK)),
    "they were friends": (WERE_FRIENDS, (*WERE_FRIENDS, NO), (*WERE_FRIENDS, BLOCK)),
}
MINUTE = timedelta(minutes=1)
WAITS = (5 * MINUTE, NO_TOLD - MINUTE, NO_TOLD + MINUTE, 2 * KEPT)

pytestmark = pytest.mark.usefixtures("no_pauses")


@pytest.fixture(autouse=True)
def few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer rows are enough here; tests/project/test_limits.py has as many as there may be."""
    monkeypatch.setattr("shared.friends.crowds.FRIENDS", MOST._replace(number=FEW))
    monkeypatch.setattr("shared.friends.crowds.UNANSWERED", UNANSWERED._replace(number=1))


class Counted(Instance):
    """Counts the requests to storage."""

    asked = 0

    @override
    async def do[T](self, call: Callable[[], Awaitable[T]], *, write: bool) -> T:
        self.asked += 1
        return await super().do(call, write=write)


async def new_world(others: int, wishes: Sequence[Wish]) -> StoredWorld:
    """Ann has decided about so many others, and then these wishes are fulfilled."""
    world = StoredWorld()
    await store_friends(world, others, Decision.BLOCK, Decision.NONE)
    for wish in wishes:
        assert (await world.alone(wish)).refused is None
    return world


async def answer(
    world: StoredWorld, ask: Callable[[Service], Awaitable[object]]
) -> tuple[object, int]:
    """What is answered, and how many requests to storage that takes."""
    instance = Counted(world.schedule)
    try:
        answered = await world.quietly(ask(world.service(instance)))
    except Problem as problem:
        answered = problem.code
    return answered, instance.asked


async def seen_by_ann(world: StoredWorld) -> list[object]:
    """All that Ann sees at the limit, and of Ben."""
    ann, ben, cat = world.caller(ANN), world.principal(BEN).id, world.principal(CAT).id
    asked: list[Callable[[Service], Awaitable[object]]] = [
        lambda service: service.friendships.export(ann.principal),
        lambda service: service.friends.list_for(ann, None, ""),
        lambda service: service.friends.remove(ann, ben, block=None),
        lambda service: service.friends.add(ann, cat),
        lambda service: service.friends.remove(ann, ben, block=True),
        lambda service: service.friendships.export(ann.principal),
    ]
    seen = [await answer(world, ask) for ask in asked]
    return [(_told(what, world.realm), count) for what, count in seen]


def _told(answered: object, realm: str) -> str:
    """In an order that does not depend on the realm; the order of keys does."""
    if isinstance(answered, list):
        return str(sorted(_told(one, realm) for one in answered))
    return str(answered).replace(realm, "realm")


@pytest.mark.parametrize("wait", WAITS, ids=str)
@pytest.mark.parametrize("alike", ALIKE.values(), ids=ALIKE)
async def test_the_limit_and_the_export_tell_nothing_of_what_the_other_said(
    alike: tuple[Sequence[Wish], ...], wait: timedelta
) -> None:
    """Ann fills up, waits until what she withdrew has gone, or not, and asks one person more."""
    seen = []
    for wishes in alike:
        world = await new_world(FEW - 1, wishes)
        world.wait(seconds=wait.total_seconds())
        await world.tidy()
        await world.alone(Wish("sweep", ANN))
        seen.append(await seen_by_ann(world))

    assert seen[1:] == [seen[0]] * (len(alike) - 1)


@pytest.mark.parametrize(
    ("wait", "refused"), [(NO_TOLD - MINUTE, TooManyFriends), (NO_TOLD + MINUTE, None)]
)
async def test_what_was_withdrawn_counts_for_as_long_as_a_no_is_told(
    wait: timedelta, refused: type[Problem] | None
) -> None:
    world = await new_world(FEW - 1, (*ASKED, BLOCK))
    world.wait(seconds=wait.total_seconds())

    asked = (await world.alone(Wish("add", ANN, CAT))).refused

    assert asked is None if refused is None else isinstance(asked, refused)


@pytest.mark.parametrize("step", range(12))
async def test_a_request_that_is_taken_back_leaves_the_same_whatever_the_other_said(
    step: int,
) -> None:
    """Two requests at the same time are one too many: Ann's request to Ben of hours ago is taken
    back."""
    seen = []
    for wishes in ALIKE["Ann withdrew"]:
        world = await new_world(0, wishes)
        world.wait(hours=2)
        await world.tidy()
        asks_ben = world.fulfil(Wish("add", ANN, BEN))
        await world.schedule.hold(asks_ben, step, partial(world.alone, Wish("add", ANN, CAT)))
        seen.append(await seen_by_ann(world))

    assert seen[1:] == [seen[0]] * (len(seen) - 1)


async def test_at_the_limit_who_asks_is_declined_and_neither_accepted_nor_blocked() -> None:
    world = await new_world(FEW, [Wish("add", BEN, ANN), Wish("add", CAT, ANN)])

    for kind in ("add", "block"):
        assert isinstance((await world.alone(Wish(kind, ANN, BEN))).refused, TooManyFriends)
    assert (await world.alone(Wish("remove", ANN, CAT))).refused is None


async def test_decisions_about_people_who_count_already_are_possible_at_the_limit() -> None:
    """A repetition, a new request after one withdrawn just now, a block, and its end."""
    world = await new_world(FEW - 1, [])

    for kind in ("add", "add", "remove", "add", "block", "block", "add", "remove"):
        assert (await world.alone(Wish(kind, ANN, BEN))).refused is None, kind
        assert isinstance((await world.alone(Wish("add", ANN, CAT))).refused, Problem)


@pytest.mark.parametrize("others", [FEW - 1, FEW])
async def test_to_count_reads_the_state_of_each_alone(
    others: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also to refuse: there may be thousands, and the names of all are hundreds of kilobytes."""
    world = await new_world(others, [])
    read = set[str]()
    query = MemoryTable.query

    async def noted(self: MemoryTable, *args: Any) -> Any:
        rows, more = await query(self, *args)
        read.update(name for row in rows for name in row.values)
        return rows, more

    monkeypatch.setattr(MemoryTable, "query", noted)
    await world.alone(Wish("add", ANN, BEN))

    assert read == {"state"}


async def test_a_refused_accept_leaves_nothing() -> None:
    world = await new_world(FEW, [Wish("add", BEN, ANN)])
    await world.alone(Wish("add", ANN, BEN))
    await world.tidy()

    listed, _ = await world.quietly(world.quiet().friends.list_for(world.caller(ANN), None, ""))

    assert [(friend.id, friend.state) for friend in listed] == [
        (world.principal(BEN).id, "incoming")
    ]
