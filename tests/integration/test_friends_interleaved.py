"""Friendships hold in every interleaving of requests, wherever some of them are cut off.

Hypothesis chooses requests of four people, the order of their storage requests on real Azurite,
and after which write an instance dies. FRIENDS_EXAMPLES=2000 searches for longer.
"""

import asyncio
import itertools
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from shared.acs_identity import Grant
from shared.app import table_client
from shared.erasure import IdentityErasure
from shared.friend_rows import State
from shared.friends import Friend, Friends
from shared.friendships import Friendships
from shared.identities import Identities
from shared.identity_rows import principal_key
from shared.people import People
from shared.principals import Caller, Kind, Principal
from shared.problems import BeingErased, Conflict, NotFound, Problem
from shared.settings import Settings, load
from shared.tables import FRIENDS, IDENTITIES, Table
from shared.token_policy import Policy
from shared.tokens import Tokens
from shared.upstream import Upstream
from tests.integration.interleaving import Instance, Schedule, Stopped
from tests.stack import Stack

EXAMPLES = int(os.environ.get("FRIENDS_EXAMPLES", "70"))
WHO = ("ann", "ben", "cat", "dan")
AT_ONCE = 3
VOIP = frozenset({"voip"})
_worlds = itertools.count()


@dataclass(frozen=True)
class Wish:
    """A request to come.

    Attributes:
        stop_after: the write behind which its instance dies; 0 for never.
    """

    kind: str
    who: int
    whom: int
    stop_after: int


@dataclass
class Deed:
    """A request that has begun. Times are counts of what happened; `ended` 0: it was cut off."""

    wish: Wish
    began: int
    ended: int = 0
    seen: Friend | None = None
    refused: Problem | None = None


class FakeAcs:
    """Identities are numbers; none is made or used up for nothing."""

    def __init__(self, resource: str) -> None:
        self._resource = resource
        self._serial = itertools.count()
        self.living: set[str] = set()

    async def create_user(self, scopes: frozenset[str], minutes: int) -> tuple[str, Grant]:
        user_id = f"8:acs:{self._resource}_{next(self._serial)}"
        self.living.add(user_id)
        return user_id, await self.issue_token(user_id, scopes, minutes)

    async def issue_token(self, user_id: str, scopes: frozenset[str], minutes: int) -> Grant:
        now = datetime.now(UTC)
        return Grant("token", now + timedelta(hours=1), scopes, minutes, now)

    async def revoke_tokens(self, user_id: str) -> None:
        pass

    async def delete_user(self, user_id: str) -> None:
        self.living.discard(user_id)


class NoSharings:
    """Whoever parts, nothing was shared."""

    async def part(self, one: Principal, other: Principal) -> None:
        pass


@dataclass(frozen=True)
class Service:
    friends: Friends
    friendships: Friendships
    identities: Identities
    tokens: Tokens
    people: People


