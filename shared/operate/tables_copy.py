"""python -m shared.operate.tables_copy save | restore FILE: copy all tables to a file and back.

It needs the settings of the tables only, and a key or the right of an identity. The file has JSON
lines: first what it is, then each row with its table, last how many rows there are. Rows are as
Table Storage spells them, so that every type stays. The file names people: only its owner may read
it.
"""

import argparse
import asyncio
import json
import logging
import os
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import batched
from pathlib import Path
from typing import Any

from shared import tables
from shared.operate.progress import Progress
from shared.operate.sign_in import remedy_here
from shared.settings_reader import SettingsError, SettingsReader
from shared.table_api import Continuation, TableApi
from shared.upstream.clients import Upstream
from shared.upstream.concurrency import for_each
from shared.upstream.errors import outcome_of, refusal_of
from shared.upstream.failures import RequestFailed
from shared.upstream.retries import with_retries
from shared.upstream.services import STORAGE
from shared.upstream.settings import UpstreamSettings, read_storage_settings

_FORMAT = 1
# Storage sets these itself.
_NOT_COPIED = ("odata.etag", "Timestamp", "Timestamp@odata.type")
# Rows that are read from the file before they are written, 32 at a time.
_ROWS_AT_ONCE = 1000

type Stored = tuple[str, dict[str, Any]]


class CopyError(Exception):
    """It cannot be done; the message says why, and holds nothing of a row."""


async def save(settings: UpstreamSettings, file: Path) -> int:
    """Copy all rows to a new file, which has its name only once it is whole. What changes
    meanwhile may be in it or not.

    Returns:
        How many rows it has.

    Raises:
        CopyError: the file exists.
        RequestFailed, OSError: storage failed, or the disk.
    """
    part = _part_of(file)
    count, progress = 0, Progress("save")
    # Nobody else may read it, from its first byte on.
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as lines:
            head = {"format": _FORMAT, "tables": tables.ALL, "began": datetime.now(UTC).isoformat()}
            lines.write(f"{json.dumps(head)}\n")
            async with _apis(settings) as apis:
                for name, api in apis.items():
                    async for entity in _entities(api):
                        lines.write(f"{json.dumps({'table': name, 'row': entity})}\n")
                        count += 1
                        progress.show(f"{name}, {count:,} rows")
            lines.write(f"{json.dumps({'rows': count})}\n")
            lines.flush()
            os.fsync(lines.fileno())
        part.rename(file)
    finally:
        progress.end()
        part.unlink(missing_ok=True)
    return count


async def restore(settings: UpstreamSettings, file: Path, *, again: bool) -> int:
    """Write all rows of a copy to tables that are empty.

    Args:
        again: after a restore that has died: the tables may have rows, and those of the copy
            replace them.

    Returns:
        How many rows there are.

    Raises:
        CopyError: the file is no whole copy, or the tables are not empty.
        RequestFailed, OSError: storage failed, or the file cannot be read.
    """
    total = sum(1 for _ in _rows(file))  # all of it is read before anything is written
    count, progress = 0, Progress("restore")
    async with _apis(settings) as apis:

        async def put(stored: Stored) -> None:
            nonlocal count
            table, entity = stored
            # A row that is written twice is the same row.
            await with_retries(lambda: apis[table].put_entity(entity))
            count += 1
            progress.show(f"{count:,} of {total:,} rows")

        if not again:
            await for_each(apis.values(), _refuse_rows)
        try:
            for some in batched(_rows(file), _ROWS_AT_ONCE, strict=False):
                await for_each(some, put)
        finally:
            progress.end()
    return count


def _part_of(file: Path) -> Path:
    """Where a new file is written."""
    if file.exists():
        raise CopyError(f"{file} exists")
    part = file.with_name(f"{file.name}.part")
    part.unlink(missing_ok=True)  # of a run that was killed
    return part


