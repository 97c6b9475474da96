"""What dev.py does once it runs inside the virtual environment: one function per command."""

import argparse
import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from devstack.files import ROOT
from devstack.state import CannotStart, State
from devstack.state_folder import chosen_folder, no_stack
from devstack.users import STACK_USERS, stack_user

# The app's own limit; a longer id still gets its token, to see how it is refused.
LONGEST_USER_ID = 256

# Every test, on as many cores as CI's machines have, each with a stack of its own.
ALL_TESTS = ["-n", "2"]
BYTECODE = ROOT / ".pytest_cache" / "bytecode"

# Each is a complete answer of its own, so all of them run, whatever the earlier ones say.
CHECKS = {
    "ruff check": ["-m", "ruff", "check", "."],
    "ruff format": ["-m", "ruff", "format", "--check", "."],
    "mypy": ["-m", "mypy", "."],
    "lint-imports": [
        "-c",
        "from importlinter.cli import lint_imports_command as run; run()",
    ],
}


def perform(arguments: argparse.Namespace) -> int:
    """Do what dev.py was asked to do; return its exit code."""
    commands: dict[str, Callable[[argparse.Namespace], int]] = {
        "run": _run,
        "test": _test,
        "check": _check,
        "token": _token,
        "call": _call,
        "doctor": _doctor,
    }
    try:
        return commands[arguments.command](arguments)
    except CannotStart as reason:
        _tell(f"dev.py: {reason}")
        return 1
    except KeyboardInterrupt:
        return 130


def _run(arguments: argparse.Namespace) -> int:
    # Imported here: `token` is run in every curl, and needs none of it.
    from devstack.report import ready_report
    from devstack.stack import run

    state = _state(arguments)
    asked = asyncio.run(
        run(
            state,
            ports=arguments.ports,
            fresh=arguments.fresh,
            with_host=not arguments.without_host,
            tell=_tell,
            ready=lambda plan: _say(ready_report(plan, arguments.state is None)),
        )
    )
    if asked:
        _say("The stack has stopped.")
    return 0 if asked else 1


def _test(arguments: argparse.Namespace) -> int:
    os.chdir(ROOT)
    # Hundreds of processes start: each loads compiled modules, whatever this machine's habit is.
    environment = dict(os.environ)
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    environment.setdefault("PYTHONPYCACHEPREFIX", str(BYTECODE))
    return _become(["-m", "pytest", *(arguments.pytest_arguments or ALL_TESTS)], environment)


def _check(_arguments: argparse.Namespace) -> int:
    failed = []
    for name, command in CHECKS.items():
        print(f"== {name}", flush=True)
        if subprocess.run([sys.executable, *command], cwd=ROOT, check=False).returncode != 0:
            failed.append(name)
    print(f"== {'failed: ' + ', '.join(failed) if failed else 'all checks pass'}")
    return 1 if failed else 0


def _token(arguments: argparse.Namespace) -> int:
    from devstack.sign_ins import app_token, teams_token, user_token
    from devstack.tokens import ACCESS_TOKEN_LIFETIME, issuer_key

    try:
        arguments.user.encode("utf-8")
    except UnicodeEncodeError:
        _tell("dev.py: the user id is not valid UTF-8")
        return 2
    if arguments.teams and arguments.role:
        _tell("dev.py: a Teams user's token has no roles of this service: leave out --role")
        return 2
    state = _state(arguments)
    stack = _running(state, arguments)
    user = stack_user(arguments.user)
    if user is None and not arguments.app:
        known = ", ".join(user.id for user in STACK_USERS)
        _tell(f"note: {arguments.user!r} is not one of the test users ({known})")
    if len(arguments.user) > LONGEST_USER_ID:
        _tell(f"note: the app refuses ids of more than {LONGEST_USER_ID} characters")
    key, issuer, who = issuer_key(state.issuer_key), str(stack["issuer"]), arguments.user
    if arguments.teams:
        token = teams_token(key, issuer=issuer, user_id=who, lifetime=ACCESS_TOKEN_LIFETIME)
    elif arguments.app:
        token = app_token(key, issuer=issuer, app=who, roles=arguments.role)
    else:
        token = user_token(key, issuer=issuer, user_id=who, roles=arguments.role)
    print(token)
    return 0


def _call(arguments: argparse.Namespace) -> int:
    from devstack.bot_call import Wish, call_bot
    from devstack.tokens import issuer_key

    state = _state(arguments)
    wish = Wish(
        caller=arguments.caller,
        bot=arguments.bot,
        presses=arguments.press,
        talks_seconds=arguments.talk,
    )
    stack = _running(state, arguments)
    answered = asyncio.run(call_bot(stack, issuer_key(state.issuer_key), wish, _say))
    return 0 if answered else 1


def _doctor(arguments: argparse.Namespace) -> int:
    from devstack.environment import ignored, overlaid
    from devstack.settings_source import find_settings

    file = Path(arguments.settings).absolute() if arguments.settings is not None else None
    settings = find_settings(file, arguments.state)
    _say(f"Settings: {settings.source}")
    if settings.of_stack:
        environment = overlaid(os.environ, settings.values)
        if names := ignored(os.environ, settings.values):
            _say(f"The stack overrides the environment's {', '.join(names)}")
    else:
        environment = {**settings.values, **os.environ}
        if names := sorted(name for name in settings.values if name in os.environ):
            _say(f"The environment overrides {', '.join(names)}")
    os.chdir(ROOT)
    return _become(["-m", "shared.doctor"], environment)


def _state(arguments: argparse.Namespace) -> State:
    return State(chosen_folder(arguments.state))


def _running(state: State, arguments: argparse.Namespace) -> dict[str, object]:
    """What stack.json says of the stack that runs there."""
    stack = state.running_stack()
    if stack is None:
        raise CannotStart(no_stack(arguments.state))
    return stack


def _become(command: list[str], environment: dict[str, str]) -> int:
    """Go on as another Python program, in this process: signals and the exit code are its own."""
    sys.stdout.flush()
    os.execve(sys.executable, [sys.executable, *command], environment)  # noqa: S606


def _say(text: str) -> None:
    # Whoever read our output may be gone (`run | head`); the stack goes on until it is stopped.
    with contextlib.suppress(OSError):
        print(text, flush=True)


def _tell(text: str) -> None:
    with contextlib.suppress(OSError):
        print(text, file=sys.stderr, flush=True)
