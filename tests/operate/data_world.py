"""Shared by the tests of the check of data: tables, golden rows in them, and an ACS."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import datetime

from devstack.well_known import ACS_RESOURCE_ID
from shared.calls.acs_types import EstablishedCall
from shared.checking import Rule
from shared.operate.data_check import DataCheck, Report
from shared.operate.data_parts import Deployment, rules_of
from shared.stored_rows import Row, row_of
from shared.table_api import TableApi
from shared.tables import ALL, Table
from tests.golden.product import ENTRA_REALM, READ, REALM
from tests.golden.rows import TABLES, StoredRow, golden_rows
from tests.support.memory_tables import MemoryTable

# Long enough for the whole golden set, whose rows are all of one evening.
RETENTION_DAYS = 30


class BooksOfAcs:
    """ACS, as far as the check asks it: the calls that go on, and the identities it deleted.

    Attributes:
        ended: connections of calls that do not go on; all others do.
    """

    def __init__(self) -> None:
        self.ended: set[str] = set()
        self.deleted: list[str] = []

    async def find(self, connection_id: str) -> EstablishedCall | None:
        has_ended = connection_id in self.ended
        return None if has_ended else EstablishedCall(connection_id, None, None)

    async def delete_user(self, user_id: str) -> None:
        self.deleted.append(user_id)


class CheckedTables:
    """Tables, and checks of them."""

    def __init__(self, clients: Mapping[str, TableApi], resource: str = "resource") -> None:
        self.tables = {name: Table(client) for name, client in clients.items()}
        self.acs = BooksOfAcs()
        self.now: datetime = READ
        self.realms = {REALM, ENTRA_REALM}
        self._resource = resource

    def rules(self) -> list[Rule]:
        deployment = Deployment(
            self.tables.__getitem__,
            self._resource,
            self.acs,
            self.acs,
            RETENTION_DAYS,
            self.realms,
            lambda: self.now,
        )
        return rules_of(deployment)

    async def check(
        self,
        *,
        repair: bool = False,
        meanwhile: Callable[[], Awaitable[object]] | None = None,
        most_suspects: int = 10_000,
    ) -> Report:
        """
        Args:
            meanwhile: what happens between the two looks.
        """

        async def pause(_seconds: float) -> None:
            if meanwhile is not None:
                await meanwhile()

        check = DataCheck(
            self.tables.__getitem__,
            self.rules(),
            repair=repair,
            sleep=pause,
            most_suspects=most_suspects,
        )
        return await check.run()

    async def rows(self, table: str) -> list[Row]:
        scanned = self.tables[table].scan("RowKey gt @none", {"none": ""})
        return [row async for rows in scanned for row in rows]


def stored(row: StoredRow) -> Row:
    """A golden row as the service reads it."""
    entity = {"PartitionKey": row.partition_key, "RowKey": row.row_key, "odata.etag": ""}
    for name, (kind, value) in row.properties.items():
        entity[name], entity[f"{name}@odata.type"] = value, kind
    return row_of(entity)


async def golden_in_memory(
    client: Callable[[str], MemoryTable] = MemoryTable, scenes: Collection[str] | None = None
) -> CheckedTables:
    """The golden rows, in memory.

    Args:
        client: makes the client of a table.
        scenes: those whose rows are taken; None: all.
    """
    rows = {
        name: [stored(row) for row in golden_rows(name) if scenes is None or row.scene in scenes]
        for name in TABLES
    }
    return await in_memory(rows, client)


async def in_memory(
    rows: Mapping[str, list[Row]], client: Callable[[str], MemoryTable] = MemoryTable
) -> CheckedTables:
    """Rows by table, in memory."""
    clients = {name: client(name) for name in ALL}
    for name, some in rows.items():
        for row in some:
            await clients[name].insert(row.partition_key, row.row_key, row.values)
    return CheckedTables(clients, ACS_RESOURCE_ID)