class World:
    """Four people in a realm of their own, and everything they have asked for."""

    def __init__(self, settings_: Settings, upstream: Upstream, schedule: Schedule) -> None:
        self.realm = next(realm for n in _worlds if _in_order(realm := f"interleaved {n}"))
        self.schedule = schedule
        self.deeds: list[Deed] = []
        self._clients = {
            name: table_client(settings_, upstream, name) for name in (IDENTITIES, FRIENDS)
        }
        self._acs = FakeAcs(self.realm)
        self._now = datetime(2026, 1, 1, tzinfo=UTC)
        self._happened = itertools.count(1)
        self._names = itertools.count(1)

    def principal(self, who: int) -> Principal:
        return Principal(Kind.USER, self.realm, f"{WHO[who]} of {self.realm}")

    def caller(self, who: int, name: str | None = None) -> Caller:
        """Somebody who has signed in just now; bearer tokens' times are whole seconds."""
        self._now += timedelta(seconds=2)
        return Caller(self.principal(who), name or WHO[who].title(), frozenset(), self._now)

    def service(self, instance: Instance) -> Service:
        identity_table, friend_table = (
            Table(instance.client(self._clients[name])) for name in (IDENTITIES, FRIENDS)
        )
        now = lambda: self._now  # noqa: E731
        acs: Any = self._acs
        identities = Identities(identity_table, acs, "resource", now)
        friendships = Friendships(friend_table, now)
        policy = Policy(VOIP, {}, 60, 60)
        tokens = Tokens(identities, friendships, acs, policy, flight_seconds=100, now=now)
        erasure = IdentityErasure(identity_table, identities, "resource", now)

        async def no_wait(seconds: float) -> None:
            """The clock moves on with the next caller."""

        people = People(identities, erasure, acs, {"friends": friendships}, sleep=no_wait)
        friends = Friends(friendships, identities, tokens, NoSharings(), "resource", now)
        return Service(friends, friendships, identities, tokens, people)

    async def fulfil(self, wish: Wish) -> Deed:
        deed = Deed(wish, next(self._happened))
        self.deeds.append(deed)
        service = self.service(Instance(self.schedule, wish.stop_after))
        try:
            await self._ask(service, deed)
            deed.ended = next(self._happened)
        except Problem as problem:
            deed.refused = problem
            deed.ended = next(self._happened)
        except Stopped:
            pass
        return deed

    async def _ask(self, service: Service, deed: Deed) -> None:
        wish, whom = deed.wish, self.principal(deed.wish.whom).id
        caller = self.caller(wish.who)
        match wish.kind:
            case "add":
                await service.friends.add(caller, whom)
            case "remove":
                await service.friends.remove(caller, whom, block=None)
            case "block":
                await service.friends.remove(caller, whom, block=True)
            case "forget":
                await service.people.forget(caller)
            case "rename":
                caller = self.caller(wish.who, f"{WHO[wish.who]} {next(self._names)}")
                await service.tokens.issue(caller, None, None)
            case "resolve":
                deed.seen = await service.friends.resolve(caller, whom)

    async def repeat_all_that_was_cut_off(self) -> None:
        """As their clients do, until each is answered."""
        todo = [deed.wish for deed in self.deeds if not deed.ended]
        for _ in range(len(todo) + 1):
            left = []
            for wish in todo:
                request = asyncio.ensure_future(
                    self.fulfil(Wish(wish.kind, wish.who, wish.whom, 0))
                )
                await self.schedule.drain()
                deed = await request
                if isinstance(deed.refused, (BeingErased, Conflict)):
                    left.append(wish)
            todo = left
        assert not todo, "repeating does not finish it"

    # What the decisions say

    def words(self, who: int, whom: int) -> list[tuple[Deed, bool]]:
        """All decisions on what one says about another, and whether they say yes."""
        found = []
        for deed in self.deeds:
            wish, refused = deed.wish, deed.refused is not None
            said = (wish.who, wish.whom) == (who, whom)
            if said and wish.kind in ("add", "remove", "block") and not refused:
                found.append((deed, wish.kind == "add"))
            elif wish.kind == "forget" and wish.who in (who, whom) and not refused:
                found.append((deed, False))
        return found

    def last_words(self, who: int, whom: int) -> set[bool]:
        """Whether one says yes in the end; both, where decisions were made at the same time."""
        words = self.words(who, whom)
        latest = max((deed.began for deed, _ in words if deed.ended), default=0)
        return {yes for deed, yes in words if not deed.ended or deed.ended > latest} or {False}

    def had_withdrawn(self, who: int, whom: int, at: int) -> bool:
        """Has one said no by a request that was answered before, and not begun to say yes since?"""
        words = self.words(who, whom)
        return any(
            not yes
            and 0 < no.ended < at
            and not any(yes and (not add.ended or add.ended > no.began) for add, yes in words)
            for no, yes in words
        )


def _in_order(realm: str) -> bool:
    """Rows are read in the order of their keys, which has to be the same in every world, or
    Hypothesis could repeat nothing."""
    keys = [principal_key(Principal(Kind.USER, realm, f"{who} of {realm}")) for who in WHO]
    return keys == sorted(keys)


wishes = st.builds(
    Wish,
    kind=st.sampled_from(
        ["add", "add", "add", "add", "remove", "block", "forget", "rename", "resolve"]
    ),
    who=st.integers(0, 3),
    whom=st.integers(0, 3),
    stop_after=st.sampled_from([0, 0, 0, 1, 2, 3, 4]),
).filter(lambda wish: wish.who != wish.whom)
# Two people meet more often than four.
pairs = st.builds(
    lambda wish, who: Wish(wish.kind, who, 1 - who, wish.stop_after), wishes, st.integers(0, 1)
)


@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
@pytest.mark.timeout(0 if EXAMPLES > 100 else 240)
def test_lists_and_resolves_agree_with_each_other_and_the_last_decisions(
    stack: Stack, data: st.DataObject
) -> None:
    asyncio.run(_run(stack, data))


