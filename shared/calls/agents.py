"""Agents: Teams users who take part in calls of Teams resource accounts."""

from typing import Protocol


class AgentDirectory(Protocol):
    """Finds the agents that were added."""

    async def find(self, realm: str, object_id: str, tenant: str) -> str | None:
        """Raw id of an agent.

        Args:
            object_id, tenant: of the agent in Entra, in lower case.

        Returns:
            None if nobody of the realm has added such an agent.
        """
