"""All tables to a file and back: every type stays, and half a copy is never taken for a whole."""

import json
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.operate import tables_copy
from shared.operate.tables_copy import CopyError, restore, save
from shared.settings import load
from shared.table_api import TableApi
from shared.tables import ALL
from shared.upstream.clients import Upstream
from shared.upstream.settings import UpstreamSettings
from tests.support.azurite_tls import environment_with, tls_tables
from tests.support.own_tables import own_tables
from tests.support.stack import ROOT, Stack

__all__ = ["tls_tables"]

# What Table Storage can hold: more than this service has ever written.
TYPES = {
    "text": "it's \u2028 \U0001f600 \\ \"",
    "empty": "",
    "small": 7,
    "long@odata.type": "Edm.Int64",
    "long": "9007199254740993",
    "small_long@odata.type": "Edm.Int64",
    "small_long": "7",
    "double": 0.1,
    "whole_double@odata.type": "Edm.Double",
    "whole_double": "NaN",
    "yes": True,
    "at@odata.type": "Edm.DateTime",
    "at": "2026-11-29T01:02:03.1234567Z",
    "bytes@odata.type": "Edm.Binary",
    "bytes": "AAEC/w==",
    "id@odata.type": "Edm.Guid",
    "id": "00000000-0000-4000-8000-000000000001",
}


@pytest.fixture
def storage(stack: Stack) -> Iterator[UpstreamSettings]:
    with own_tables(stack) as other:
        yield load(other.settings).upstream


async def put(settings: UpstreamSettings, table: str, entities: list[dict[str, Any]]) -> None:
    upstream = Upstream()
    for entity in entities:
        await TableApi(table, settings, upstream).put_entity(entity)
    await upstream.close()


async def everything(settings: UpstreamSettings) -> dict[str, list[dict[str, Any]]]:
    upstream = Upstream()
    found = {}
    for name in ALL:
        rows, _ = await TableApi(name, settings, upstream).read_entities(1000, None)
        ours = [{n: v for n, v in row.items() if n not in tables_copy._NOT_COPIED} for row in rows]
        found[name] = ours
    await upstream.close()
    return found


async def lose_everything(settings: UpstreamSettings) -> None:
    upstream = Upstream()
    for name, rows in (await everything(settings)).items():
        for row in rows:
            await TableApi(name, settings, upstream).delete(row["PartitionKey"], row["RowKey"])
    await upstream.close()
    assert not any((await everything(settings)).values())


async def test_every_row_and_type_comes_back(
    storage: UpstreamSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.tables.PAGE_ROWS", 2)  # so that there are several pages
    for table in ALL:
        row = {"PartitionKey": "a'b c%", "RowKey": "\u00e9:+=&", **TYPES}
        await put(storage, table, [row, *({**row, "RowKey": str(n)} for n in range(4))])
    file = tmp_path / "copy.jsonl"

    assert await save(storage, file) == 5 * len(ALL)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [file]
    before = await everything(storage)
    assert before["identities"][0].keys() >= TYPES.keys() - {"whole_double@odata.type"}
    await lose_everything(storage)
    assert await restore(storage, file, again=False) == 5 * len(ALL)

    assert await everything(storage) == before
    with pytest.raises(CopyError, match="exists"):
        await save(storage, file)
    with pytest.raises(CopyError, match="is not empty; --again"):
        await restore(storage, file, again=False)
    assert await restore(storage, file, again=True) == 5 * len(ALL)
    assert await everything(storage) == before


HEAD, ROW = '{"format": 1}', '{"table": "friends", "row": {"PartitionKey": "p", "RowKey": "r"}}'


@pytest.mark.parametrize(
    ("lines", "word"),
    [
        ([], "a line is no JSON object"),
        (["{}"], "no copy of tables"),
        ([HEAD, ROW], "not whole"),
        ([HEAD, ROW, '{"rows": 2}'], "not whole"),
        ([HEAD, ROW, '{"ro'], "damaged"),
        ([HEAD, '{"rows": 0}', ROW], "goes on"),
        ([HEAD, ROW.replace("friends", "others"), '{"rows": 1}'], "line 2 is no row"),
        ([HEAD, '{"table": ["friends"], "row": {}}', '{"rows": 1}'], "line 2 is no row"),
    ],
)
async def test_half_a_copy_is_refused_before_anything_is_written(
    tmp_path: Path, lines: list[str], word: str
) -> None:
    file = tmp_path / "copy.jsonl"
    file.write_text("\n".join(lines), "utf-8")
    nowhere = UpstreamSettings("", None, "", "", "", "https://127.0.0.1:1", 1)

    with pytest.raises(CopyError, match=word):
        await restore(nowhere, file, again=False)


@pytest.mark.slow
def test_a_save_that_fails_leaves_no_file(tmp_path: Path) -> None:
    file = tmp_path / "copy.jsonl"
    settings = {
        "TABLES_ENDPOINT": "https://127.0.0.1:1",
        "AZURE_TOKEN_CREDENTIALS": "AzureCliCredential",
        "PATH": str(tmp_path),
    }
    ran = command(settings, "save", str(file))

    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.endswith("save failed: sign in here with az login\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_it_copies_by_identity(tls_tables: dict[str, str], tmp_path: Path) -> None:
    given, file = tmp_path / "given.jsonl", tmp_path / "copy.jsonl"
    given.write_text("\n".join([HEAD, ROW, '{"rows": 1}']), "utf-8")
    environment = environment_with(tls_tables)

    restored = command(environment, "restore", str(given))
    saved = command(environment, "save", str(file))

    assert (restored.stdout, restored.stderr) == ("restore: 1 rows of 8 tables\n", "")
    assert (saved.stdout, saved.stderr) == ("save: 1 rows of 8 tables\n", "")
    _, row, end = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    assert (row, end) == (json.loads(ROW), {"rows": 1})


def command(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "shared.operate.tables_copy", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
