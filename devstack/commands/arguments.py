"""The command line of dev.py: its commands, their options, and what `--help` says of them.

Readable by Python 3.6, and standard library only (see dev.py).
"""

import argparse
import difflib
from typing import Callable, Dict, List, Mapping, Tuple, Union

from devstack.app_schemes import app_scheme

DESCRIPTION = """\
Runs the trusted service and everything it needs on this machine, with no Azure account.
Begin with `python3 dev.py run`. The first start installs into .venv and node_modules, which
takes a minute or more; later ones begin at once. `COMMAND --help` tells about each command."""

BENCH_DESCRIPTION = """\
Measures the service and a reference that does the same jobs on aiohttp, in turns, with a stub in
Azure's place; prints medians, their spread, and each goal met or not. It needs wrk (apt-get install
wrk) and a machine that does nothing else. A whole run takes 25 minutes, and writes
docs/performance.md with its plots."""

TEST_DESCRIPTION = """\
Runs the default run, which needs no package index, or what the arguments of pytest select. Besides:
  --slow, --soak, --installation
                       also the tests that are marked so, and more cases of the others
  --bad-day            the tests of the whole stack while one request of ten to ACS, Graph and the
                       tables fails, with clients that retry as told: --bad-day tests/friends
  --bad-day-seed N     another bad day
docs/contributing/tests.md tells about each."""

STATE_HELP = "folder with the stack's keys, data and logs (default: .devstack beside dev.py)"


# A stack has so many ports, one after the other from the first.
NUMBER_OF_PORTS = 10
# Lower ones are for the administrator of the machine, higher ones do not exist.
FIRST_PORTS = range(1024, 65536 - NUMBER_OF_PORTS + 1)


def ports(text: str) -> Union[str, int]:
    if text in ("default", "auto"):
        return text
    if not text.isdigit() or int(text) not in FIRST_PORTS:
        raise argparse.ArgumentTypeError(
            "{!r} is none of default, auto and a number from {} to {}".format(
                text, FIRST_PORTS[0], FIRST_PORTS[-1]
            )
        )
    return int(text)


def key_of_a_telephone(text: str) -> str:
    if len(text) != 1 or text not in "0123456789*#":
        raise argparse.ArgumentTypeError("{!r} is none of 0-9, * and #".format(text))
    return text


def seconds(text: str) -> float:
    if not 0 <= float(text) < float("inf"):
        raise argparse.ArgumentTypeError("{} is no number of seconds".format(text))
    return float(text)


def one_of(measures: Mapping[str, str]) -> Callable[[str], str]:
    def measure(text: str) -> str:
        if text not in measures:
            raise argparse.ArgumentTypeError(
                "there is no measure {!r}: there are {}".format(text, ", ".join(measures))
            )
        return text

    return measure


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