@asynccontextmanager
async def _apis(settings: UpstreamSettings) -> AsyncIterator[dict[str, TableApi]]:
    upstream = Upstream()
    try:
        yield {name: TableApi(name, settings, upstream) for name in tables.ALL}
    finally:
        await upstream.close()


async def _entities(api: TableApi) -> AsyncIterator[dict[str, Any]]:
    there: Continuation | None = None
    while True:
        entities, there = await _page(api, tables.PAGE_ROWS, there)
        for entity in entities:
            yield {name: value for name, value in entity.items() if name not in _NOT_COPIED}
        if there is None:
            return


async def _page(
    api: TableApi, most: int, there: Continuation | None
) -> tuple[list[dict[str, Any]], Continuation | None]:
    return await with_retries(lambda: api.read_entities(most, there))


async def _refuse_rows(api: TableApi) -> None:
    there: Continuation | None = None
    while True:  # an answer may be empty though there are rows further on
        entities, there = await _page(api, 1, there)
        if entities:
            raise CopyError(
                f"the table {api.table_name} is not empty; --again goes on with a restore that died"
            )
        if there is None:
            return


def _rows(file: Path) -> Iterator[Stored]:
    """
    Raises:
        CopyError: it is no whole copy.
    """
    count, end = 0, None
    with file.open(encoding="utf-8") as lines:
        _check_head(_object(next(lines, "")))
        for line in lines:
            if end is not None:
                raise CopyError("the file goes on after its end")
            content = _object(line)
            if "rows" in content:
                end = content["rows"]
                continue
            table, row = content.get("table"), content.get("row")
            if table not in tables.ALL or not isinstance(row, dict) or not _has_keys(row):
                raise CopyError(f"line {count + 2} is no row of a table of this service")
            count += 1
            yield table, row
    if end != count:
        raise CopyError(f"the copy is not whole: it has {count:,} rows, and no end that says so")


def _check_head(head: dict[str, Any]) -> None:
    if head.get("format") != _FORMAT:
        raise CopyError("this is no copy of tables that this version can read")


def _has_keys(row: dict[str, Any]) -> bool:
    return isinstance(row.get("PartitionKey"), str) and isinstance(row.get("RowKey"), str)


def _object(line: str) -> dict[str, Any]:
    try:
        content = json.loads(line)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise CopyError("the copy is damaged: a line is no JSON object")
    return content


def main(argv: Sequence[str] | None = None) -> int:
    logging.disable()  # what is printed says the same
    parser = argparse.ArgumentParser(prog="python -m shared.operate.tables_copy")
    parser.add_argument("act", choices=["save", "restore"])
    parser.add_argument("file", type=Path, help="save: a new file; restore: one that save has made")
    parser.add_argument("--again", action="store_true", help="go on with a restore that died")
    arguments = parser.parse_args(argv)
    reader = SettingsReader(os.environ)
    settings = read_storage_settings(reader)
    try:
        reader.raise_faults()
        if arguments.act == "save":
            count = asyncio.run(save(settings, arguments.file))
        else:
            count = asyncio.run(restore(settings, arguments.file, again=arguments.again))
    except SettingsError as error:
        for name, fault in error.faults.items():
            print(f"{name} {fault}", file=sys.stderr)
        return 1
    except (CopyError, OSError, UnicodeDecodeError, RequestFailed) as error:
        print(f"{arguments.act} failed: {_reason(error)}", file=sys.stderr)
        return 1
    print(f"{arguments.act}: {count:,} rows of {len(tables.ALL)} tables")
    return 0


def _reason(error: Exception) -> str:
    if isinstance(error, CopyError):
        return str(error)
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    if not isinstance(error, RequestFailed):
        return type(error).__name__
    refusal = refusal_of(error, STORAGE)
    return outcome_of(error) if refusal is None else remedy_here(refusal, os.environ)


if __name__ == "__main__":
    sys.exit(main())