async def _run(stack: Stack, data: st.DataObject) -> None:
    upstream, schedule = Upstream(), Schedule()
    try:
        world = World(load(stack.settings), upstream, schedule)
        for who, whom in ((0, 1), (1, 0), (2, 0))[: data.draw(st.integers(0, 3))]:
            await _alone(world, Wish("add", who, whom, 0))
        todo = data.draw(st.lists(st.one_of(pairs, wishes), min_size=2, max_size=7))
        await _interleave(world, todo, data)
        await world.repeat_all_that_was_cut_off()
        await _check(world)
    finally:
        await upstream.close()


async def _alone(world: World, wish: Wish) -> Deed:
    request = asyncio.ensure_future(world.fulfil(wish))
    await world.schedule.drain()
    return await request


async def _interleave(world: World, todo: list[Wish], data: st.DataObject) -> None:
    coming, running = list(todo), set[asyncio.Future[Deed]]()
    while coming or world.schedule.waiting:
        waiting = len(world.schedule.waiting)
        running = {request for request in running if not request.done()}
        may_begin = bool(coming) and len(running) < AT_ONCE
        chosen = data.draw(st.integers(0, waiting + may_begin - 1))
        if chosen < waiting:
            await world.schedule.step(chosen)
        else:
            running.add(asyncio.ensure_future(world.fulfil(coming.pop(0))))
            await world.schedule.settle()
    for request in running:
        await request


async def _check(world: World) -> None:
    lists: list[dict[str, Friend]] = []
    for who in range(4):
        service = world.service(Instance(world.schedule))
        listing = asyncio.ensure_future(service.friends.list_for(world.caller(who), None, ""))
        await world.schedule.drain()
        lists.append({friend.id: friend for friend in (await listing)[0]})
    for who, whom in itertools.permutations(range(4), 2):
        await _check_pair(world, lists, who, whom)
    for deed in world.deeds:
        if deed.seen is not None:
            who, whom, at = deed.wish.who, deed.wish.whom, deed.began
            assert not world.had_withdrawn(who, whom, at), deed
            assert not world.had_withdrawn(whom, who, at), deed
    for who in range(4):
        await _check_erased(world, who)


async def _check_pair(world: World, lists: list[dict[str, Friend]], who: int, whom: int) -> None:
    mine, theirs = world.last_words(who, whom), world.last_words(whom, who)
    listed = lists[who].get(world.principal(whom).id)
    state = listed.state if listed else State.HIDDEN
    deed = await _alone(world, Wish("resolve", who, whom, 0))
    resolved = deed.seen is not None
    assert resolved or isinstance(deed.refused, NotFound)
    assert resolved == (state is State.ACCEPTED), (state, who, whom)
    assert resolved in {a and b for a in mine for b in theirs}, (mine, theirs)
    assert (state in (State.ACCEPTED, State.REQUESTED)) in mine, (state, mine)
    if state in (State.ACCEPTED, State.INCOMING):
        assert True in theirs
    back = lists[whom].get(world.principal(who).id)
    assert resolved == (back is not None and back.state is State.ACCEPTED)
    if resolved:
        assert deed.seen == listed
        finding = asyncio.ensure_future(
            world.service(Instance(world.schedule)).identities.find(world.principal(whom))
        )
        await world.schedule.drain()
        identity = await finding
        assert identity is not None
        assert deed.seen is not None
        assert deed.seen.communication_user_id == identity.communication_user_id
        assert deed.seen.display_name == identity.display_name or not identity.told
        assert identity.communication_user_id in world._acs.living


async def _check_erased(world: World, who: int) -> None:
    """Whoever was erased after everything that concerned them is in no row any more."""
    concerning = [deed for deed in world.deeds if who in (deed.wish.who, deed.wish.whom)]
    decisive = [deed for deed in concerning if deed.wish.kind != "resolve"]
    forgets = [
        deed
        for deed in decisive
        if (deed.wish.kind, deed.wish.who) == ("forget", who)
        and deed.ended
        and deed.refused is None
    ]
    if not forgets:
        return
    last = max(forgets, key=lambda deed: deed.began)
    others = [deed for deed in decisive if deed is not last]
    if any(not deed.ended or deed.ended > last.began for deed in others):
        return
    for other in range(4):
        exporting = asyncio.ensure_future(
            world.service(Instance(world.schedule)).friendships._table.list_for(
                _partition(world, other)
            )
        )
        await world.schedule.drain()
        for row in await exporting:
            assert world.principal(who).id not in row.values.values()
            assert other != who


def _partition(world: World, who: int) -> str:
    return principal_key(world.principal(who))
