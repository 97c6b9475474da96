"""Makes `.venv` and the node_modules folders complete, in whatever state an earlier start left
them.

It runs under any Python from 3.6 on (see dev.py), so it uses the standard library and old syntax
only. If everything is complete, it starts no process and takes a few milliseconds.
"""

import contextlib
import os
import signal
import sys
import time
from types import FrameType
from typing import Iterator, List, Optional, Sequence  # noqa: F401  in type comments

from devstack.installation.failures import InstallationError, InstallationInterrupted
from devstack.installation.node_packages import NodePackages
from devstack.installation.progress import Progress
from devstack.installation.steps import clean_environment
from devstack.installation.virtual_environment import DEV, RUN, VirtualEnvironment
from devstack.os_errors import in_words

__all__ = [
    "DEV",
    "RUN",
    "InstallationError",
    "InstallationInterrupted",
    "clean_environment",
    "install",
]


def install(
    root: str,
    node_folders: Sequence[str],
    requirements: str = RUN,
    with_optional: bool = False,
) -> str:
    """Install what is missing and return the path of `.venv`'s python.

    Args:
        root: the repository.
        node_folders: folders in it whose package-lock.json has to be installed.
        requirements: RUN, or DEV, which has the packages of tests and checks too.
        with_optional: also the optional packages of the folders: Vite's compiled parts are such,
            one for each kind of machine.

    Raises:
        InstallationError: there is no usable Python, or pip or npm failed, or a file is in the way
            or cannot be written.
        InstallationInterrupted: SIGINT or SIGTERM came; no process of ours runs any more.
    """
    if os.name == "nt":
        raise InstallationError("needs Linux or macOS; on Windows use WSL")
    venv = VirtualEnvironment(root, _report)
    node = [NodePackages(root, folder) for folder in node_folders]
    if venv.is_complete(requirements) and all(one.is_complete() for one in node):
        return venv.python
    try:
        with _raising_signals(), _locked(os.path.join(root, ".venv.lock")) as lock:
            # Check again: another dev.py that held the lock may have installed it.
            if not venv.is_complete(requirements):
                venv.make_complete(requirements, lock)
            for one in node:
                if not one.is_complete():
                    one.install(venv.path, venv.log, lock, with_optional)
    except OSError as error:
        raise InstallationError("cannot install: " + in_words(error)) from error
    return venv.python


def _report(text: str) -> None:
    with contextlib.suppress(OSError, ValueError, AttributeError):  # the terminal may be closed
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


@contextlib.contextmanager
def _raising_signals() -> Iterator[None]:
    came = []  # type: List[int]

    def interrupt(number: int, _frame: Optional[FrameType]) -> None:
        came.append(number)
        if len(came) == 1:  # a second one must not interrupt the stopping of pip
            raise InstallationInterrupted(number)

    # SIGINT too, because a shell starts background jobs with SIGINT ignored.
    numbers = (signal.SIGINT, signal.SIGTERM)
    earlier = [signal.signal(number, interrupt) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, earlier):  # noqa: B905  strict= is not in 3.6
            signal.signal(number, handler)


@contextlib.contextmanager
def _locked(path: str) -> Iterator[int]:
    """Wait until no other dev.py installs, and hold the lock; yield its descriptor."""
    import fcntl

    with open(path, "a") as lock, Progress("waiting for another dev.py to install") as progress:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                progress.show()
                time.sleep(0.1)
        progress.finish()
        yield lock.fileno()
