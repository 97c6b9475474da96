"""Every row of every table: what tests look through for what must be left nowhere.

A stack that many tests share holds thousands of rows, of which a test looks for a few: Microsoft's
SDK reads only what was found.
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
                    # Who is still at work may have removed it since.
                    with contextlib.suppress(ResourceNotFoundError):
                        rows.append(dict(client.get_entity(row["PartitionKey"], row["RowKey"])))
        return found
