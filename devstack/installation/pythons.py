"""Finds a working Python of the required version. Readable by Python 3.6 (see dev.py).

Every candidate is run once: pyenv has shims on the PATH also for versions that do not work (they
exit with 127), and Debian has Pythons that cannot make a virtual environment.
"""

import glob
import importlib
import os
import subprocess
import sys
from typing import Iterator, List, Optional

WANTED = (3, 13)

HOW_TO_GET = (
    "no working Python {0}.{1} found: install it together with its venv module, for example "
    "`pyenv install {0}.{1}`, `uv python install {0}.{1}` or `apt install python{0}.{1}-venv`"
).format(*WANTED)

# A Python that needs longer than this to start is not used.
PROBE_SECONDS = 20


def find() -> Optional[str]:
    """The path of a Python of the required version that can make a virtual environment, or None."""
    if _this_one_fits():
        return os.path.realpath(sys.executable)
    for candidate in _candidates():
        found = _probe(candidate, "ensurepip, venv")
        if found is not None:
            return found
    return None


def runs(python: str, needs: str) -> bool:
    """Is this a Python of the required version that can import `needs`?"""
    return _probe(python, needs) is not None


def _this_one_fits() -> bool:
    try:
        for name in ("ensurepip", "venv"):
            importlib.import_module(name)
    except ImportError:
        return False
    return sys.version_info[:2] == WANTED and bool(sys.executable)


def _candidates() -> Iterator[str]:
    version = "{}.{}".format(*WANTED)
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    for name in ("python" + version, "python3", "python"):
        for folder in folders:
            yield os.path.join(folder, name)
    for root in (os.environ.get("PYENV_ROOT"), os.path.expanduser("~/.pyenv")):
        if root:
            pattern = os.path.join(glob.escape(root), "versions", version + "*", "bin", "python")
            for path in sorted(glob.glob(pattern), reverse=True):
                yield path
    uv_python = _output(["uv", "python", "find", "--system", version])
    if uv_python:
        yield uv_python


def _probe(python: str, needs: str) -> Optional[str]:
    """The real path of `python`, if it has the required version and can import `needs`, else None.

    Links are resolved, so that a venv does not depend on a folder of links that may be removed.
    """
    if not os.access(python, os.X_OK):
        return None
    code = "import os, sys; assert sys.version_info[:2] == {!r}; import {}; " + (
        "print(os.path.realpath(sys.executable))"
    )
    return _output([python, "-c", code.format(WANTED, needs)])


def _output(command: List[str]) -> Optional[str]:
    """The last line that `command` prints, or None if it does not run or fails."""
    # Programs under a Python of pyenv inherit PYENV_VERSION, and the shims obey it: under 3.11 the
    # shim of 3.13 fails, even if 3.13 is installed.
    foreign = ("PYENV_VERSION", "PYTHONHOME", "PYTHONPATH", "__PYVENV_LAUNCHER__")
    environment = {name: value for name, value in os.environ.items() if name not in foreign}
    try:
        lines = (
            subprocess.check_output(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=PROBE_SECONDS,
            )
            .decode("utf-8", "surrogateescape")
            .splitlines()
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return lines[-1] if lines else None
