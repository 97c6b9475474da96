"""The commands of dev.py inside the virtual environment: one function for each."""

import argparse
import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from devstack.commands.endings import drop_output, raise_at_interrupts
from devstack.commands.state_option import chosen_folder, no_stack_message
from devstack.files import ROOT
from devstack.stack.state_folder import StackError, StateFolder

# The phone that calls a number by default: numbers 555-01xx belong to nobody.
EXAMPLE_PHONE = "+14255550123"

# Every test, for the two cores of CI's machines: a worker waits for a quarter of its time. Each has
# a stack of its own.
ALL_TESTS = ["-n", "3"]
# On a bad day tests wait longer, as they are told to: seconds for all of them.
BAD_DAY, BAD_DAY_SECONDS = "--bad-day", "7200"
BYTECODE = ROOT / ".pytest_cache" / "bytecode"


def perform(arguments: argparse.Namespace) -> int:
    """Run a command; return the exit code."""
    commands: dict[str, Callable[[argparse.Namespace], int]] = {
        "run": _run,
        "test": _test,
        "check": _check,
        "openapi": _openapi,
        "token": _token,
        "call": _call,
        "doctor": _doctor,
        "bench": _bench,
        "package": _package,
        "hook": _hook,
        "licences": _licences,
        "sbom": _sbom,
        "check-data": _check_data,
    }
    raise_at_interrupts()
    try:
        return commands[arguments.command](arguments)
    except StackError as reason:
        _print_error(f"dev.py: {reason}")
        # Of check-data, 1 means that it has found something.
        return 2 if arguments.command == "check-data" else 1


def _run(arguments: argparse.Namespace) -> int:
    # Imported here, because `token` needs none of it and has to be quick: people use it in every
    # curl.
    from devstack.commands.ready_report import ready_report
    from devstack.stack.run import run

    folder = _state_folder(arguments)
    was_asked_to_stop = asyncio.run(
        run(
            folder,
            ports=arguments.ports,
            fresh=arguments.fresh,
            with_host=not arguments.without_host,
            redirect_schemes=arguments.redirect_scheme,
            stop_with_stdin=arguments.stop_with_stdin,
            in_memory=arguments.in_memory,
            report=_print_error,
            ready=lambda plan: _print(ready_report(plan, arguments.state is None)),
        )
    )
    if was_asked_to_stop:
        _print("The stack has stopped.")
    return 0 if was_asked_to_stop else 1


def _test(arguments: argparse.Namespace) -> int:
    os.chdir(ROOT)
    # Hundreds of processes start: each loads compiled modules, whatever this machine's habit is.
    environment = dict(os.environ)
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    environment.setdefault("PYTHONPYCACHEPREFIX", str(BYTECODE))
    return _become(["pytest", *pytest_options(arguments.pytest_arguments)], environment)


def pytest_options(given: Sequence[str]) -> list[str]:
    """What pytest gets: what was given, after what is usual. The last of two that differ counts."""
    if BAD_DAY not in given:
        return [*(given or ALL_TESTS)]
    parts = [one for one in given if one.startswith("tests/") and one != "tests/"]
    return [*([] if parts else ALL_TESTS), "--session-timeout", BAD_DAY_SECONDS, *given]


def _openapi(_arguments: argparse.Namespace) -> int:
    # A process, because the stack and the app share no code.
    return subprocess.run(
        [sys.executable, "-m", "devstack.commands.program", "shared.openapi"],
        cwd=ROOT,
        check=False,
    ).returncode


def _token(arguments: argparse.Namespace) -> int:
    from devstack.commands.bearer_token import WantedToken, bearer_token
    from devstack.issuer.tokens import issuer_key

    try:
        arguments.user.encode("utf-8")
    except UnicodeEncodeError:
        _print_error("dev.py: the user id is not valid UTF-8")
        return 2
    if arguments.teams and arguments.role:
        _print_error("dev.py: a Teams user's token has no roles of this service: leave out --role")
        return 2
    folder = _state_folder(arguments)
    stack = _running_stack(folder, arguments)
    kind = "teams" if arguments.teams else "app" if arguments.app else "user"
    wanted = WantedToken(user=arguments.user, kind=kind, roles=arguments.role)
    key = issuer_key(folder.issuer_key)
    print(bearer_token(wanted, key, str(stack["issuer"]), _print_error))
    return 0


def _check(_arguments: argparse.Namespace) -> int:
    from devstack.commands.checks import check

    return check()


