"""python -m tests.support.warm_parts: loads a part of a stack, or the commands of dev.py, when
somebody first wants one, and forks one for each that is wanted.

A part takes more than a second of CPU to import what it needs, and most tests want one for less
than that. What a fork runs is the part's own `main`, or dev.py's `start`, in a process of its own;
standard input, output and errors are those that come with the request.

Reads one JSON object a message from the socket that is its standard input, and answers each with
one. A fork is its child, so it alone can say how one has ended; until it is asked for that, the id
of the process stands for no other.
"""

import gc
import importlib
import json
import os
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NoReturn

PARTS = (
    "devstack.acs_emulator",
    "devstack.functions_host",
    "devstack.graph_emulator",
    "devstack.issuer",
    "devstack.web",
)
# dev.py, and what its commands import when they run.
DEV = "dev"
_COMMANDS = (
    "benchmarks.names",
    "devstack.commands.bearer_token",
    "devstack.commands.bot_call",
    "devstack.commands.cli",
    "devstack.commands.ready_report",
    "devstack.stack.run",
)
MESSAGE_BYTES = 65_536
# Standard input, output and errors of a fork, and what stays open for as long as it lives.
DESCRIPTORS = 4


def main() -> None:
    # Not as standard input, which each fork replaces by its own.
    requests = socket.socket(fileno=os.dup(0))
    while message := _receive(requests):
        command, descriptors = message
        if command["do"] == "start":
            part = _loaded(command["part"])
            pid = os.fork()
            if pid == 0:
                requests.close()
                os.environ.update(command["environment"])
                _become(part, command["arguments"], descriptors)
            for descriptor in descriptors:
                os.close(descriptor)
            answer: dict[str, Any] = {"pid": pid}
        else:  # "reap", once the part has ended
            _, status = os.waitpid(command["pid"], 0)
            answer = {"exitCode": os.waitstatus_to_exitcode(status)}
        requests.sendall(json.dumps(answer).encode())


@cache
def _loaded(part: str) -> Callable[[], int | None]:
    main = _loaded_dev() if part == DEV else importlib.import_module(f"{part}.__main__").main
    assert threading.active_count() == 1, "a fork has one thread; what others hold is lost"
    gc.collect()
    gc.freeze()  # a fork's collections neither look at nor copy what all have in common
    return main


def _loaded_dev() -> Callable[[], int]:
    start = importlib.import_module(DEV).start
    for module in _COMMANDS:
        importlib.import_module(module)
    return lambda: start(sys.argv[1:])


def _receive(requests: socket.socket) -> tuple[dict[str, Any], Sequence[int]] | None:
    """One request, and the descriptors that came with it; None when nobody is left to ask."""
    content, descriptors, _, _ = socket.recv_fds(requests, MESSAGE_BYTES, DESCRIPTORS)
    return (json.loads(content), descriptors) if content else None


def _become(part: Any, arguments: list[str], descriptors: Sequence[int]) -> NoReturn:
    code = 1
    try:
        for number, descriptor in enumerate(descriptors[:3]):
            os.dup2(descriptor, number)
            os.close(descriptor)
        sys.argv[1:] = arguments
        sys.exit(part())
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)  # without the exit handlers, which are the parent's


if __name__ == "__main__":
    main()
