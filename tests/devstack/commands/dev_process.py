"""dev.py as a person uses it: typed, watched, signalled, killed."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.part_process import ended_part
from tests.support.warm_parts import DEV as DEV_PART

ROOT = Path(__file__).resolve().parents[3]
DEV = [sys.executable, str(ROOT / "dev.py")]

START_SECONDS = 60
STOP_SECONDS = 20  # what dev.py promises
AUTO = ("--ports", "auto")  # a test must not depend on which ports are free on this machine

EARLIER_ISSUER = "http://127.0.0.1:7072"  # that of the default ports

# Variables that the person who starts a stack may have exported.
EXPORTED = {
    "AUTH_ISSUER": "https://elsewhere.example",
    "COMMUNICATION_ENDPOINT": "https://elsewhere.example",  # the app wants one of the two
    "TABLES_ENDPOINT": "https://elsewhere.example",
    "LOG_LEVEL": "INFO",  # the stack has no opinion about it
}


def until[T](
    answer: Callable[[], T], seconds: float, what: str, said: Callable[[], str] = str
) -> T:
    """Poll until `answer` gives something true, and return that. If not, show what `said` gives."""
    deadline = time.monotonic() + seconds
    while not (found := answer()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}\n{said()}"
        time.sleep(0.02)
    return found


def is_gone(pid: int) -> bool:
    """No such process, or nothing but its exit code left of it."""
    stat = Path(f"/proc/{pid}/stat")
    try:
        os.kill(pid, 0)
        return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z"
    except (ProcessLookupError, FileNotFoundError):
        return True


def left(parts: Mapping[str, int]) -> list[str]:
    """The names of the parts that still run."""
    return [name for name, pid in parts.items() if not is_gone(pid)]


@contextlib.contextmanager
def default_signals() -> Iterator[None]:
    """A program that is started meanwhile obeys SIGINT and SIGHUP, even if nohup or a shell's `&`
    has them ignored. A new program inherits ignored signals, but begins with the default for
    signals that its parent handles."""
    ignored = [
        number
        for number in (signal.SIGINT, signal.SIGHUP)
        if signal.getsignal(number) is signal.SIG_IGN
    ]
    for number in ignored:
        signal.signal(number, lambda *_: None)
    try:
        yield
    finally:
        for number in ignored:
            signal.signal(number, signal.SIG_IGN)


def dev(*arguments: str, env: dict[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    """Run a dev.py command to its end."""
    return subprocess.run(
        [*DEV, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,
        env=env,
    )


def warm_dev(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run a dev.py command to its end, forked from a process that has loaded dev.py."""
    return ended_part(DEV_PART, *arguments)


class DevRun:
    """One `dev.py run`."""

    def __init__(
        self, state: Path, *options: str, root: Path = ROOT, env: dict[str, str] | None = None
    ) -> None:
        self.state = state
        self.output_file = state.parent / f"{state.name}-output.txt"
        command = DEV if root == ROOT else ["python3", str(root / "dev.py")]
        with self.output_file.open("wb") as output, default_signals():
            self.process = subprocess.Popen(
                [*command, "run", "--state", str(state), *options],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=env,
            )

    @property
    def output(self) -> str:
        return self.output_file.read_text()

    @property
    def stack(self) -> dict[str, Any]:
        content = json.loads((self.state / "stack.json").read_text())
        assert isinstance(content, dict)
        return content

    @property
    def parts(self) -> dict[str, int]:
        pids: dict[str, int] = self.stack["pids"]
        return {name: pid for name, pid in pids.items() if name != "dev"}

    def until_ready(self, seconds: float = START_SECONDS) -> "DevRun":
        until(
            lambda: "The stack is ready" in self.output or self.process.poll() is not None,
            seconds,
            "ready; it said:",
            lambda: self.output,
        )
        assert self.process.poll() is None, self.output
        return self

    def signal(self, number: signal.Signals) -> "DevRun":
        self.process.send_signal(number)
        return self

    def exit_code(self, seconds: float = STOP_SECONDS) -> int:
        try:
            return self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            pytest.fail(f"dev.py still runs after {seconds} s; it said:\n{self.output}")

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


@contextlib.contextmanager
def dev_runs() -> Iterator[Callable[..., DevRun]]:
    """Start `dev.py run --ports auto`, any number of times; all have ended at the end."""
    with contextlib.ExitStack() as ends:

        def start(
            state: Path, *options: str, ports: tuple[str, ...] = AUTO, **where: Any
        ) -> DevRun:
            run = DevRun(state, *ports, *options, **where)
            ends.callback(run.end)
            return run

        yield start
