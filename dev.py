#!/usr/bin/env python3
"""The one entry point for people: python3 dev.py run, test, check, openapi, token and more.

It runs twice in one process. First under the Python that somebody typed: standard library only, and
readable by Python 3.6, so that people with a wrong version get a sentence and not a SyntaxError. It
makes `.venv` complete and replaces itself by `.venv`'s Python (by exec, so that the process id
stays and a signal for the stack reaches the stack). The second time it runs the command.
"""

import argparse
import os
import sys
from typing import Dict, List, Tuple  # noqa: F401  in type comments

from benchmarks.names import MEASURES
from devstack.commands import state_option
from devstack.installation import bootstrap

ROOT = os.path.dirname(os.path.realpath(__file__))

DESCRIPTION = """\
Runs the trusted service and everything it needs on this machine, with no Azure account.
The first start installs into .venv and node_modules; later ones begin at once."""

BENCH_DESCRIPTION = """\
Measures the service and a reference that does the same jobs on aiohttp, in turns, with a stub in
Azure's place; prints medians, their spread, and each goal met or not. It needs wrk (apt-get install
wrk) and a machine that does nothing else. A whole run takes 15 minutes, and writes
docs/performance.md with its plots."""

STATE_HELP = "folder with the stack's keys, data and logs (default: .devstack beside dev.py)"

# The npm packages of the commands: Azurite for tables; tests use Microsoft's JavaScript clients.
NODE_FOLDERS = {
    "run": ("devstack/node",),
    "test": ("devstack/node", "tests/node"),
}  # type: Dict[str, Tuple[str, ...]]


def key_of_a_telephone(text: str) -> str:
    if len(text) != 1 or text not in "0123456789*#":
        raise argparse.ArgumentTypeError("{!r} is none of 0-9, * and #".format(text))
    return text


def seconds(text: str) -> float:
    if not 0 <= float(text) < float("inf"):
        raise argparse.ArgumentTypeError("{} is no number of seconds".format(text))
    return float(text)


def measure(text: str) -> str:
    if text not in MEASURES:
        raise argparse.ArgumentTypeError(
            "there is no measure {!r}: there are {}".format(text, ", ".join(MEASURES))
        )
    return text