def parser(
    measures: Mapping[str, str],
) -> Tuple[argparse.ArgumentParser, Dict[str, argparse.ArgumentParser]]:
    """The command line, and that of each command."""
    top = argparse.ArgumentParser(
        prog="dev.py",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(dest="command", metavar="COMMAND")
    commands.required = True

    run = commands.add_parser("run", help="start the local stack; Ctrl-C stops it")
    run.add_argument(
        "--ports",
        type=ports,
        metavar="PORTS",
        help="a number such as 8070 (that port and the next {}), the word auto (free ports), or "
        "the word default (7070 to 7077 and 10002, for this start only). Without the option: the "
        "ports of the last start, which the state folder keeps".format(NUMBER_OF_PORTS - 1),
    )
    run.add_argument("--state", metavar="DIR", help=STATE_HELP)
    run.add_argument(
        "--fresh", action="store_true", help="first remove what earlier stacks left in the folder"
    )
    run.add_argument("--without-host", action="store_true", help="all but the app: run func start")
    run.add_argument(
        "--redirect-scheme",
        action="append",
        default=[],
        type=app_scheme,
        metavar="SCHEME",
        help="let the issuer redirect to a native app's scheme too, such as com.example.app",
    )
    run.add_argument(
        "--stop-with-stdin",
        action="store_true",
        help="for programs: also stop when standard input ends, as it does when they are killed",
    )
    run.add_argument(
        "--in-memory",
        action="store_true",
        help="for programs: tables begin empty and are gone with the stack; there are no blobs",
    )

    test = commands.add_parser(
        "test",
        help="run every test, or those that pytest arguments select",
        description=TEST_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    test.add_argument("pytest_arguments", nargs=argparse.REMAINDER, metavar="PYTEST_ARGUMENT")

    commands.add_parser("check", help="ruff, mypy, import-linter, known vulnerabilities, secrets")

    commands.add_parser(
        "openapi", help="write docs/openapi.json anew, from what the functions declare"
    )

    token = commands.add_parser(
        "token",
        help="print a bearer token for a user of the running stack",
        description="Prints a bearer token on the last line of standard output, valid for an hour. "
        "It has the claims of the access token that a page gets when the user signs in at the "
        "stack's issuer (with --app: by client credentials), and the roles of --role.",
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
        help="let a user of the stack call a bot, or a phone call a number; print what happens",
        description="Lets a user of the running stack call a bot, or a phone the number of a Teams "
        "resource account, and press keys; says what happens, what the bot says and whom it calls. "
        "Exit code 0: the bot has answered, and has reached the person it called last; else 1.",
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
    call.add_argument("--register", action="store_true", help="register the bot first if need be")
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
        help="how long they talk after the bot has connected them (default: 3)",
    )
    call.add_argument("--state", metavar="DIR", help=STATE_HELP)

    add_doctor_and_hook(commands)

    bench = commands.add_parser(
        "bench",
        help="measure how fast the service is, beside a reference",
        description=BENCH_DESCRIPTION,
        epilog="\n".join(["measures:"] + ["  {:12} {}".format(*one) for one in measures.items()]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    bench.add_argument(
        "measures",
        nargs="*",
        type=one_of(measures),
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
        help="seconds of load in a round; some cases get three or six times that (default: 3)",
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
        help="check everything that is stored; --repair repairs what is safe",
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
    return top, dict(commands.choices)


def read_arguments(argv: List[str], measures: Mapping[str, str]) -> argparse.Namespace:
    """Parse `argv`, leaving all that follows `test` to pytest, options included; without any
    command, show the help.

    argparse's REMAINDER cannot: it takes a leading `-k` for an option of its own.

    Args:
        measures: what `bench` takes, and what each of them is.
    """
    if argv[:1] == ["test"] and argv[1:] not in (["-h"], ["--help"]):
        return argparse.Namespace(command="test", pytest_arguments=argv[1:])
    if not argv:
        argv = ["--help"]
    top, known = parser(measures)
    if argv[0] not in ("-h", "--help", *known):
        top.exit(2, "dev.py: {}\n".format(misplaced(argv, known)))
    arguments, unknown = top.parse_known_args(argv)
    if unknown:
        top.exit(2, "dev.py: {}\n".format(not_taken(argv[0], unknown[0], known[argv[0]])))
    return arguments


def options_of(command: argparse.ArgumentParser) -> List[str]:
    return [name for action in command._actions for name in action.option_strings]


def not_taken(command: str, word: str, its_parser: argparse.ArgumentParser) -> str:
    """What to say of a word that a command does not take."""
    near = difflib.get_close_matches(word.partition("=")[0], options_of(its_parser), 1)
    meant = "did you mean {}? ".format(near[0]) if near else ""
    return "{} takes no {!r}: {}`python3 dev.py {} --help` lists what it takes".format(
        command, word, meant, command
    )


def misplaced(argv: List[str], known: Mapping[str, argparse.ArgumentParser]) -> str:
    """What to say of a first word that is no command."""
    first = argv[0]
    if first.startswith("-"):
        command = next((word for word in argv if word in known), "run")
        if first.partition("=")[0] not in options_of(known[command]):
            return "there is no option {!r}: `python3 dev.py --help` lists all".format(first)
        others = [word for word in argv if word != command]
        return "options come after the command: python3 dev.py {}".format(
            " ".join([command, *others])
        )
    if first == "stop":
        return "there is no command stop: Ctrl-C in the terminal of `dev.py run` stops the stack"
    near = difflib.get_close_matches(first, known, 1)
    meant = "did you mean {}? ".format(near[0]) if near else ""
    return "there is no command {!r}: {}`python3 dev.py --help` lists all".format(first, meant)
