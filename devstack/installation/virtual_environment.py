"""`.venv`: whose it is, whether it is complete, and how it is made complete.

Only what dev.py has made is ever removed: somebody may have made `.venv` themselves, for other
packages too, or have put a link in its place. Readable by Python 3.6 (see dev.py).
"""

import contextlib
import os
import re
import shutil
from typing import Callable, List, Optional

from devstack.installation import pythons, stamps
from devstack.installation.failures import InstallationError
from devstack.installation.steps import Step

# What a command needs: each holds all that those before it do.
RUN, DEV = "requirements-run.txt", "requirements-dev.txt"
_LEVELS = (RUN, DEV)
_STAMPS = {RUN: ".stamp-run", DEV: ".stamp"}

SITE_PACKAGES = "lib/python{}.{}/site-packages".format(*pythons.WANTED)

# In a .venv that dev.py installs into and did not make: it is never removed.
_FOREIGN = ".not-made-by-dev-py"
# While pip works. pip believes that a half-unpacked package is installed, so what is left of an
# installation that was killed has to be made again.
_HALF_MADE = ".half-made"
# One of them is in every .venv that dev.py has made.
_OURS = (_HALF_MADE, *_STAMPS.values(), "install.log")

_PINNED = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*(?:\[[^]]*\])?==", re.MULTILINE)
_LOOKED_AT = re.compile(r"^(?:Collecting|Requirement already satisfied:) ([A-Za-z0-9._-]+)")


class VirtualEnvironment:
    """The virtual environment of a clone.

    Args:
        root: the repository.
        report: called with a sentence for the person at the terminal.
    """

    def __init__(self, root: str, report: Callable[[str], None]) -> None:
        self._root = root
        self._report = report
        self.path = os.path.join(root, ".venv")
        self.python = os.path.join(self.path, "bin", "python")
        self.log = os.path.join(self.path, "install.log")

    def is_complete(self, requirements: str) -> bool:
        """Whether it has all that is pinned there. A cheap check, which starts no process."""
        enough = _LEVELS[_LEVELS.index(requirements) :]
        return os.access(self.python, os.X_OK) and any(
            stamps.fits(self._stamp(level), self._inputs(level)) for level in enough
        )

    def number_of_packages(self, requirements: str) -> int:
        with open(os.path.join(self._root, requirements)) as file:
            return len(_PINNED.findall(file.read()))

    def make_complete(self, requirements: str, lock: int) -> None:
        """
        Raises:
            InstallationError: there is no usable Python, or what is in its place is not ours to
                remove, or pip failed.
            OSError: a file of it cannot be written.
        """
        half_made = os.path.join(self.path, _HALF_MADE)
        self._check_what_is_there()
        is_foreign = self._is_foreign()
        if is_foreign:
            self._check_foreign()
            _touch(os.path.join(self.path, _FOREIGN))
        elif os.path.exists(half_made) or not pythons.runs(self.python, needs="pip"):
            self._make_anew(lock)
        _touch(half_made)
        for stamp in _STAMPS.values():
            with contextlib.suppress(FileNotFoundError):
                os.remove(os.path.join(self.path, stamp))
        self._install(requirements, lock)
        os.remove(half_made)
        stamps.write(self._stamp(requirements), self._inputs(requirements))

    def _check_what_is_there(self) -> None:
        """`.venv` must be a folder, or a link to one."""
        if not os.path.lexists(self.path) or os.path.isdir(self.path):
            return
        if os.path.islink(self.path):
            raise InstallationError(
                "{} is a link to {}, which is no folder: remove the link, and dev.py makes its "
                "own .venv".format(self.path, os.readlink(self.path))
            )
        raise InstallationError(
            "{} is a file, and dev.py needs that name for a folder: move it away".format(self.path)
        )

    def _is_foreign(self) -> bool:
        """Whether somebody else has made it, or somebody has put a link there."""
        if os.path.islink(self.path):
            return True
        there = os.listdir(self.path) if os.path.isdir(self.path) else []
        return bool(there) and (_FOREIGN in there or not any(name in there for name in _OURS))

    def _check_foreign(self) -> None:
        """Somebody else's is used as it is, or not at all."""
        what = "{} was not made by dev.py, which does not remove it".format(self.path)
        if os.path.exists(os.path.join(self.path, _HALF_MADE)):
            raise InstallationError(
                "{}, and an installation into it was interrupted: move it away, and dev.py makes "
                "its own".format(what)
            )
        if not pythons.runs(self.python, needs="pip"):
            raise InstallationError(
                "{}, and it is no environment of Python {}.{} with pip: move it away, and dev.py "
                "makes its own".format(what, *pythons.WANTED)
            )
        self._report("note: {}; packages are added to it".format(what))

    def _make_anew(self, lock: int) -> None:
        base = pythons.find()
        if base is None:
            raise InstallationError(pythons.HOW_TO_GET)
        self._report(
            "Installing into this folder, once ({} Python packages and what comes with them). "
            "Later starts begin at once.".format(self.number_of_packages(RUN))
        )
        if os.path.isdir(self.path):
            _touch(os.path.join(self.path, _HALF_MADE))
            _empty(self.path, spare=_HALF_MADE)  # a kill in between leaves it recognizable
        else:
            os.mkdir(self.path)
            _touch(os.path.join(self.path, _HALF_MADE))
        command = [base, "-m", "venv", self.path]
        Step("making .venv", command, self._root, self.log, lock).run()

    def _install(self, requirements: str, lock: int) -> None:
        path = os.path.join(self._root, requirements)
        command = [self.python, "-m", "pip", "install", "--no-input"]
        command += ["--disable-pip-version-check"]
        # Not compiled: most of it is never imported, and Python compiles the rest when it is.
        command += ["--no-compile", "--require-hashes", "-r", path]
        what = "Python packages" if requirements == RUN else "Python packages, also of the tests"
        doing = _PipProgress(self.number_of_packages(requirements)).doing
        Step("installing " + what, command, self._root, self.log, lock, doing=doing).run()

    def _stamp(self, requirements: str) -> str:
        return os.path.join(self.path, _STAMPS[requirements])

    def _inputs(self, requirements: str) -> List[str]:
        upto = _LEVELS[: _LEVELS.index(requirements) + 1]
        # pyvenv.cfg holds the Python version, so a venv of another Python does not fit.
        return [os.path.join(self._root, name) for name in upto] + [
            os.path.join(self.path, "pyvenv.cfg")
        ]


class _PipProgress:
    """What pip's output says that it does: it looks at each package, then unpacks all."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._looked_at = 0

    def doing(self, line: str) -> Optional[str]:
        found = _LOOKED_AT.match(line)
        if found:
            self._looked_at += 1
            count = min(self._looked_at, self._number)
            return "{} of {}: {}".format(count, self._number, found.group(1))
        if line.startswith("Installing collected packages"):
            return "unpacking"
        return None


def _empty(folder: str, spare: str) -> None:
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if name == spare:
            continue
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        else:
            os.remove(path)


def _touch(path: str) -> None:
    with open(path, "a"):
        pass
