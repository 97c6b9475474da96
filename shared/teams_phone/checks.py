"""Rules for the rows of the table `agents`."""

from collections.abc import Collection, Iterable, Sequence

from shared.checking import Rule, readable
from shared.intents import Intents
from shared.tables import AGENTS, Row, RowChanged, Table
from shared.teams_phone.assigned import begin_assigning
from shared.teams_phone.rows import Agent, State, agents_key


class AgentChecks:
    """The rules of agents."""

    def __init__(self, table: Table, intents: Intents, realms: Collection[str]) -> None:
        """
        Args:
            realms: all realms whose people sign in here.
        """
        self._table = table
        self._intents = intents
        self._partitions = {agents_key(realm) for realm in realms}

    @property
    def rules(self) -> Sequence[Rule]:
        return (
            readable("agent-unreadable", AGENTS, Agent.of),
            Rule(
                "agent-misplaced",
                AGENTS,
                "It is under the key of somebody else: find out who else writes here.",
                _is_misplaced,
                subjects=_subjects,
            ),
            Rule(
                "agent-unfinished",
                AGENTS,
                "the unfinished change is handed to Tidy, which finishes it",
                self._is_unfinished,
                self._hand_over,
                subjects=_subjects,
            ),
            Rule(
                "agent-of-no-realm",
                AGENTS,
                "an agent of a realm that the settings no longer have is handed to Tidy, which"
                " removes them, here and in ACS, if the app's own settings lack the realm too",
                self._is_of_no_realm,
                self._give_up,
                subjects=_subjects,
            ),
        )

    async def _is_unfinished(self, row: Row) -> bool:
        return Agent.of(row).state is not State.ADDED

    async def _is_of_no_realm(self, row: Row) -> bool:
        return row.partition_key not in self._partitions

    async def _hand_over(self, row: Row) -> None:
        await self._begin(row, Agent.of(row).attempt)

    async def _give_up(self, row: Row) -> None:
        await self._begin(row, "")

    async def _begin(self, row: Row, attempt: str) -> None:
        current = await self._table.find(row.partition_key, row.row_key)
        if current is None or current.etag != row.etag:
            raise RowChanged
        await begin_assigning(self._intents, row.partition_key, Agent.of(row).id, attempt)


async def _is_misplaced(row: Row) -> bool:
    return Agent.of(row).id.row_key != row.row_key


def _subjects(row: Row) -> Iterable[str]:
    return (row.row_key,)
