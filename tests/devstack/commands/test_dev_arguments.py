"""If a word is not a command, one sentence says so, and what to type instead, before anything is
installed."""

import pytest

from devstack.commands.arguments import read_arguments
from devstack.commands.cli import ALL_TESTS, pytest_options


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("tokn", "there is no command 'tokn': did you mean token? `python3 dev.py --help`"),
        ("nonsense", "there is no command 'nonsense': `python3 dev.py --help` lists all"),
        ("stop", "Ctrl-C in the terminal of `dev.py run` stops the stack"),
        ("--ports 9300 run", "options come after the command: python3 dev.py run --ports 9300"),
        ("--fresh", "options come after the command: python3 dev.py run --fresh"),
        ("--version", "there is no option '--version': `python3 dev.py --help` lists all"),
        (
            "run --sate x",
            "run takes no '--sate': did you mean --state? `python3 dev.py run --help` lists what",
        ),
        ("token alice bob", "token takes no 'bob': `python3 dev.py token --help` lists what it"),
    ],
)
def test_what_is_no_command_is_said_with_the_way_out(
    capsys: pytest.CaptureFixture[str], typed: str, said: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        read_arguments(typed.split(), {})

    told = capsys.readouterr().err
    assert ended.value.code == 2
    assert said in told
    assert told.startswith("dev.py: ")
    assert told.count("\n") == 1


def test_what_is_no_scheme_of_a_native_app_is_refused_before_anything_starts(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        read_arguments(["run", "--redirect-scheme", "https"], {})

    assert ended.value.code == 2
    assert "'https' is no URL scheme of a native app" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "options"),
    [
        ("", ALL_TESTS),
        ("tests/http -k x", ["tests/http", "-k", "x"]),
        ("--bad-day", [*ALL_TESTS, "--session-timeout", "7200", "--bad-day"]),
        ("--bad-day tests", [*ALL_TESTS, "--session-timeout", "7200", "--bad-day", "tests"]),
        (
            "--bad-day tests/http -n 2",
            ["--session-timeout", "7200", *["--bad-day", "tests/http", "-n", "2"]],
        ),
    ],
)
def test_whole_runs_have_three_workers_and_bad_days_more_time(
    given: str, options: list[str]
) -> None:
    assert pytest_options(given.split()) == options
