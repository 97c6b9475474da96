"""Operators of two realms and their agents, in tables in memory and an ACS in memory.

Each request has a host of its own, which is stepped, also where it asks ACS; see `interleaving`.
"""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from shared.bounds import AGENTS as MOST_AGENTS
from shared.identity.resource_accounts import ResourceAccount
from shared.intents import SHARDS, Intent, Intents
from shared.principals import Caller, Kind, Principal
from shared.problems import AssignmentRefused
from shared.tables import AGENTS, INTENTS, Row, Table
from shared.teams_phone.agents import Agents
from shared.teams_phone.assigned import AssignedAgents
from shared.teams_phone.rows import Agent, State, agents_key
from tests.support.interleaving import Instance, Schedule
from tests.support.memory_tables import memory_clients

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
TENANT, OTHER_TENANT = (f"acde0000-0000-4000-8000-{n:012x}" for n in (0xF0, 0xF1))
AVA, BO = (f"acde0000-0000-4000-8000-{n:012x}" for n in (0xA0, 0xA1))
REALMS = (f"entra:{TENANT}", "https://issuer.example")
RESOURCE = "acde0000-0000-4000-8000-000000007073"
APP = "acde0000-0000-4000-8000-0000000000a9"
ACCOUNT = ResourceAccount("acde0000-0000-4000-8000-0000000000c1", TENANT)


@dataclass
class FakeAcs:
    """
    Attributes:
        assigned: agents, as tenant and object id, and the app of each.
        refused: object ids that it does not take.
        asked: how often it was asked.
    """

    assigned: dict[tuple[str, str], str] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    asked: int = 0


class SteppedAcs:
    """ACS, a turn at a time, as one host asks it."""

    def __init__(self, acs: FakeAcs, instance: Instance) -> None:
        self._acs = acs
        self._instance = instance

    async def put_agent(self, tenant: str, object_id: str, app_id: str) -> None:
        async def put() -> None:
            self._acs.asked += 1
            if object_id in self._acs.refused:
                raise AssignmentRefused
            self._acs.assigned[tenant, object_id] = app_id

        await self._instance.do(put, write=True)

    async def remove(self, tenant: str, object_id: str) -> None:
        async def remove() -> None:
            self._acs.asked += 1
            self._acs.assigned.pop((tenant, object_id), None)

        await self._instance.do(remove, write=True)


class AdmitsAll:
    """Nobody was erased."""

    async def admit(self, caller: Caller) -> None:
        pass


class AgentsWorld:
    """Operators who add and remove agents."""

    def __init__(self) -> None:
        self.schedule = Schedule()
        self.acs = FakeAcs()
        self.time = START
        self.most = MOST_AGENTS.number
        self.realms: tuple[str, ...] = REALMS
        self._clients = memory_clients()

    def operator(self, realm: str = REALMS[0]) -> Caller:
        operator = Principal(Kind.USER, realm, "operator")
        return Caller(operator, None, frozenset({"Agents.Manage"}), self.time)

    def person(self, object_id: str = AVA, realm: str = REALMS[0]) -> Principal:
        return Principal(Kind.USER, realm, object_id)

    def agents(
        self,
        *accounts: ResourceAccount,
        app: str = APP,
        instance: Instance | None = None,
        by_realm: Mapping[str, Sequence[ResourceAccount]] | None = None,
    ) -> Agents:
        """The service on another host.

        Args:
            accounts: those of both realms, which have them at different times: whenever the
                settings had one realm only. Or `by_realm`.
        """
        on = instance or Instance(self.schedule)
        table = Table(on.client(self._clients[AGENTS]))
        its = by_realm or dict.fromkeys(REALMS, accounts or (ACCOUNT,))
        return Agents(
            table, self._assigned(on), AdmitsAll(), its, app, RESOURCE, self.now, most=self.most
        )

    def without_accounts(self) -> Agents:
        on = Instance(self.schedule)
        table = Table(on.client(self._clients[AGENTS]))
        return Agents(table, self._assigned(on), AdmitsAll(), {}, APP, RESOURCE, self.now)

    def _assigned(self, on: Instance) -> AssignedAgents:
        table, intents = (Table(on.client(self._clients[name])) for name in (AGENTS, INTENTS))
        acs = SteppedAcs(self.acs, on)
        return AssignedAgents(table, acs, Intents(intents, self.now), self.realms, APP)

    def now(self) -> datetime:
        return self.time

    async def quietly[T](self, request: Awaitable[T]) -> T:
        """The result of a request, while nothing else goes on."""
        task = asyncio.ensure_future(request)
        await self.schedule.drain()
        return await task

    async def tidy(self) -> None:
        """End what has begun and not ended, as the timer does."""
        self.time += timedelta(minutes=2)
        on = Instance(self.schedule)
        for intent in await self.intents():
            await self.quietly(self._assigned(on).finishers[intent.kind](intent))
            await self.quietly(self.stored_intents().end(intent))

    async def intents(self) -> list[Intent]:
        """All that has begun and not ended."""
        later = self.stored_intents(timedelta(days=1))
        return [one for shard in SHARDS for one in await self.quietly(later.due(shard, 1000))]

    def stored_intents(self, later: timedelta = timedelta(0)) -> Intents:
        return Intents(self.table(INTENTS), lambda: self.time + later)

    def table(self, name: str) -> Table:
        return Table(Instance(self.schedule).client(self._clients[name]))

    async def store(self, agent: Agent, realm: str = REALMS[0]) -> None:
        """A row that is there before."""
        key = agents_key(realm), agent.id.row_key
        await self._clients[AGENTS].upsert(*key, agent.values())

    def rows(self) -> list[Row]:
        return self._clients[AGENTS].rows()

    def states(self) -> list[State]:
        return [Agent.of(row).state for row in self.rows()]
