"""The rows of all tables that hold a word: by them tests claim that nothing of somebody is left.

A stack that many tests share holds thousands of rows. Plain requests look through them, because
Microsoft's SDK would make an object of each; it reads the few that were found, with their types.
"""

import contextlib
from typing import Any

from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables import TableServiceClient

from tests.support.table_wire import table_wire


def rows_with(connection_string: str, *words: str) -> dict[str, list[dict[str, Any]]]:
    """The rows of each table that hold one of the words in any of their values."""
    with (
        TableServiceClient.from_connection_string(connection_string) as service,
        table_wire(connection_string) as wire,
    ):
        found: dict[str, list[dict[str, Any]]] = {}
        for table in [one.name for one in service.list_tables()]:
            rows = found[table] = []
            client = service.get_table_client(table)
            for row in wire.rows(table):
                if any(word in str(value) for value in row.values() for word in words):
                    # A request that is still under way may have removed it.
                    with contextlib.suppress(ResourceNotFoundError):
                        rows.append(dict(client.get_entity(row["PartitionKey"], row["RowKey"])))
        return found
