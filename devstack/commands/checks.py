"""`dev.py check`: the tools that check the code and its dependencies."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator

from devstack.files import ROOT

# These run beside the others: the first waits for answers, the second reads every file at first.
_BESIDE = {
    "vulnerabilities": ["-m", "devstack.commands.audit"],
    "secrets": ["-m", "devstack.commands.secret_scan"],
}
# All of them run, also after one has failed: people want to see every mistake.
_CHECKS = {
    "ruff check": ["-m", "ruff", "check", "."],
    "ruff format": ["-m", "ruff", "format", "--check", "."],
    "mypy": ["-m", "mypy", "."],
    "lint-imports": [
        "-c",
        "from importlinter.cli import lint_imports_command as run; run()",
    ],
}


def check() -> int:
    """Run all of them; returns the exit code."""
    failed = []
    with _beside() as beside:
        for name, command in _CHECKS.items():
            print(f"== {name}", flush=True)
            if subprocess.run([sys.executable, *command], cwd=ROOT, check=False).returncode != 0:
                failed.append(name)
        for name, process in beside.items():
            print(f"== {name}", flush=True)
            print(process.communicate()[0], end="", flush=True)
            if process.returncode != 0:
                failed.append(name)
    print(f"== {'failed: ' + ', '.join(failed) if failed else 'all checks pass'}")
    return 1 if failed else 0


@contextlib.contextmanager
def _beside() -> Iterator[dict[str, "subprocess.Popen[str]"]]:
    processes = {
        name: subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for name, command in _BESIDE.items()
    }
    try:
        yield processes
    finally:  # after Ctrl-C they still run
        for process in processes.values():
            if process.poll() is None:
                process.kill()
                process.wait()
