"""One step of an installation: a process, whose output goes to a log, and what it is doing to the
terminal. Readable by Python 3.6 (see dev.py).
"""

import contextlib
import os
import signal
import subprocess
import time
from typing import Callable, Dict, List, Optional

from devstack.installation.failures import InstallationError, why_it_failed
from devstack.installation.progress import Progress

# Less than any step needs.
NO_ROOM_BYTES = 256 * 1024


class Step:
    """
    Args:
        label: what it does, such as "making .venv".
        command: what runs, in `folder`.
        log: the file that its output is added to.
        lock: the descriptor of the lock of the installation, which the process inherits: if dev.py
            is killed, the next dev.py waits until the step has ended.
        path: a folder whose programs it finds before any other.
        doing: what a line of its output says that it is doing; None: nothing new.
    """

    def __init__(
        self,
        label: str,
        command: List[str],
        folder: str,
        log: str,
        lock: int,
        path: Optional[str] = None,
        doing: Callable[[str], Optional[str]] = lambda _line: None,
    ) -> None:
        self._label = label
        self._command = command
        self._folder = folder
        self._log = log
        self._lock = lock
        self._path = path
        self._doing = doing

    def run(self) -> None:
        """
        Raises:
            InstallationError: it has failed; the message says why.
            OSError: it could not be started, or the log cannot be written.
        """
        with open(self._log, "ab+") as output, Progress(self._label) as progress:
            begin = output.seek(0, os.SEEK_END)
            child = subprocess.Popen(
                self._command,
                cwd=self._folder,
                env=_environment(self._path),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # so that Ctrl-C reaches only us
                pass_fds=(self._lock,),
            )
            try:
                self._watch(child, begin, progress)
            finally:
                if child.poll() is None:
                    _stop(child)
            if child.returncode != 0:
                output.seek(begin)
                lines = output.read().decode("utf-8", "replace").splitlines()
                is_full = _room(self._log) < NO_ROOM_BYTES
                raise InstallationError(why_it_failed(self._label, lines, self._log, is_full))

    def _watch(self, child: "subprocess.Popen[bytes]", begin: int, progress: Progress) -> None:
        detail = ""
        with open(self._log, "rb") as written:
            written.seek(begin)
            while child.poll() is None:
                for line in written.readlines():
                    detail = self._doing(line.decode("utf-8", "replace").strip()) or detail
                progress.show(detail)
                time.sleep(0.05)


def clean_environment() -> Dict[str, str]:
    """This environment, without variables that make a Python load packages of another Python."""
    foreign = ("PYTHONHOME", "PYTHONPATH", "__PYVENV_LAUNCHER__")
    return {name: value for name, value in os.environ.items() if name not in foreign}


def _environment(path: Optional[str]) -> Dict[str, str]:
    environment = clean_environment()
    for name in ("PIP_USER", "PIP_TARGET", "PIP_PREFIX"):  # packages would not go into .venv
        environment.pop(name, None)
    if path is not None:
        environment["PATH"] = os.pathsep.join([path, environment.get("PATH", os.defpath)])
    return environment


def _room(path: str) -> int:
    """How many bytes this user may still write there."""
    there = os.statvfs(path)
    return there.f_bavail * there.f_frsize


def _stop(child: "subprocess.Popen[bytes]") -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(timeout=5)
            return
