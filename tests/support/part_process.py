"""Parts of a stack as processes: forked from one that has loaded all of them, or started anew."""

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from types import MappingProxyType
from typing import IO, Any

from tests.support.warm_parts import MESSAGE_BYTES

ROOT = Path(__file__).parents[2]
_DEATH_SECONDS = 10
_END_SECONDS = 60


class PartProcess:
    """What of `subprocess.Popen` tests of parts use, for a part that is forked.

    Args:
        part: such as "devstack.issuer"; one of those in `warm_parts`, or its `DEV`.
        log: where its standard error goes, and its standard output unless that is wanted.
        stdout: whether its standard output is to be read, as text.
        output: where its standard output goes, if not to the log.
        environment: variables that count when they are used. What is read at an import is not.
    """

    def __init__(
        self,
        part: str,
        arguments: Sequence[str],
        log: IO[Any],
        *,
        stdout: bool = False,
        output: IO[Any] | None = None,
        environment: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.returncode: int | None = None
        their_input, our_input = os.pipe()
        our_life, their_life = os.pipe()  # nothing is written: it ends with the process
        our_output, their_output = os.pipe() if stdout else (None, os.dup((output or log).fileno()))
        theirs = [their_input, their_output, log.fileno(), their_life]
        try:
            self._warm = _warm_parts()
            wanted = {
                "part": part,
                "arguments": list(arguments),
                "environment": dict(environment),
            }
            self.pid: int = self._warm.ask("start", theirs, **wanted)["pid"]
        finally:
            for descriptor in (their_input, their_output, their_life):
                os.close(descriptor)
        self._life = our_life
        self.stdin = os.fdopen(our_input, "wb")
        self.stdout = None if our_output is None else os.fdopen(our_output)

    def poll(self) -> int | None:
        return self._ended_within(0)

    def wait(self, timeout: float) -> int:
        """The exit code: minus the signal that ended it, as `subprocess` has it."""
        code = self._ended_within(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout)
        return code

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def close(self) -> None:
        """Let go of its standard input and output."""
        self.stdin.close()
        if self.stdout is not None:
            self.stdout.close()

    def _ended_within(self, seconds: float) -> int | None:
        if self.returncode is None and select.select([self._life], [], [], seconds)[0]:
            os.close(self._life)
            self.returncode = self._warm.ask("reap", pid=self.pid)["exitCode"]
        return self.returncode


@contextmanager
def running_part(
    part: str,
    arguments: Sequence[str],
    log: IO[Any],
    *,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[PartProcess]:
    """A part that is killed at the end, unless it has ended."""
    process = PartProcess(part, arguments, log, environment=environment)
    try:
        yield process
    finally:
        process.kill()
        process.wait(_DEATH_SECONDS)
        process.close()


def ended_part(part: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run a part, or a command of dev.py, to its end."""
    with TemporaryFile("w+") as output, TemporaryFile("w+") as errors:
        process = PartProcess(part, arguments, errors, output=output)
        try:
            code = process.wait(_END_SECONDS)
        finally:
            process.kill()
            process.close()
        for file in (output, errors):
            file.seek(0)
        return subprocess.CompletedProcess(arguments, code, output.read(), errors.read())


class _WarmParts:
    """`tests.support.warm_parts`, which forks parts. It ends when this process does."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.warm_parts"],
                cwd=ROOT,
                stdin=theirs.fileno(),
                start_new_session=True,  # Ctrl-C is for pytest, whose end is the end of this
            )

    def ask(
        self, command: str, descriptors: Sequence[int] = (), **arguments: object
    ) -> dict[str, Any]:
        content = json.dumps({"do": command, **arguments}).encode()
        with self._lock:
            socket.send_fds(self._socket, [content], descriptors)
            answer = self._socket.recv(MESSAGE_BYTES)
        assert answer, "what forks the parts has ended"
        return dict(json.loads(answer))

    def stop(self) -> None:
        self._socket.close()
        self._process.wait()


@cache
def _warm_parts() -> _WarmParts:
    warm = _WarmParts()
    atexit.register(warm.stop)
    return warm
