"""Makes ACS follow the rows of agents in all realms.

A request changes a row, asks ACS, and then reads the rows again. So if two requests race, the one
that ends last has asked ACS for what the rows say, in whatever order ACS got them. If a request is
killed, the timer finishes it by its intent.
"""

import contextlib
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Protocol

from shared.changes import TRIES, change_row
from shared.intents import Finisher, Intent, Intents
from shared.problems import Conflict
from shared.tables import Row, RowChanged, Table, Value
from shared.teams_phone.rows import Agent, AgentId, State, agents_key

ASSIGN = "assign-agent"  # the kind of intent


async def begin_assigning(
    intents: Intents, partition: str, agent: AgentId, attempt: str = ""
) -> Intent:
    """Write the intent of a change of a row.

    It has the ids of the agent, by which ACS is asked, because the row may be gone when it is due.

    Args:
        attempt: names the request that is adding the agent.
    """
    details: dict[str, Value] = {
        "partition": partition,
        "tenant": agent.tenant,
        "objectId": agent.object_id,
        "attempt": attempt,
    }
    return await intents.begin(ASSIGN, agent.row_key, details)


class AgentAssignments(Protocol):
    """The part of `shared.teams_phone.acs` that is used here."""

    async def put_agent(self, tenant: str, object_id: str, app_id: str) -> None: ...

    async def remove(self, tenant: str, object_id: str) -> None: ...


class AssignedAgents:
    """The rows of agents, and what ACS is asked for them."""

    def __init__(
        self,
        table: Table,
        acs: AgentAssignments,
        intents: Intents,
        realms: Collection[str],
        app_id: str,
    ) -> None:
        """
        Args:
            realms: all realms whose people sign in here; each may have added the same agent.
            app_id: the Entra app that agents sign in with; empty if nobody can be added.
        """
        self._table = table
        self._acs = acs
        self._intents = intents
        self._partitions = [agents_key(realm) for realm in sorted(set(realms))]
        self._app_id = app_id

    @property
    def finishers(self) -> Mapping[str, Finisher]:
        return {ASSIGN: self._finish}

    async def begin(self, partition: str, agent: AgentId, attempt: str = "") -> Intent:
        """Write the intent of a change of a row; arguments as for `begin_assigning`."""
        return await begin_assigning(self._intents, partition, agent, attempt)

    async def end(self, intent: Intent) -> None:
        await self._intents.end(intent)

    async def remove(self, partition: str, agent: AgentId) -> None:
        """Remove an agent from the realm of a partition. Repeatable, also after a kill."""
        intent = await self.begin(partition, agent)
        await self.withdraw(partition, agent)
        await self.end(intent)

    async def withdraw(
        self, partition: str, agent: AgentId, *, only: Callable[[Agent], bool] = lambda _: True
    ) -> None:
        """Mark a row, tell ACS, and remove the row, unless somebody adds the agent again.

        Args:
            only: which row is to be marked; any other stays, and ACS is asked for what it says.
        """

        def mark(row: Row | None) -> Mapping[str, Value] | None:
            standing = None if row is None else Agent.of(row)
            if standing is None or standing.state is State.REMOVING or not only(standing):
                return None
            return standing.values_in(State.REMOVING)

        marked = (await change_row(self._table, partition, agent.row_key, mark)).now
        await self.tell_acs(agent)
        if marked is not None and Agent.of(marked).state is State.REMOVING:
            # If somebody has added them again, that request asks ACS.
            with contextlib.suppress(RowChanged):
                await self._table.remove_unchanged(marked)

    async def tell_acs(self, agent: AgentId) -> None:
        """Have ACS follow the rows. A read for each realm, a request to ACS, and the reads again.

        Raises:
            AssignmentRefused: ACS does not take the agent.
            Conflict: others changed the rows each time.
        """
        is_wanted = await self._is_wanted(agent)
        for _ in range(TRIES):
            await self._tell(agent, is_wanted)
            before, is_wanted = is_wanted, await self._is_wanted(agent)
            if is_wanted == before:
                return
        raise Conflict

    async def rows_about(self, agent: AgentId) -> dict[str, Agent]:
        """The rows of all realms about an agent, by partition. A point read for each realm."""
        found = [await self._table.find(one, agent.row_key) for one in self._partitions]
        return {row.partition_key: Agent.of(row) for row in found if row is not None}

    def _tell(self, agent: AgentId, is_wanted: bool) -> Awaitable[None]:
        if is_wanted and self._app_id:
            return self._acs.put_agent(agent.tenant, agent.object_id, self._app_id)
        return self._acs.remove(agent.tenant, agent.object_id)

    async def _is_wanted(self, agent: AgentId) -> bool:
        rows = await self.rows_about(agent)
        return any(one.state is not State.REMOVING for one in rows.values())

    async def _finish(self, intent: Intent) -> None:
        """Withdraw an agent whose request died while adding them, and agents of a realm that does
        not exist any more; make ACS follow the rows."""
        details = intent.details
        agent = AgentId(str(details["tenant"]), str(details["objectId"]))
        partition, attempt = str(details["partition"]), str(details["attempt"])

        def is_left(one: Agent) -> bool:
            if not attempt and partition not in self._partitions:  # the check of data has found it
                return True
            # A repetition that is under way has an attempt of its own.
            return one.state is State.ADDING and one.attempt == attempt

        await self.withdraw(partition, agent, only=is_left)
