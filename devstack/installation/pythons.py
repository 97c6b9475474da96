"""Finds a Python of the wanted version that really runs. Readable by Python 3.6 (see dev.py).

Every candidate is tried by running it: pyenv puts shims on the PATH for every version that it has
ever heard of (they exit 127), and Debian ships Pythons that cannot make a virtual environment.
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

# A Python that takes longer to say its name is no Python to work with.
PROBE_SECONDS = 20


def find() -> Optional[str]:
    """The path of a Python of the wanted version that can make a virtual environment, or None."""
    if _this_one_fits():
        return os.path.realpath(sys.executable)
    for candidate in _candidates():
        found = _probe(candidate, "ensurepip, venv")
        if found is not None:
            return found
    return None


def runs(python: str, needs: str) -> bool:
    """Is this a Python of the wanted version, able to import `needs`?"""
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
    told = _output(["uv", "python", "find", "--system", version])
    if told:
        yield told


def _probe(python: str, needs: str) -> Optional[str]:
    """Where `python` really lives, if it runs, has the wanted version and can import `needs`.

    Without links, so that a venv does not hang on a folder of links that may go away.
    """
    if not os.access(python, os.X_OK):
        return None
    code = "import os, sys; assert sys.version_info[:2] == {!r}; import {}; " + (
        "print(os.path.realpath(sys.executable))"
    )
    return _output([python, "-c", code.format(WANTED, needs)])


def _output(command: List[str]) -> Optional[str]:
    """The last line that `command` prints, or None if it does not run or fails."""
    # pyenv hands PYENV_VERSION down to everything started under one of its Pythons, and its
    # shims obey it: under 3.11 the shim of 3.13 fails even where there is a 3.13.
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
