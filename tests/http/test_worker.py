"""The one app of a worker process, as the first request builds it."""

import subprocess
import sys

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

    assert left_out > until_looked >= 5_000
