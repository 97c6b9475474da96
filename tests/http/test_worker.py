"""The one app of a worker process, as the first request builds it."""

import os
import subprocess
import sys
from pathlib import Path

from tests.project.settings_world import GOOD
from tests.support.stack import ROOT

BUILD = """
import asyncio, gc
from shared.http.worker import current

async def build():
    await current().upstream.close()

asyncio.run(build())
print(gc.get_freeze_count(), *gc.get_threshold())
"""


def test_what_is_loaded_is_left_out_when_python_looks_for_cycles() -> None:
    built = subprocess.run(
        [sys.executable, "-c", BUILD],
        cwd=ROOT,
        env=GOOD,
        capture_output=True,
        text=True,
        check=True,
    )
    left_out, until_looked, *_ = map(int, built.stdout.split())

    assert left_out > until_looked >= 20_000


COLLECT = """
import gc
import azure.functions

found = []
gc.callbacks.append(lambda phase, _: found.append(phase))
import IssueToken.operation
print(len(found))
"""


def test_python_looks_for_no_cycles_while_functions_are_loaded() -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", COLLECT], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert loaded.stdout.strip() == "0"


READ = """
import sys
from IssueToken.operation import OPERATION

OPERATION.query.model_validate({})
print("stray_plugin" in sys.modules)
"""


def test_an_installed_plugin_of_pydantic_sees_no_request(tmp_path: Path) -> None:
    (tmp_path / "stray_plugin.py").write_text("plugin = None\n")
    metadata = tmp_path / "stray_plugin-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: stray-plugin\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[pydantic]\nstray = stray_plugin:plugin\n")

    read = subprocess.run(
        [sys.executable, "-c", READ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert read.stdout.strip() == "False"
