"""The accounts and people of Teams that may use the resource, in SQLite: the resource accounts
(with a phone number, and without a person) whose calls it has, and the agents, who are people.
"""

import json
from dataclasses import dataclass
from typing import Literal

from pydantic import JsonValue

from devstack.acs_emulator.wire.identifiers import TeamsExtensionUser, checked_number
from devstack.emulation.database import Database
from devstack.guids import normal_guid

# The documentation writes the first word for a resource account, and the specification the second.
PrincipalType = Literal["teamsResourceAccount", "resourceAccount", "user"]
USER: PrincipalType = "user"

SCHEMA = """
CREATE TABLE IF NOT EXISTS assignments (
    tenant TEXT NOT NULL,  -- GUIDs in lower case
    object TEXT NOT NULL,
    type TEXT NOT NULL,  -- the word that was sent
    clients TEXT NOT NULL,  -- JSON: a list of client ids, or null
    PRIMARY KEY (tenant, object)
) WITHOUT ROWID;
"""


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """What is granted to one account or agent.

    Args:
        tenant_id, object_id: GUIDs in lower case.
        client_ids: of the apps by which an agent may get tokens; None: none were sent.
    """

    tenant_id: str
    object_id: str
    principal_type: PrincipalType
    client_ids: tuple[str, ...] | None = None

    def as_json(self) -> dict[str, JsonValue]:
        content: dict[str, JsonValue] = {
            "objectId": self.object_id,
            "tenantId": self.tenant_id,
            "principalType": self.principal_type,
        }
        if self.client_ids is not None:
            content["clientIds"] = list(self.client_ids)
        return content


@dataclass(frozen=True, kw_only=True)
class TeamsAccount:
    """A resource account of Teams with a phone number in E.164."""

    number: str
    tenant_id: str
    object_id: str

    def consent(self) -> Assignment:
        return Assignment(
            tenant_id=self.tenant_id,
            object_id=self.object_id,
            principal_type="teamsResourceAccount",
        )


def read_account(text: str) -> TeamsAccount:
    """The account in a text such as `+14255550177=TENANT/OBJECT`.

    Raises:
        ValueError: it is none.
    """
    number, _, ids = text.partition("=")
    tenant_id, _, object_id = ids.partition("/")
    return TeamsAccount(
        number=checked_number(number),
        tenant_id=normal_guid(tenant_id),
        object_id=normal_guid(object_id),
    )


class AssignmentStore:
    def __init__(self, database: Database) -> None:
        self._database = database
        database.create(SCHEMA)

    def find(self, tenant_id: str, object_id: str) -> Assignment | None:
        rows = self._rows(" WHERE tenant = ? AND object = ?", tenant_id, object_id)
        return rows[0] if rows else None

    def all(self) -> list[Assignment]:
        return self._rows("")

    def put(self, assignment: Assignment) -> bool:
        """Store it in place of the last one; returns whether there was none."""
        is_new = self.find(assignment.tenant_id, assignment.object_id) is None
        self._database.execute(
            "INSERT OR REPLACE INTO assignments (tenant, object, type, clients)"
            " VALUES (?, ?, ?, ?)",
            (
                assignment.tenant_id,
                assignment.object_id,
                assignment.principal_type,
                json.dumps(assignment.client_ids),
            ),
        )
        return is_new

    def remove(self, tenant_id: str, object_id: str) -> None:
        self._database.execute(
            "DELETE FROM assignments WHERE tenant = ? AND object = ?", (tenant_id, object_id)
        )

    def is_account(self, object_id: str) -> bool:
        """Whether a resource account of any tenant may be used for calls: there is consent."""
        rows = self._rows(" WHERE object = ?", object_id)
        return any(one.principal_type != USER for one in rows)

    def is_agent(self, user: TeamsExtensionUser) -> bool:
        """Whether a person may take part in the calls of the resource."""
        found = self.find(user.tenant_id, user.object_id)
        return found is not None and found.principal_type == USER

    def _rows(self, where: str, *parameters: str) -> list[Assignment]:
        query = f"SELECT tenant, object, type, clients FROM assignments{where}"  # noqa: S608
        return [
            Assignment(
                tenant_id=tenant,
                object_id=object_id,
                principal_type=principal_type,
                client_ids=None if clients == "null" else tuple(json.loads(clients)),
            )
            for tenant, object_id, principal_type, clients in self._database.execute(
                query, parameters
            )
        ]