def at_least_one(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError("{!r} is no whole number from 1 on".format(text))
    return int(text)


def add_doctor_and_hook(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    doctor = commands.add_parser(
        "doctor",
        help="say what works and what is missing with the current settings",
        description="Settings come from FILE, else from the stack running in DIR if one is named, "
        "else from local.settings.json, else from the running stack. Environment variables win "
        "over a file; a running stack's settings win over environment variables.",
    )
    doctor.add_argument("--settings", metavar="FILE", help="a file like local.settings.json")
    doctor.add_argument(
        "--deployed",
        action="store_true",
        help="for an issue: nothing secret, and no name of a resource; the settings are those of"
        " the environment or FILE",
    )
    doctor.add_argument("--state", metavar="DIR", help=STATE_HELP)

    hook = commands.add_parser("hook", help="what azd runs around its own steps; see azure.yaml")
    hook.add_argument(
        "name", choices=["preprovision", "postprovision", "postdeploy", "postdown"], metavar="NAME"
    )


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="dev.py", description=DESCRIPTION)
    commands = top.add_subparsers(dest="command", metavar="COMMAND")
    commands.required = True

    run = commands.add_parser("run", help="start the local stack; Ctrl-C stops it")
    run.add_argument(
        "--ports",
        choices=["default", "auto"],
        help="auto: free ports, chosen once and kept in the state folder; default: 7071 and so on. "
        "Without it: the kept ones if there are any, else the default ones",
    )
    run.add_argument("--state", metavar="DIR", help=STATE_HELP)
    run.add_argument(
        "--fresh", action="store_true", help="first remove what earlier stacks left in the folder"
    )
    run.add_argument(
        "--without-host",
        action="store_true",
        help="all but the app itself, to be started by hand (func start)",
    )
    run.add_argument(
        "--redirect-scheme",
        action="append",
        default=[],
        metavar="SCHEME",
        help="let the issuer redirect to a native app's scheme too, such as com.example.app",
    )
    run.add_argument(
        "--stop-with-stdin",
        action="store_true",
        help="for programs: also stop when standard input ends, as it does when they are killed",
    )

    test = commands.add_parser("test", help="run every test, or those that pytest arguments select")
    test.add_argument("pytest_arguments", nargs=argparse.REMAINDER, metavar="PYTEST_ARGUMENT")

    commands.add_parser("check", help="ruff, mypy, import-linter, known vulnerabilities, secrets")

    commands.add_parser(
        "openapi", help="write docs/openapi.json anew, from what the functions declare"
    )

    token = commands.add_parser(
        "token",
        help="print a bearer token for a user of the running stack",
        description="Prints a bearer token on the last line of standard output, valid for an hour.",
    )
    token.add_argument("user", metavar="USER", help="alice, bob, carol, dave, or any other user id")
    token.add_argument("--role", action="append", default=[], help="an app role; may be repeated")
    kind = token.add_mutually_exclusive_group()
    kind.add_argument(
        "--app", action="store_true", help="USER is an app that signed in as itself, not a person"
    )
    kind.add_argument(
        "--teams",
        action="store_true",
        help="the Teams user's token of that user, to be exchanged for an ACS one",
    )
    token.add_argument("--state", metavar="DIR", help=STATE_HELP)

    call = commands.add_parser(
        "call",
        help="let a user of the running stack call a bot, or a phone a number; say what happens",
        description="Lets a user of the running stack call a bot, which is registered if there is "
        "none of that id, and press keys; says what happens, and hangs up in the end. Or lets a "
        "phone call the number of a resource account of Teams. Exit code 0 when the bot has "
        "answered.",
    )
    call.add_argument("bot", metavar="BOT", help="the bot's id, or a number such as +14255550177")
    call.add_argument(
        "--press",
        action="append",
        default=[],
        type=key_of_a_telephone,
        metavar="KEY",
        help="what the caller presses: 0-9, * or #; again for the next time that the bot listens",
    )
    call.add_argument(
        "--from",
        dest="caller",
        metavar="USER",
        help="who calls: a user, or a number (default: alice; +14255550123 calls numbers)",
    )
    call.add_argument(
        "--talk",
        type=seconds,
        default=3,
        metavar="SECONDS",
        help="how long they talk to whom they are connected (default: 3)",
    )
    call.add_argument("--state", metavar="DIR", help=STATE_HELP)

    add_doctor_and_hook(commands)

    bench = commands.add_parser(
        "bench",
        help="measure how fast the service is, beside a reference",
        description=BENCH_DESCRIPTION,
        epilog="\n".join(["measures:"] + ["  {:12} {}".format(*one) for one in MEASURES.items()]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    bench.add_argument(
        "measures",
        nargs="*",
        type=measure,
        metavar="MEASURE",
        help="what to measure; all of it by default",
    )
    bench.add_argument(
        "--rounds", type=at_least_one, default=3, help="how often each case runs (default: 3)"
    )
    bench.add_argument(
        "--seconds",
        type=at_least_one,
        default=3,
        help="how long each load takes (default: 3)",
    )
    bench.add_argument(
        "--quick",
        action="store_true",
        help="one round of one second, without many connections: a look, in about two minutes",
    )
    bench.add_argument("--json", action="store_true", help="print all figures as JSON")
    bench.add_argument(
        "--docs",
        metavar="DIR",
        help="where to write performance.md (default: docs, if all is measured)",
    )

    package = commands.add_parser(
        "package",
        help="make the folder that is deployed, with compiled bytecode",
        description="Makes a folder with the files of the app and no others, and compiles them, so "
        "that the app starts faster in Azure. It is made anew each time.",
    )
    package.add_argument(
        "--output",
        metavar="DIR",
        default=".package",
        help="the folder (default: .package in the current folder)",
    )

    commands.add_parser(
        "licences", help="write docs/licences.md anew: the licence of each package that is deployed"
    )

    sbom = commands.add_parser(
        "sbom",
        help="print what is deployed as CycloneDX JSON, for scanners of the supply chain",
        description="Prints the packages of requirements.txt as a CycloneDX document, with their "
        "hashes and licences. The same requirements make the same document.",
    )
    sbom.add_argument("--output", metavar="FILE", help="write it there (default: print it)")

    data = commands.add_parser(
        "check-data",
        help="say whether all that is stored agrees; --repair mends what is safe",
        description="Reads every row of the tables that the settings name, which are found as the "
        "doctor finds them. Exit code 0: nothing was found, or all is repaired; 1: there are "
        "findings; 2: it could not look.",
    )
    data.add_argument("--settings", metavar="FILE", help="a file like local.settings.json")
    data.add_argument("--state", metavar="DIR", help=STATE_HELP)
    data.add_argument(
        "--repair", action="store_true", help="say what would be repaired; nothing is changed"
    )
    data.add_argument("--yes", action="store_true", help="with --repair: do it")
    data.add_argument(
        "--examples", type=int, metavar="N", help="how many of each kind are named (default: 5)"
    )
    data.add_argument(
        "--rate", type=float, metavar="N", help="reads of storage in a second (default: 300)"
    )
    return top


def read_arguments(argv: List[str]) -> argparse.Namespace:
    """Parse `argv`, leaving all that follows `test` to pytest, options included.

    argparse's REMAINDER cannot: it takes a leading `-k` for an option of its own.
    """
    if argv[:1] == ["test"] and argv[1:] not in (["-h"], ["--help"]):
        return argparse.Namespace(command="test", pytest_arguments=argv[1:])
    return parser().parse_args(argv)


def main(argv: List[str]) -> int:
    arguments = read_arguments(
        argv
    )  # before any installation, because a typo should not cost a minute
    if getattr(arguments, "state", None) == "":  # else an unset variable would mean this folder
        print("dev.py: --state is empty", file=sys.stderr)
        return 2
    if arguments.command in ("token", "call"):  # before any installation too
        for name, what in (("user", "user id"), ("bot", "bot's id"), ("caller", "user id")):
            if getattr(arguments, name, None) == "":
                print("dev.py: the {} is empty".format(what), file=sys.stderr)
                return 2
        if not state_option.may_have_stack(state_option.chosen_folder(arguments.state)):
            print(
                "dev.py: {}".format(state_option.no_stack_message(arguments.state)), file=sys.stderr
            )
            return 1
    try:
        python = bootstrap.install(ROOT, NODE_FOLDERS.get(arguments.command, ()))
    except bootstrap.InstallationError as reason:
        print("dev.py: {}".format(reason), file=sys.stderr)
        return 1
    except bootstrap.InstallationInterrupted as reason:
        print("dev.py: stopped; the next start finishes the installation", file=sys.stderr)
        return 128 + reason.signal

    if os.path.realpath(sys.prefix) != os.path.realpath(os.path.join(ROOT, ".venv")):
        sys.stdout.flush()
        os.execve(  # noqa: S606  the python of .venv, without a shell
            python,
            [python, os.path.join(ROOT, "dev.py"), *argv],
            bootstrap.clean_environment(),
        )

    from devstack.commands.cli import perform

    return perform(arguments)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:  # nothing was started yet, so nothing has to be stopped
        sys.exit(130)
