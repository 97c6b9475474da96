"""Rows of the table `agents`, and what they mean.

An agent is a Teams user who takes calls of Teams resource accounts. Their row is `adding` from
before ACS is asked until ACS has accepted them, then `added`; and `removing` until ACS has removed
them, and then the row is removed. ACS knows an agent once, even if several realms have added them:
each realm has a row of its own.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum

from shared.keys import key
from shared.principals import Kind, Principal
from shared.settings_reader import is_guid
from shared.tables import Row, Value

_ENTRA = "entra:"


class State(StrEnum):
    ADDING = "adding"
    ADDED = "added"
    REMOVING = "removing"


@dataclass(frozen=True)
class AgentId:
    """A Teams user.

    Attributes:
        tenant: the Entra tenant, in lower case.
        object_id: in Entra, in lower case.
    """

    tenant: str
    object_id: str

    @property
    def row_key(self) -> str:
        """The RowKey of each row about them, and the subject of intents."""
        return f"{object_prefix(self.object_id)}{self.tenant}"


@dataclass(frozen=True)
class Agent:
    """
    Attributes:
        attempt: names the request that is adding them; empty if none is.
        added_at: when the first request to add them came.
    """

    id: AgentId
    state: State
    attempt: str
    added_at: datetime
    row: Row | None = None

    @classmethod
    def of(cls, row: Row) -> "Agent":
        values, added_at = row.values, row.values["addedAt"]
        if not isinstance(added_at, datetime):
            raise TypeError("an agent whose addedAt is no time")
        return cls(
            id=AgentId(str(values["tenant"]), str(values["objectId"])),
            state=State(str(values["state"])),
            attempt=str(values.get("attempt", "")),
            added_at=added_at.astimezone(UTC),
            row=row,
        )

    def values(self) -> dict[str, Value]:
        attempt: dict[str, Value] = {"attempt": self.attempt} if self.attempt else {}
        return {
            "tenant": self.id.tenant,
            "objectId": self.id.object_id,
            "state": self.state.value,
            **attempt,
            "addedAt": self.added_at,
        }

    def values_in(self, state: State) -> dict[str, Value]:
        """The same row, in a state in which no request is adding them."""
        return replace(self, state=state, attempt="").values()


def agents_key(realm: str) -> str:
    """The PartitionKey of all agents that a realm has added."""
    return key("agents of", realm)


def object_prefix(object_id: str) -> str:
    """What the RowKeys of a user begin with, in whatever tenant."""
    return f"{key('agent', object_id)}-"


def agent_of(principal: Principal) -> AgentId | None:
    """The Teams user that a person is; None where their id is none of Entra's object ids."""
    tenant = principal.realm.removeprefix(_ENTRA)
    is_of_entra = principal.kind is Kind.USER and principal.realm.startswith(_ENTRA)
    if not is_of_entra or not is_guid(tenant) or not is_guid(principal.id):
        return None
    return AgentId(tenant.lower(), principal.id.lower())
