"""The processes of functions hosts: forked from one that has loaded the app, or started anew."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

# aiohttp reads it at its import. A fork has imported aiohttp already, so a host with this setting
# is started anew.
_READ_AT_IMPORT = {"SSL_CERT_FILE"}


class HostProcess(Protocol):
    def exit_code(self) -> int | None:
        """None while it runs."""

    def kill(self) -> None:
        """SIGKILL, and return when it is dead; fine when it was."""


class HostProcesses:
    """Starts hosts of an app, as forks of one process that loads it once, if their settings allow.

    Args:
        log: where that process writes its errors.
    """

    def __init__(self, app: Path, log: Path) -> None:
        self._app = app
        self._log = log
        self._warm: _WarmHost | None = None
        self._lock = threading.Lock()

    def start(self, settings: Mapping[str, str], port: int, log: Path) -> HostProcess:
        """Start a host with this process's environment and these settings, which win."""
        environment = {**os.environ, **settings}
        if _READ_AT_IMPORT & settings.keys():
            return _StartedHost(self._app, environment, port, log)
        with self._lock:
            if self._warm is None:
                self._warm = _WarmHost(self._app, self._log)
        return self._warm.fork(environment, port, log)

    def stop(self) -> None:
        if self._warm is not None:
            self._warm.stop()


class _StartedHost:
    def __init__(self, app: Path, environment: Mapping[str, str], port: int, log: Path) -> None:
        command = [sys.executable, "-m", "devstack.functions_host", "--app", str(app)]
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [*command, "--port", str(port), "--stop-with-stdin", "--timers-on-demand"],
                cwd=app,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def exit_code(self) -> int | None:
        return self._process.poll()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        if self._process.stdin:
            self._process.stdin.close()


class _WarmHost:
    """`tests.support.warm_host`, which forks hosts."""

    def __init__(self, app: Path, log: Path) -> None:
        self._log = log
        self._lock = threading.Lock()
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.warm_host"],
                cwd=app,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                text=True,
                start_new_session=True,  # Ctrl-C is for pytest, whose end is the end of this
            )

    def fork(self, environment: Mapping[str, str], port: int, log: Path) -> "_ForkedHost":
        wanted = {"environment": dict(environment), "port": port, "log": str(log)}
        return _ForkedHost(self, self.ask("start", **wanted)["pid"])

    def ask(self, command: str, **arguments: object) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._lock:
            self._process.stdin.write(json.dumps({"do": command, **arguments}) + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        assert answer, f"no warm host:\n{self._log.read_text()}"
        return dict(json.loads(answer))

    def stop(self) -> None:
        self._process.communicate()


class _ForkedHost:
    def __init__(self, warm: _WarmHost, pid: int) -> None:
        self._warm = warm
        self._pid = pid
        self._exit_code: int | None = None

    def exit_code(self) -> int | None:
        if self._exit_code is None:
            self._exit_code = self._warm.ask("poll", pid=self._pid)["exitCode"]
        return self._exit_code

    def kill(self) -> None:
        if self._exit_code is None:
            self._exit_code = self._warm.ask("kill", pid=self._pid)["exitCode"]
