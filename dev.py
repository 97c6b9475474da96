#!/usr/bin/env python3
"""The one entry point for people: python3 dev.py run, test, check, openapi, token and more.

It runs twice in one process. First it runs under the Python that somebody typed, with the standard
library only and in the syntax of Python 3.6, so that people with a wrong version get a sentence and
not a SyntaxError. It makes `.venv` complete and replaces itself by `.venv`'s Python (by exec, so
that the process id stays and a signal for the stack reaches the stack). The second time it runs the
command.
"""

import os
import signal
import sys

if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    # Until something is started that has to be stopped, Ctrl-C just ends this process.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from typing import Dict, List, Tuple  # noqa: F401  in type comments

ROOT = os.path.dirname(os.path.realpath(__file__))

# The npm packages of the commands: Azurite for tables; tests use Microsoft's JavaScript clients.
NODE_FOLDERS = {
    "run": ("devstack/node",),
    "test": ("devstack/node", "tests/node"),
}  # type: Dict[str, Tuple[str, ...]]

# The commands that need the packages of tests and checks. The others start sooner without them.
WITH_DEV_PACKAGES = ("test", "check", "sbom")


def main(argv: List[str]) -> int:
    from benchmarks.names import MEASURES
    from devstack.commands import arguments as command_line
    from devstack.commands import state_option
    from devstack.installation import bootstrap

    # Before any installation, because a typo should not cost a minute.
    arguments = command_line.read_arguments(argv, MEASURES)
    if getattr(arguments, "state", None) == "":  # else an unset variable would mean this folder
        return fail("--state is empty", 2)
    if arguments.command in ("token", "call"):  # before any installation too
        for name, what in (("user", "user id"), ("bot", "bot's id"), ("caller", "user id")):
            if getattr(arguments, name, None) == "":
                return fail("the {} is empty".format(what), 2)
        if not state_option.may_have_stack(state_option.chosen_folder(arguments.state)):
            return fail(state_option.no_stack_message(arguments.state))
    command = arguments.command
    try:
        python = bootstrap.install(
            ROOT,
            NODE_FOLDERS.get(command, ()),
            bootstrap.DEV if command in WITH_DEV_PACKAGES else bootstrap.RUN,
        )
    except bootstrap.InstallationError as reason:
        return fail(str(reason))
    except bootstrap.InstallationInterrupted as reason:
        return fail("stopped; the next start finishes the installation", 128 + reason.signal)

    if os.path.realpath(sys.prefix) != os.path.realpath(os.path.join(ROOT, ".venv")):
        sys.stdout.flush()
        # A Ctrl-C that comes before `start` runs again waits for it.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        os.execve(  # noqa: S606  the python of .venv, without a shell
            python,
            [python, os.path.join(ROOT, "dev.py"), *argv],
            bootstrap.clean_environment(),
        )

    from devstack.commands.cli import perform

    return perform(arguments)


def fail(reason: str, code: int = 1) -> int:
    print("dev.py: {}".format(reason), file=sys.stderr)
    return code


def start(argv: List[str]) -> int:
    if os.name != "nt":
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    try:
        from benchmarks import names  # noqa: F401
        from devstack.commands import arguments, endings, state_option  # noqa: F401
        from devstack.installation import bootstrap  # noqa: F401
    except ImportError as missing:
        return fail("{}: {} has only a part of the repository".format(missing, ROOT))
    endings.write_whatever_it_is()
    return endings.ended(lambda: main(argv))


if __name__ == "__main__":
    sys.exit(start(sys.argv[1:]))
