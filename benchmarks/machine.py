"""Describes the machine that has measured, because figures of two machines cannot be compared."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.processes import Cores
from devstack.files import ROOT

type Description = dict[str, str]

# The load average for each core up to which a machine counts as idle.
_QUIET = 0.25


def describe(cores: Cores) -> Description:
    """For a person: the name of each line, and its text."""
    return {
        "measured": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": _commit(),
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "memory": _memory(),
        "system": f"{platform.system()} {platform.release()}, {platform.machine()}",
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "cores": cores.text,
        "load average at the start": _load_average(),
    }


def _commit() -> str:
    """The commit of the code, and whether files differ from it; the files of the figures do not
    count."""
    commit = _git("rev-parse", "--short=12", "HEAD")
    changed = _git("status", "--porcelain", "--", ".", ":!docs")
    return (commit or "unknown") + (", with changes" if changed else "")


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", *arguments],  # noqa: S607
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        return ""
    return done.stdout.strip()


def _processor() -> str:
    return _value(Path("/proc/cpuinfo"), "model name") or platform.processor() or "unknown"


def _memory() -> str:
    kib = _value(Path("/proc/meminfo"), "MemTotal").split()
    return f"{int(kib[0]) / 2**20:.0f} GiB" if kib else "unknown"


def _load_average() -> str:
    """How busy the machine was with other things, and whether that is too much."""
    if not hasattr(os, "getloadavg"):
        return "unknown"
    average = os.getloadavg()[0]
    is_busy = average > (os.cpu_count() or 1) * _QUIET
    return f"{average:.1f}{': BUSY WITH OTHER THINGS, so these figures say little' * is_busy}"


def _value(file: Path, name: str) -> str:
    """The text after a name and a colon in a file of the system; empty if it is not there."""
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return ""
    found = (line.partition(":") for line in lines)
    return next((value.strip() for key, _, value in found if key.strip() == name), "")
