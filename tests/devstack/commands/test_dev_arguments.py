"""What is no command is said in one sentence, with the way out, before anything is installed."""

import pytest

from devstack.commands.arguments import read_arguments


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("tokn", "there is no command 'tokn': did you mean token? `python3 dev.py --help`"),
        ("nonsense", "there is no command 'nonsense': `python3 dev.py --help` lists all"),
        ("stop", "Ctrl-C in the terminal of `dev.py run` stops the stack"),
        ("--ports 9300 run", "options come after the command: python3 dev.py run --ports 9300"),
        ("--fresh", "options come after the command: python3 dev.py run --fresh"),
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
