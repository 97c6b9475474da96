"""python -m tests.support.warm_host: loads the app once, and forks a host for each that is wanted.

Loading takes longer than all that most tests do with a host. What a fork runs is the host's own
code, in a process of its own, which SIGKILL ends as it ends any other. It differs in one thing:
modules were imported before its settings were known, so a setting that is read at an import needs a
host that is started from nothing.

Reads one JSON object a line from standard input, and answers each with one on standard output. A
fork is its child, so it alone can say how one has ended; until it is asked for that, the id of the
process stands for no other.
"""

import gc
import importlib
import json
import os
import pkgutil
import signal
import sys
import threading
from pathlib import Path
from typing import IO, Any, NoReturn

from pydantic import BaseModel

import shared
from devstack.functions_host.process import log_as_azure_does, serve
from devstack.functions_host.server import Host

ADDRESS = "127.0.0.1"


class WarmHost:
    """The loaded app, of which each host is a fork.

    Args:
        answers: the stream of this process's answers, which a fork closes.
    """

    def __init__(self, app: Path, answers: IO[str]) -> None:
        self._host = Host(app, frozenset())
        _load_what_requests_load(app)
        self._answers = answers
        # A fork reads at one end until nobody has the other any more: it ends with this process.
        self._lifeline, self._kept = os.pipe()
        assert threading.active_count() == 1, "a fork has one thread; what others hold is lost"
        gc.collect()
        gc.freeze()  # a fork's collections neither look at nor copy what all have in common

    def do(self, command: dict[str, Any]) -> dict[str, Any]:
        match command.pop("do"):
            case "start":
                return {"pid": self._fork(**command)}
            case "kill":
                os.kill(command["pid"], signal.SIGKILL)
                return {"exitCode": self._exit_code(command["pid"], 0)}
            case "poll":
                return {"exitCode": self._exit_code(command["pid"], os.WNOHANG)}
            case other:
                raise ValueError(other)

    def _exit_code(self, pid: int, options: int) -> int | None:
        """As `subprocess` has it: minus the signal that ended it."""
        ended, status = os.waitpid(pid, options)
        return os.waitstatus_to_exitcode(status) if ended else None

    def _fork(self, *, environment: dict[str, str], port: int, log: str) -> int:
        pid = os.fork()
        if pid == 0:
            self._become_host(environment, port, log)
        return pid

    def _become_host(self, environment: dict[str, str], port: int, log: str) -> NoReturn:
        code = 1
        try:
            os.environ.clear()
            os.environ.update(environment)
            os.dup2(self._lifeline, 0)
            output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            os.dup2(output, 1)
            os.dup2(output, 2)
            for descriptor in (self._lifeline, self._kept, output, self._answers.fileno()):
                os.close(descriptor)
            log_as_azure_does(os.environ.get("LOG_LEVEL", "INFO"))
            serve(self._host, ADDRESS, port, stop_with_stdin=True, timers_by_schedule=False)
            code = 0
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)  # without the exit handlers, which are the parent's


def _load_what_requests_load(app: Path) -> None:
    """The app imports operations, domains and large SDKs, and builds the classes of bodies, when a
    request first needs them. Loaded here, no fork pays for it. tests/project/test_cold_start.py
    tests that a real start leaves them out."""
    for module in pkgutil.walk_packages(shared.__path__, "shared."):
        importlib.import_module(module.name)
    for operation in app.glob("*/operation.py"):
        importlib.import_module(f"__app__.{operation.parent.name}.operation")
    for package in ("azure.communication.callautomation.aio", "azure.identity.aio", "icalendar"):
        importlib.import_module(package)
    bodies = BaseModel.__subclasses__()
    for body in bodies:
        bodies += body.__subclasses__()
        body.model_rebuild()


def main() -> None:
    # What the app may print while it is loaded goes where errors go.
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answers:
        os.dup2(2, 1)
        warm = WarmHost(Path.cwd(), answers)
        for line in sys.stdin:
            print(json.dumps(warm.do(json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
