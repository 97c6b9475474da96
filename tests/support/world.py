"""Four people of a realm of their own, whose requests a test interleaves; see `interleaving`."""

import asyncio
import itertools
import math
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from shared.friends.friends import Friends
from shared.friends.friendships import Friendships
from shared.friends.withdrawn import WITHDRAWN, WithdrawnRequests
from shared.identity.bot_places import BotPlaces
from shared.identity.bots import Bots
from shared.identity.enrolment import Enrolment
from shared.identity.erasure import IdentityErasure
from shared.identity.identities import Identities
from shared.identity.token_policy import Policy
from shared.identity.tokens import Tokens
from shared.intents import SHARDS, Intents
from shared.keys import principal_key
from shared.principals import Caller, Principal
from shared.privacy.personal_data import Check, PersonalData, PersonalDataStore, Swept
from shared.problems import BeingErased, Conflict, Problem
from shared.sharing.audiences import Audience
from shared.sharing.group_calls import GroupCalls
from shared.sharing.invitations import Invitations
from shared.sharing.retention import SharedCallRetention
from shared.sharing.rows import CallKind, call_key
from shared.sharing.shared_calls import SharedCalls
from shared.sweeping import SweptTable
from shared.tables import (
    ALL,
    FRIENDS,
    IDENTITIES,
    INTENTS,
    INVITATIONS,
    SHARED_CALLS,
    Table,
)
from tests.support import realms, sampling
from tests.support.deeds import Decisions, Deed, Wish
from tests.support.fake_acs import FakeAcs
from tests.support.interleaving import Instance, Schedule, Stopped
from tests.support.memory_tables import MemoryTable
from tests.support.realms import GROUP, SPACE, WHO, person

AT_ONCE = 3
VOIP = frozenset({"voip"})


def searching(examples: int) -> settings:
    """The same examples in each run; each takes its own time. `--soak` tries ten times as many, and
    the default run half as many as `--slow`."""
    whole = examples * 10 if sampling.soak else examples
    return settings(
        max_examples=whole if sampling.slow or sampling.soak else math.ceil(examples / 2),
        derandomize=True,
        database=None,
        deadline=None,
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )


@dataclass(frozen=True)
class Service:
    friends: Friends
    friendships: Friendships
    withdrawn: WithdrawnRequests
    retention: SharedCallRetention
    identities: Identities
    tokens: Tokens
    people: PersonalData
    places: BotPlaces
    bots: Bots
    invitations: Invitations
    group_calls: GroupCalls


