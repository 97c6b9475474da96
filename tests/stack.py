"""The local stack as the tests use it: real parts, as `dev.py run` starts them."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp

from devstack.tokens import issuer_key, mint

ROOT = Path(__file__).parent.parent
START_SECONDS = 60.0
STOP_SECONDS = 20.0


class Stack:
    """A running stack without a host of its own: tests start as many hosts as they need."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._log = folder.parent / f"{folder.name}.log"
        self.values: dict[str, Any] = {}

    def start(self) -> None:
        command = [sys.executable, "dev.py", "run", "--ports", "auto", "--without-host"]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*command, "--state", str(self.folder)],
                cwd=ROOT,
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
        self._process.send_signal(signal.SIGINT)
        self._process.wait(STOP_SECONDS)

    @property
    def logs(self) -> list[Path]:
        return [self._log, *sorted(self.folder.glob("*/*.log"))]

    @property
    def settings(self) -> dict[str, str]:
        return dict(self.values["settings"])

    def token(
        self,
        user: str,
        *,
        name: str | None = None,
        roles: Sequence[str] = (),
        lifetime: timedelta = timedelta(hours=1),
        **claims: object,
    ) -> str:
        """A bearer token as the stack's issuer would sign it; `claims` may forge any part."""
        return mint(
            issuer_key(self.folder / "issuer-key.json"),
            issuer=self.values["issuer"],
            subject=user,
            audience=self.settings["AUTH_AUDIENCE"],
            lifetime=lifetime,
            name=name,
            roles=roles,
            **claims,
        )

    def host(self, **settings: str) -> "Host":
        """A functions host on this stack, not started yet; settings given here win."""
        return Host(self.folder / "hosts", {**self.settings, **settings})


class Host:
    """One functions host in a process of its own."""

    def __init__(self, logs: Path, settings: dict[str, str]) -> None:
        logs.mkdir(exist_ok=True)
        self._settings = settings
        self.port = _free_port()
        self.log = logs / f"{self.port}.log"
        self.api = f"http://127.0.0.1:{self.port}/api"
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        """Start, or start again on the same port, and wait until it answers."""
        command = [sys.executable, "-m", "devstack.functions_host", "--app", str(ROOT)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "--port", str(self.port), "--stop-with-stdin"],
                cwd=ROOT,
                env={**os.environ, **self._settings},
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        async with asyncio.timeout(START_SECONDS), aiohttp.ClientSession() as session:
            while True:
                try:
                    async with session.get(f"{self.api}/health"):
                        return
                except aiohttp.ClientError:
                    assert self._process.poll() is None, self.log.read_text()
                    await asyncio.sleep(0.02)

    def kill(self) -> None:
        """SIGKILL: nothing of the process runs any more."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        if self._process.stdin:
            self._process.stdin.close()

    def stop(self) -> None:
        """End it; fine when it has ended."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._process is not None and self._process.stdin:
            self._process.stdin.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
