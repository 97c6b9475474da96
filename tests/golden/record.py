"""`python -m tests.golden.record SCENE ...`: play scenes with today's code, and keep their rows.

It needs no running stack: it starts one, and removes it at the end. Rows that are there are never
changed.
"""

import asyncio
import os
import sys
import tempfile
from pathlib import Path

from tests.golden.rows import TABLES, StoredRow, golden_rows, stored_rows, write_golden_rows
from tests.golden.scenes import SCENES
from tests.golden.stage import staged
from tests.support.stack import Stack


async def play(scene: str, stack: Stack) -> None:
    """Play a scene on a stack."""
    async with staged(scene, stack) as stage:
        await SCENES[scene](stage)


def record(scenes: list[str]) -> None:
    """Add the rows of scenes that were never recorded to the files.

    Raises:
        SystemExit: a scene is unknown, or was recorded, or has changed the rows of another.
    """
    kept = {table: golden_rows(table) for table in TABLES}
    recorded = {row.scene for rows in kept.values() for row in rows}
    for scene in scenes:
        if scene not in SCENES or scene in recorded:
            raise SystemExit(f"{scene} is no new scene of {', '.join(SCENES)}")
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder) / "state")
        stack.start()
        try:
            os.environ.update(stack.settings)  # the managed identity's, for Graph
            tables = str(stack.values["tablesConnectionString"])
            for scene in scenes:
                asyncio.run(play(scene, stack))
                for table, rows in kept.items():
                    kept[table] = rows + _new(table, rows, stored_rows(tables, table), scene)
        finally:
            stack.stop()
    for table, rows in kept.items():
        write_golden_rows(table, rows)


def _new(table: str, kept: list[StoredRow], found: list[StoredRow], scene: str) -> list[StoredRow]:
    known, new = {row.key: row for row in kept}, list[StoredRow]()
    for row in found:
        if row.key not in known:
            new.append(StoredRow(row.partition_key, row.row_key, row.properties, scene))
        elif known[row.key] != row:
            raise SystemExit(f"{scene} has changed a row of {table} of another scene: {row.key}")
    return new


if __name__ == "__main__":
    if not sys.argv[1:]:
        raise SystemExit(f"which of {', '.join(SCENES)}?")
    record(sys.argv[1:])
