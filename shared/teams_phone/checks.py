"""What must hold of the rows of the table `agents`."""

from collections.abc import Iterable, Sequence

from shared.checking import Rule, readable
from shared.intents import Intents
from shared.tables import AGENTS, Row, RowChanged, Table
from shared.teams_phone.assigned import begin_assigning
from shared.teams_phone.rows import Agent, State


class AgentChecks:
    """The rules of agents."""

    def __init__(self, table: Table, intents: Intents) -> None:
        self._table = table
        self._intents = intents

    @property
    def rules(self) -> Sequence[Rule]:
        return (
            readable("agent-unreadable", AGENTS, Agent.of),
            Rule(
                "agent-misplaced",
                AGENTS,
                "It is under the key of somebody else: look at who else writes here.",
                _is_misplaced,
                subjects=_subjects,
            ),
            Rule(
                "agent-unfinished",
                AGENTS,
                "what was begun is handed to Tidy, which finishes it",
                self._is_unfinished,
                self._hand_over,
                subjects=_subjects,
            ),
        )

    async def _is_unfinished(self, row: Row) -> bool:
        return Agent.of(row).state is not State.ADDED

    async def _hand_over(self, row: Row) -> None:
        current = await self._table.find(row.partition_key, row.row_key)
        if current is None or current.etag != row.etag:
            raise RowChanged
        agent = Agent.of(row)
        await begin_assigning(self._intents, row.partition_key, agent.id, agent.attempt)


async def _is_misplaced(row: Row) -> bool:
    return Agent.of(row).id.row_key != row.row_key


def _subjects(row: Row) -> Iterable[str]:
    return (row.row_key,)
