"""Agents: Teams users who take part in calls of Teams resource accounts, in their own client.

A realm may invite the agents that it has added here, and no others. ACS itself has one list of
agents for the whole resource.
"""

import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from shared import audit
from shared.bounds import AGENT_CHANGES, AGENTS
from shared.changes import change_row
from shared.identity.resource_accounts import SETTING as RESOURCE_ACCOUNTS
from shared.identity.resource_accounts import ResourceAccount
from shared.limits import Budget
from shared.principals import Caller, Kind, Principal
from shared.problems import (
    AssignmentRefused,
    Conflict,
    Fault,
    InvalidRequest,
    NotConfigured,
    TooManyAgents,
)
from shared.settings_reader import is_guid
from shared.tables import PAGE_ROWS, Row, Table, Value
from shared.teams_phone.assigned import AssignedAgents
from shared.teams_phone.rows import (
    Agent,
    AgentId,
    State,
    agent_of,
    agents_key,
    object_prefix,
)


class Admission(Protocol):
    """The part of `shared.identity.identities` that is used here."""

    async def admit(self, caller: Caller) -> None: ...


class Agents:
    """The agents of each realm."""

    def __init__(
        self,
        table: Table,
        assigned: AssignedAgents,
        identities: Admission,
        accounts: Mapping[str, Sequence[ResourceAccount]],
        app_id: str,
        resource_id: str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        *,
        most: int = AGENTS.number,
    ) -> None:
        """
        Args:
            accounts: by realm, the Teams resource accounts that its people call as.
            app_id: the Entra app that agents sign in with, or empty.
            resource_id: the immutable id of the ACS resource, or empty.
            most: the number of agents that a realm may have.
        """
        self._table = table
        self._assigned = assigned
        self._identities = identities
        self._tenants = {
            realm: sorted({account.tenant for account in its}) for realm, its in accounts.items()
        }
        self._app_id = app_id
        self._resource_id = resource_id
        self._now = now
        self._most = most
        self._changes = Budget(AGENT_CHANGES.number, now)

    async def add(self, caller: Caller, object_id: str, tenant: str | None) -> tuple[Agent, bool]:
        """Add an agent to the caller's realm, and let them take calls in ACS. Repeatable.

        Args:
            object_id: in Entra.
            tenant: None for that of the accounts of the caller's realm, if they have only one.

        Returns:
            The agent, and whether they are new.

        Raises:
            NotConfigured: the realm has no resource accounts, or there is no app.
            InvalidRequest: the object id is none, or the tenant none of the accounts'.
            AssignmentRefused: ACS does not take them.
            Throttled: too many changes of the caller within a minute.
            TooManyAgents: the realm has as many as it may have.
            Conflict: somebody removes them at the same time.
        """
        await self._identities.admit(caller)
        self._changes.spend(caller.principal)
        realm = caller.principal.realm
        agent = AgentId(self._tenant(realm, tenant), _object_id(object_id))
        partition, attempt = agents_key(realm), uuid.uuid4().hex
        intent = await self._assigned.begin(partition, agent, attempt)

        def add(row: Row | None) -> Mapping[str, Value] | None:
            standing = None if row is None else Agent.of(row)
            if standing is not None and standing.state is State.ADDED:
                return None
            return Agent(agent, State.ADDING, attempt, self._now()).values()

        adding = await change_row(self._table, partition, agent.row_key, add)
        try:
            if adding.written:
                await self._refuse_if_crowded(partition)
            await self._assigned.tell_acs(agent)
        except (AssignmentRefused, TooManyAgents):
            if adding.written:
                await self._assigned.withdraw(
                    partition, agent, only=lambda one: one.attempt == attempt
                )
            await self._assigned.end(intent)
            raise
        # Before the row says so, so that no kill and no lost answer leaves the line out.
        audit.record("agent-added", caller.principal, _principal(agent))
        added = await change_row(self._table, partition, agent.row_key, _confirmed)
        if added.now is None or Agent.of(added.now).state is not State.ADDED:
            raise Conflict  # the intent stays, so Tidy asks ACS again for what the rows say
        await self._assigned.end(intent)
        return Agent.of(added.now), adding.written

    async def remove(self, caller: Caller, object_id: str) -> None:
        """Remove an agent from the caller's realm, in each tenant. It is no error if there is none.

        ACS serves them on while another realm has them.

        Raises:
            InvalidRequest, Throttled: as for `add`.
        """
        await self._identities.admit(caller)
        self._changes.spend(caller.principal)
        partition = agents_key(caller.principal.realm)
        prefix = object_prefix(_object_id(object_id))
        span = {"first": prefix, "behind": f"{prefix}~"}
        for row in await self._table.list_for(
            partition, "RowKey ge @first and RowKey lt @behind", span
        ):
            found = Agent.of(row)
            audit.record("agent-removed", caller.principal, _principal(found.id))  # as above
            await self._assigned.remove(partition, found.id)

    async def list_for(self, caller: Caller, after: str) -> tuple[list[Agent], str | None]:
        """The agents of the caller's realm, up to 1,000, and what the next page begins behind."""
        await self._identities.admit(caller)
        rows, more = await self._table.page(
            agents_key(caller.principal.realm),
            "state eq @added",
            {"added": State.ADDED.value},
            after=after,
            most=PAGE_ROWS,
        )
        return [Agent.of(row) for row in rows], rows[-1].row_key if more and rows else None

    async def find(self, realm: str, object_id: str, tenant: str) -> str | None:
        """Raw id of an agent in ACS. One point read.

        Args:
            object_id, tenant: of the agent in Entra, in lower case.

        Returns:
            None if nobody of the realm has added such an agent.
        """
        row = await self._table.find(agents_key(realm), AgentId(tenant, object_id).row_key)
        if row is None or Agent.of(row).state is not State.ADDED:
            return None
        return f"8:acs:{self._resource_id}_{tenant}_{object_id}"

    async def erase(self, principal: Principal) -> None:
        """Remove a person as an agent of every realm, where Entra's object id is their id."""
        agent = agent_of(principal)
        if agent is not None:
            for partition in await self._assigned.rows_about(agent):
                await self._assigned.remove(partition, agent)

    async def export(self, principal: Principal) -> Sequence[Mapping[str, Any]]:
        agent = agent_of(principal)
        if agent is None:
            return []
        return [
            {
                "objectId": one.id.object_id,
                "tenant": one.id.tenant,
                "state": one.state.value,
                "addedAt": one.added_at,
            }
            for one in (await self._assigned.rows_about(agent)).values()
        ]

    async def _refuse_if_crowded(self, partition: str) -> None:
        """Raise TooManyAgents if a realm has more than it may. One query for each 1,000.

        The row of a new agent is written before, so that requests that race count each other: too
        many of them may be refused, and never too few.
        """
        count, more, after = 0, True, ""
        while more:
            rows, more = await self._table.page(partition, after=after)
            count, after = count + len(rows), rows[-1].row_key if rows else after
            if count > self._most:
                raise TooManyAgents(
                    f"The realm has {self._most} agents, the most that it may have: remove"
                    " some (DELETE)."
                )

    def _tenant(self, realm: str, named: str | None) -> str:
        """A tenant of the realm's accounts; another realm's is as unknown as one of nobody's."""
        tenants = self._tenants.get(realm, ())
        if not tenants:
            raise NotConfigured(f"{RESOURCE_ACCOUNTS} has no account of the caller's realm.")
        if not self._app_id:
            raise NotConfigured("TEAMS_APP_ID is not set.")
        if named is None and len(tenants) == 1:
            return tenants[0]
        if named is None:
            fault = f"is needed: the realm's accounts ({RESOURCE_ACCOUNTS}) have several tenants"
            raise _invalid("policy", "tenant", fault)
        if named.lower() not in tenants:
            fault = (
                f"is the tenant of none of the resource accounts ({RESOURCE_ACCOUNTS}) of the"
                " caller's realm"
            )
            raise _invalid("policy", "tenant", fault)
        return named.lower()


def _object_id(text: str) -> str:
    if not is_guid(text):
        raise _invalid("path", "objectId", "is not an object id of Entra, which is a GUID")
    return text.lower()


def _confirmed(row: Row | None) -> Mapping[str, Value] | None:
    """The row of an added agent, whichever request began it: ACS has taken the agent."""
    standing = None if row is None else Agent.of(row)
    if standing is None or standing.state is not State.ADDING:
        return None
    return standing.values_in(State.ADDED)


def _invalid(where: str, field: str, message: str) -> InvalidRequest:
    return InvalidRequest(f"{field} {message}.", faults=[Fault(where, field, message)])


def _principal(agent: AgentId) -> Principal:
    """The agent as a principal of Entra's own issuer. The log has only the key."""
    return Principal(Kind.USER, f"entra:{agent.tenant}", agent.object_id)