class World(Decisions):
    """Four people in a realm of their own, and everything they have asked for."""

    def __init__(self, clients: Mapping[str, Any], schedule: Schedule) -> None:
        """
        Args:
            clients: of the tables, by name: such as `azurite_clients`, which many worlds share, so
                each has a realm of its own; or `memory_clients`, which no two worlds share.
        """
        in_memory = isinstance(clients[IDENTITIES], MemoryTable)
        self.realm = realms.first() if in_memory else realms.another()
        self.schedule = schedule
        super().__init__()
        self._clients = clients
        self.most_bots = 2
        self._acs = FakeAcs(self.realm)
        self._now = datetime(2026, 1, 1, tzinfo=UTC)
        self._happened = itertools.count(1)
        self._names = itertools.count(1)

    def principal(self, who: int) -> Principal:
        return person(self.realm, WHO[who])

    def caller(self, who: int, name: str | None = None) -> Caller:
        """Somebody who has signed in just now; bearer tokens' times are whole seconds."""
        self._now += timedelta(seconds=2)
        return Caller(self.principal(who), name or WHO[who].title(), frozenset(), self._now)

    def _seconds(self) -> float:
        return self._now.timestamp()

    def wait(self, **delta: float) -> None:
        """Let time pass."""
        self._now += timedelta(**delta)

    def service(self, instance: Instance) -> Service:
        clients = {name: instance.client(self._clients[name]) for name in ALL}
        now = lambda: self._now  # noqa: E731
        acs: Any = self._acs

        def table(name: str) -> Table:
            return Table(clients[name])

        identity_table, intents = table(IDENTITIES), Intents(table(INTENTS), now)
        identities = Identities(identity_table, "resource", now)
        enrolment = Enrolment(identity_table, identities, acs, now)
        policy = Policy(VOIP, {}, 60, 60)

        def stores_on(table: Callable[[str], Table]) -> tuple[Friendships, Invitations]:
            friendships = Friendships(table(FRIENDS), now)
            listings = table(INVITATIONS)
            calls = SharedCalls(listings, table(SHARED_CALLS), friendships, identities, now)
            return friendships, Invitations(listings, calls, friendships, identities, intents, now)

        def named(stores: tuple[Friendships, Invitations]) -> dict[str, PersonalDataStore]:
            return dict(zip(("friends", "invitations"), stores, strict=True))

        def swept(check: Check) -> Swept:
            stores = stores_on(lambda name: SweptTable(clients[name], check))
            return Swept(named(stores), SweptTable(clients[IDENTITIES], check))

        async def no_wait(seconds: float) -> None:
            """The clock moves on with the next caller."""

        friendships, invitations = stores_on(table)
        tokens = Tokens(identities, enrolment, friendships.announce, acs, policy, 100, now)
        people = PersonalData(
            identities,
            enrolment,
            IdentityErasure(identity_table, "resource", now),
            acs,
            intents,
            lambda: named((friendships, invitations)),
            swept,
            100,
            needless=(WITHDRAWN,),
            clock=self._seconds,
            sleep=no_wait,
        )
        places = BotPlaces(identity_table, intents, now, most=self.most_bots)
        bots = Bots(identities, enrolment, tokens, people, places, 100, now)
        withdrawn = WithdrawnRequests(table(FRIENDS), intents, now)
        friends = Friends(
            friendships, identities, tokens, invitations, intents, withdrawn, "resource", now
        )
        group_calls = GroupCalls(invitations, now)
        records = table(SHARED_CALLS)
        calls = SharedCalls(table(INVITATIONS), records, friendships, identities, now)
        retention = SharedCallRetention(records, calls, intents, now)
        return Service(
            friends,
            friendships,
            withdrawn,
            retention,
            identities,
            tokens,
            people,
            places,
            bots,
            invitations,
            group_calls,
        )

    async def fulfil(self, wish: Wish) -> Deed:
        deed = Deed(wish, next(self._happened))
        self.deeds.append(deed)
        service = self.service(Instance(self.schedule, wish.stop_after, wish.lose_after))
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
                await service.people.erase(caller)
            case "rename":
                caller = self.caller(wish.who, f"{WHO[wish.who]} {next(self._names)}")
                await service.tokens.issue(caller, None, None)
            case "sweep":
                await service.withdrawn.sweep()
                await service.retention.sweep()
            case "resolve":
                deed.seen = await service.friends.resolve(caller, whom)
            case _:
                await self._ask_about_calls(service, deed, caller)

    async def _ask_about_calls(self, service: Service, deed: Deed, caller: Caller) -> None:
        wish = deed.wish
        match wish.kind:
            case "share":
                audience = self.audience(wish.audience)
                await service.group_calls.share(caller, GROUP, wish.title, None, None, audience)
            case "unshare":
                await service.group_calls.unshare(caller, self.call_of(wish.who))
            case "list":
                space = SPACE if wish.audience == "space" else None
                deed.listed = await service.invitations.list_for(caller, space)
            case "open":
                call = self.call_of(wish.whom)
                deed.listed = [await service.invitations.open(caller, call)]

    async def repeat_all_that_was_cut_off(self) -> None:
        """As their clients do, until each is answered."""
        todo = [
            deed.wish for deed in self.deeds if not deed.ended or isinstance(deed.refused, Conflict)
        ]
        for _ in range(len(todo) + 1):
            left = []
            for wish in todo:
                deed = await self.alone(replace(wish, stop_after=0, lose_after=0))
                if isinstance(deed.refused, (BeingErased, Conflict)):
                    left.append(wish)
            todo = left
        assert not todo, "repeating does not finish it"

    async def tidy(self, *bots: Principal) -> None:
        """End what has begun and not ended, as the timer does.

        Args:
            bots: which there may be besides the four.
        """
        self.wait(minutes=2)
        service, intents = self.quiet(), Intents(self.table(INTENTS), lambda: self._now)
        parts = (service.people, service.places, service.friends, service.invitations)
        finishers = {kind: end for part in parts for kind, end in part.finishers.items()}
        everybody = range(len(WHO))
        ours = {*map(self.key_of, everybody), *map(self.call_of, everybody)}
        ours |= set(map(principal_key, bots))
        for shard in SHARDS:
            for intent in await self.quietly(intents.due(shard, 1000)):
                if intent.subject in ours:
                    await self.quietly(finishers[intent.kind](intent))
                    await self.quietly(intents.end(intent))

    async def alone(self, wish: Wish) -> Deed:
        """Fulfil a wish while nothing else goes on."""
        return await self.quietly(self.fulfil(wish))

    async def quietly[T](self, request: Awaitable[T]) -> T:
        """The result of something that goes through an instance, while nothing else goes on."""
        task = asyncio.ensure_future(request)
        await self.schedule.drain()
        return await task

    async def interleave(self, todo: list[Wish], data: st.DataObject) -> None:
        """Fulfil wishes, some at a time, in steps whose order is drawn."""
        coming, running = list(todo), set[asyncio.Future[Deed]]()
        while coming or self.schedule.waiting:
            waiting = len(self.schedule.waiting)
            running = {request for request in running if not request.done()}
            may_begin = bool(coming) and len(running) < AT_ONCE
            chosen = data.draw(st.integers(0, waiting + may_begin - 1))
            if chosen < waiting:
                await self.schedule.step(chosen)
            else:
                running.add(asyncio.ensure_future(self.fulfil(coming.pop(0))))
                await self.schedule.settle()
        for request in running:
            await self.quietly(request)

    def quiet(self) -> Service:
        """A service for `quietly`."""
        return self.service(Instance(self.schedule))

    def people_of_another_host(self) -> PersonalData:
        """What erases people, for a request that is held."""
        return self.service(Instance(self.schedule)).people

    @property
    def living(self) -> set[str]:
        """The ACS identities that were made and not deleted."""
        return self._acs.living

    def acs_down(self) -> AbstractContextManager[None]:
        return self._acs.down()

    def audience(self, audience: str) -> Audience:
        if audience in ("friends", "space"):
            return Audience(audience == "friends", None, SPACE if audience == "space" else None)
        return Audience(users=tuple(self.principal(int(who)).id for who in audience))

    def call_of(self, who: int) -> str:
        return call_key(self.principal(who), CallKind.GROUP_CALL, GROUP)

    def key_of(self, who: int) -> str:
        return principal_key(self.principal(who))

    def table(self, name: str) -> Table:
        """A table, for `quietly`."""
        return Table(Instance(self.schedule).client(self._clients[name]))