def _call(arguments: argparse.Namespace) -> int:
    from devstack.acs_emulator.wire.identifiers import IdentifierError, checked_number
    from devstack.commands.bot_call import BotCall, call_bot, is_number
    from devstack.commands.unanswered import is_bare_number
    from devstack.issuer.tokens import issuer_key

    folder = _state_folder(arguments)
    caller = arguments.caller or (EXAMPLE_PHONE if is_number(arguments.bot) else "alice")
    try:
        for number in filter(is_number, (caller, arguments.bot)):
            checked_number(number)
    except IdentifierError as reason:
        _print_error(f"dev.py: {reason}")
        return 2
    if is_bare_number(caller):
        _print_error(f"dev.py: {caller} is no user. A phone number begins with a plus: +{caller}")
        return 2
    wanted = BotCall(
        caller=caller,
        bot=arguments.bot,
        presses=arguments.press,
        talk_seconds=arguments.talk,
        registers=arguments.register,
    )
    stack = _running_stack(folder, arguments)
    answered = asyncio.run(call_bot(stack, issuer_key(folder.issuer_key), wanted, _print))
    return 0 if answered else 1


def _doctor(arguments: argparse.Namespace) -> int:
    command = ["shared.operate.doctor"]
    return _operate(arguments, [*command, "--deployed"] if arguments.deployed else command)


def _check_data(arguments: argparse.Namespace) -> int:
    command = ["shared.operate.check_data"]
    command += ["--repair"] if arguments.repair else []
    command += ["--yes"] if arguments.yes else []
    command += [] if arguments.examples is None else ["--examples", str(arguments.examples)]
    command += [] if arguments.rate is None else ["--rate", str(arguments.rate)]
    return _operate(arguments, command)


def _operate(arguments: argparse.Namespace, command: list[str]) -> int:
    """Run an operator's command with the app's settings of a file, or of a running stack."""
    from devstack.commands.doctor_settings import find_settings
    from devstack.stack.environment import overridden, with_settings

    file = Path(arguments.settings).absolute() if arguments.settings is not None else None
    if getattr(arguments, "deployed", False) and file is None:
        os.chdir(ROOT)
        return _become(command, dict(os.environ))  # of the deployment, whatever runs here
    settings = find_settings(file, arguments.state)
    _print(f"Settings: {settings.source}")
    if settings.of_stack:
        environment = with_settings(os.environ, settings.values)
        if names := overridden(os.environ, settings.values):
            _print(f"The stack overrides the environment's {', '.join(names)}")
    else:
        environment = {**settings.values, **os.environ}
        if names := sorted(name for name in settings.values if name in os.environ):
            _print(f"The environment overrides {', '.join(names)}")
    os.chdir(ROOT)
    return _become(command, environment)


def _package(arguments: argparse.Namespace) -> int:
    from devstack.commands.package import PackageError, make_package

    folder = Path(arguments.output).absolute()
    try:
        number = make_package(folder)
    except PackageError as reason:
        _print_error(f"dev.py: {reason}")
        return 1
    _print(
        f"{number} files. Publish them: cd {folder} && func azure functionapp publish APP --python"
    )
    return 0


def _hook(arguments: argparse.Namespace) -> int:
    os.chdir(ROOT)
    return _become(["infra.hooks", arguments.name], dict(os.environ))


def _licences(_arguments: argparse.Namespace) -> int:
    from devstack.commands.licences import PAGE, page

    PAGE.write_text(page(), "utf-8")
    _print(f"wrote {PAGE.relative_to(ROOT)}")
    return 0


def _sbom(arguments: argparse.Namespace) -> int:
    from devstack.commands.sbom import SbomError, bill_of_materials

    try:
        text = json.dumps(bill_of_materials(), indent=2) + "\n"
    except SbomError as reason:
        _print_error(f"dev.py: {reason}")
        return 1
    if arguments.output is None:
        sys.stdout.write(text)
    else:
        Path(arguments.output).write_text(text, "utf-8")
    return 0


def _bench(arguments: argparse.Namespace) -> int:
    options = ["--rounds", str(arguments.rounds), "--seconds", str(arguments.seconds)]
    options += [f"--{name}" for name in ("quick", "json") if getattr(arguments, name)]
    if arguments.docs is not None:
        options += ["--docs", str(Path(arguments.docs).absolute())]
    os.chdir(ROOT)
    return _become(["benchmarks", *options, *arguments.measures], dict(os.environ))


def _state_folder(arguments: argparse.Namespace) -> StateFolder:
    return StateFolder(chosen_folder(arguments.state))


def _running_stack(folder: StateFolder, arguments: argparse.Namespace) -> dict[str, object]:
    """The content of stack.json of the stack that runs there."""
    stack = folder.running_stack()
    if stack is None:
        raise StackError(no_stack_message(arguments.state))
    return stack


def _become(command: list[str], environment: dict[str, str]) -> int:
    """Replace this program by a Python module and its arguments in the same process, which then
    gets the signals and sets the exit code.
    """
    sys.stdout.flush()
    # A Ctrl-C that comes while the next Python starts waits until it can be answered.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    program = [sys.executable, "-m", "devstack.commands.program", *command]
    os.execve(sys.executable, program, environment)  # noqa: S606


def _print(text: str) -> None:
    # The reader of our output may have ended (`run | head`); the stack runs until it is stopped.
    try:
        print(text, flush=True)
    except OSError:
        drop_output()


def _print_error(text: str) -> None:
    with contextlib.suppress(OSError):
        print(text, file=sys.stderr, flush=True)
