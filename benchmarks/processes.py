"""The processes that are measured, and the stub: on which cores they run, and what they use."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

from benchmarks.load import BenchError
from devstack.files import ROOT
from devstack.installation.bootstrap import clean_environment

START_SECONDS = 30.0
_STOP_SECONDS = 10.0
_POLL_SECONDS = 0.001
# Longer than Azure's latency in any measure, and than the 10 ms in which Linux counts CPU time.
_IDLE_SECONDS = 0.05
_RUNS = "R"
_LOG_LINES = 20
# Settings of the app that somebody may have exported.
_SETTINGS = ("COMMUNICATION_", "TABLES_", "AUTH_", "TOKEN_", "AZURE_", "IDENTITY_", "CALLBACK_")
# With these, Python writes no bytecode, or cannot find the bytecode that was written.
_PYTHON = {"PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX", "PYENV_VERSION", "LOG_LEVEL"}


@dataclass(frozen=True)
class Cores:
    """Prefixes of command lines, which keep the app on other cores than its clients and the stub.
    Empty where that is not possible.

    Attributes:
        text: for a person.
    """

    app: tuple[str, ...]
    stub: tuple[str, ...]
    load: tuple[str, ...]
    text: str


def choose_cores() -> Cores:
    taskset = shutil.which("taskset")
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if taskset is None or len(cores) < 2:  # noqa: PLR2004
        return Cores((), (), (), "not pinned to cores: no taskset, or one core only")
    app, stub, load = cores[0], cores[1], cores[min(2, len(cores) - 1)]
    others = f"core {stub}" if stub == load else f"cores {stub} and {load}"
    text = f"the app on core {app}, stub and load on {others}"

    def on(core: int) -> tuple[str, ...]:
        return taskset, "-c", str(core)

    return Cores(on(app), on(stub), on(load), text)


class Running:
    """A process that serves a port of this machine."""

    def __init__(
        self, name: str, process: "subprocess.Popen[bytes]", port: int, log: BinaryIO
    ) -> None:
        self.port = port
        self._name = name
        self._process = process
        self._log = log

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def wait_until_open(self) -> None:
        """Return once it listens.

        Raises:
            BenchError: it has ended, or takes too long.
        """
        deadline = time.monotonic() + START_SECONDS
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise self.failure("does not start")
            time.sleep(_POLL_SECONDS)

    def ask(self, request: bytes) -> tuple[int, bytes]:
        """Send a whole HTTP request; returns status and body.

        Raises:
            BenchError: there is no answer.
        """
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=START_SECONDS) as link:
                link.sendall(request)
                answer = b""
                while b"\r\n\r\n" not in answer:
                    answer += _received(link)
                head, _, body = answer.partition(b"\r\n\r\n")
                wanted = _length(head)
                while len(body) < wanted:
                    body += _received(link)
        except OSError as error:
            raise self.failure(f"does not answer ({type(error).__name__})") from error
        return int(head.split()[1]), body

    def cpu_seconds(self) -> float | None:
        """The CPU time that it has used; None where the system does not tell."""
        fields = self._stat()
        if fields is None:
            return None
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def wait_until_idle(self) -> None:
        """Return once it uses no CPU and wants none; soon where the system does not tell.

        After a load it still answers what was sent last, which must not slow down another app.
        """
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            before = self.cpu_seconds()
            time.sleep(_IDLE_SECONDS)
            fields = self._stat()
            # "Runs" is also the state of a process that waits while another has its core.
            if fields is None or (fields[0] != _RUNS and self.cpu_seconds() == before):
                return

    def rss_mib(self) -> float | None:
        """Its memory in RAM; None where the system does not tell."""
        try:
            lines = Path(f"/proc/{self._process.pid}/status").read_text().splitlines()
        except OSError:
            return None
        return next((int(line.split()[1]) / 1024 for line in lines if line[:6] == "VmRSS:"), None)

    def _stat(self) -> list[str] | None:
        """What proc(5) tells, from the state on."""
        try:
            return Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return None

    def failure(self, what: str) -> BenchError:
        self._log.seek(0)
        said = self._log.read().decode(errors="replace").splitlines()[-_LOG_LINES:]
        return BenchError("\n".join([f"{self._name} {what}; its log ends with:", *said]))


@contextmanager
def running(
    name: str, command: Sequence[str], port: int, settings: Mapping[str, str], folder: Path
) -> Iterator[Running]:
    """A process of this Python, which is killed at the end. It may not listen yet when this yields.

    Args:
        name: for a person.
        folder: for its log, which nobody but `failure` reads.
    """
    # Appended to, so that the process goes on at the end after a reader has moved the position.
    with TemporaryFile("a+b", dir=folder) as log:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**_environment(), **settings},
            stdin=subprocess.PIPE,  # its end is ours: the process does not outlive a kill
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            yield Running(name, process, port, log)
        finally:
            process.kill()
            process.wait(_STOP_SECONDS)
            if process.stdin:
                process.stdin.close()


def python(module: str, options: Mapping[str, object]) -> list[str]:
    """The command line of a module of ours."""
    arguments = [str(argument) for option in options.items() for argument in option]
    return [sys.executable, "-m", module, *arguments]


_given_ports = set[int]()


def free_port() -> int:
    """A port of 127.0.0.1, never the same twice in a run: a process binds its port a while after it
    got it, and whoever waits for that process would meanwhile find another one there."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        if port not in _given_ports:
            _given_ports.add(port)
            return port


def _environment() -> dict[str, str]:
    return {
        name: value
        for name, value in clean_environment().items()
        if not name.startswith(_SETTINGS) and name not in _PYTHON
    }


def _received(link: socket.socket) -> bytes:
    data = link.recv(65536)
    if not data:
        raise ConnectionResetError
    return data


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0
