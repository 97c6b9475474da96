"""The local stack as the tests use it: its real parts. Here `dev.py run` starts them; the stack of
a whole test run is a `WarmStack`."""

import asyncio
import copy
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from joserfc.jwk import RSAKey

from devstack.issuer.tokens import issuer_key, mint
from devstack.stack.ports import DEFAULT_PORTS
from tests.support.described import DESCRIBED_ANSWERS
from tests.support.host_process import HostProcess, HostProcesses
from tests.support.part_process import running_part
from tests.support.ports import free_port

ROOT = Path(__file__).parents[2]
START_SECONDS = 60.0
STOP_SECONDS = 20.0
# Tests start hosts themselves, and no stack of theirs is started again.
_STACK_OPTIONS = ("--without-host", "--in-memory", "--stop-with-stdin")
# Tests say which resource accounts there are: with one, phones are called as it, also together with
# nobody else; and with several issuers it has to be of one's tenant.
SETTINGS_OF_TESTS = {"TEAMS_RESOURCE_ACCOUNTS": ""}


@dataclass(frozen=True)
class Issuer:
    """An OIDC issuer whose key the tests may sign with."""

    url: str
    key_file: Path
    audience: str

    def token(
        self,
        user: str,
        *,
        name: str | None = None,
        roles: Sequence[str] = (),
        lifetime: timedelta = timedelta(hours=1),
        **claims: object,
    ) -> str:
        """A bearer token as this issuer would sign it; `claims` may forge any part."""
        return mint(
            _loaded_key(self.key_file),
            issuer=self.url,
            subject=user,
            audience=self.audience,
            lifetime=lifetime,
            name=name,
            roles=roles,
            **claims,
        )

    @contextmanager
    def running(self) -> Iterator["Issuer"]:
        """The issuer itself, where no stack runs it."""
        port = self.url.rpartition(":")[2]
        options = ["--port", port, "--key-file", str(self.key_file), "--stop-with-stdin"]
        with (
            self.key_file.with_suffix(".log").open("wb") as log,
            running_part("devstack.issuer", options, log),
        ):
            wait_until_open(int(port))
            yield self


@cache
def _loaded_key(file: Path) -> RSAKey:
    """Loading a key checks it, which takes as long as signing fifty tokens."""
    return issuer_key(file)


class Stack:
    """A running stack without a host of its own: tests start as many hosts as they need."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._log = folder.parent / f"{folder.name}.log"
        self.values: dict[str, Any] = {}
        # By the value of a setting, the value that its hosts have instead: see tests/bad_day.
        self.instead: Mapping[str, str] = {}
        self._hosts = HostProcesses(ROOT, folder.parent / f"{folder.name}-warm-host.log")

    def start(self) -> None:
        # Kept ports of this run's own: two stacks that start at once may both find one free.
        self.folder.mkdir()
        ports = {name: free_port() for name in DEFAULT_PORTS}
        (self.folder / "ports.json").write_text(json.dumps(ports))
        command = [sys.executable, "dev.py", "run", "--ports", "auto"]
        environment = {**os.environ, **SETTINGS_OF_TESTS}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*command, "--state", str(self.folder), *_STACK_OPTIONS],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.PIPE,  # its end is ours, so the stack does not outlive a kill
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        description = self.folder / "stack.json"
        while not description.exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the stack does not start:\n{self._log.read_text()}")
            time.sleep(0.05)
        self.values = json.loads(description.read_text())

    def stop(self) -> None:
        self._hosts.stop()
        self._process.communicate(timeout=STOP_SECONDS)

    @property
    def logs(self) -> list[Path]:
        return [self._log, *sorted(self.folder.glob("*/*.log"))]

    @property
    def settings(self) -> dict[str, str]:
        return dict(self.values["settings"])

    @property
    def issuer(self) -> Issuer:
        key_file = self.folder / "issuer-key.json"
        return Issuer(self.values["issuer"], key_file, self.settings["AUTH_AUDIENCE"])

    def token(self, user: str, **options: Any) -> str:
        """A bearer token of the stack's issuer; see `Issuer.token`."""
        return self.issuer.token(user, **options)

    def with_tables(self, connection_string: str) -> "Stack":
        """The same stack, for a test that keeps everything in other tables."""
        other = copy.copy(self)
        settings = {**self.settings, "TABLES_CONNECTION_STRING": connection_string}
        changed = {"tablesConnectionString": connection_string, "settings": settings}
        other.values = {**self.values, **changed}
        return other

    def host(self, **settings: str) -> "Host":
        """A functions host on this stack, not started yet; settings given here win."""
        usual = {
            name: self.instead.get(value, value)
            for name, value in self.settings.items()
            if name != "CALLBACK_BASE_URL"
        }
        return Host(self._hosts, self.folder / "hosts", {**usual, **settings})


class Host:
    """One functions host in a process of its own."""

    def __init__(self, processes: HostProcesses, logs: Path, settings: dict[str, str]) -> None:
        logs.mkdir(exist_ok=True)
        self.port = free_port()
        # ACS calls back the host that placed the call.
        self._settings = {"CALLBACK_BASE_URL": f"http://127.0.0.1:{self.port}", **settings}
        self.log = logs / f"{self.port}.log"
        self.api = f"http://127.0.0.1:{self.port}/api"
        self._processes = processes
        self._process: HostProcess | None = None

    async def start(self) -> None:
        """Start, or start again on the same port, and wait until it listens."""
        await asyncio.to_thread(self.start_blocking)

    def start_blocking(self) -> None:
        """As `start`, for where there is no event loop."""
        DESCRIBED_ANSWERS.watch(self.log)
        process = self._process = self._processes.start(self._settings, self.port, self.log)

        def is_alive() -> bool:
            return process.exit_code() is None

        wait_until_open(self.port, is_alive)

    def kill(self) -> None:
        """SIGKILL: nothing of the process runs any more. Fine when it has ended."""
        if self._process is not None:
            self._process.kill()
            DESCRIBED_ANSWERS.end(self.log)


# What the `start_host` fixture is: starts a host with settings of its own.
type StartHost = Callable[..., Awaitable[Host]]


def wait_until_open(port: int, is_alive: Callable[[], bool] = lambda: True) -> None:
    """Return once somebody listens on the port of this machine.

    Args:
        is_alive: whether there still is who is to listen.
    """
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert time.monotonic() < deadline, f"nobody listens on {port}"
            assert is_alive(), f"who was to listen on {port} has ended"
            time.sleep(0.01)
        else:
            return
