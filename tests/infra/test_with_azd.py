"""An operator's command gets the values of the azd environment to the letter."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from infra import with_azd
from tests.project.settings_world import GOOD
from tests.support.pages import page
from tests.support.stack import ROOT

AZD = """#!{python}
import sys
if sys.argv[1:] != ["env", "get-values", "--output", "json"]:
    sys.exit(1)  # the doctor asks it for a token
sys.stdout.write(open({file!r}).read())
sys.exit({code})
"""
CANARY = "canary-for-event-grid-with-32-characters"
VALUES = {
    **GOOD,
    "TABLES_ENDPOINT": "https://127.0.0.1:1",
    "EVENT_GRID_KEY": CANARY,
    "CALLER_ID_NUMBER": "+14255550100",
    "DIAL_PREFIXES": "+1425",
    "BOT_GREETING": "Hello! Press 1.",
    "BOT_MENU": '{"1": {"say": "Good-bye! \\"$HOME\\" `x`"}}',
    "COGNITIVE_SERVICES_ENDPOINT": "https://speech.example",
    "MAX_CALLS_PER_CALLER": "7",
}


def ran(
    tmp_path: Path, *arguments: str, printed: str | None = None, code: int = 0
) -> subprocess.CompletedProcess[str]:
    """The command on a machine whose azd prints this; without one if None."""
    folder = tmp_path / "bin"
    folder.mkdir()
    if printed is not None:
        file = tmp_path / "values.json"
        file.write_text(printed, "utf-8")
        text = AZD.format(python=sys.executable, file=str(file), code=code)
        (folder / "azd").write_text(text, "utf-8")
        (folder / "azd").chmod(0o755)
    return subprocess.run(
        [sys.executable, "-m", "infra.with_azd", *arguments],
        cwd=ROOT,
        env={"PATH": str(folder), "TABLES_ENDPOINT": "of another app", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_the_doctor_gets_what_azd_knows_and_says_who_has_to_sign_in(tmp_path: Path) -> None:
    values = {name: value for name, value in VALUES.items() if "CONNECTION" not in name}
    values["COMMUNICATION_ENDPOINT"] = "https://127.0.0.1:1"
    values["TIDY_SCHEDULE"] = "0 */5 * * * *"

    told = ran(tmp_path, "doctor", "--deployed", printed=json.dumps(values))

    assert "FIX   setting" not in told.stdout, told.stdout + told.stderr
    assert "TIDY_SCHEDULE is not set" not in told.stdout
    [line, *_] = [line for line in told.stdout.splitlines() if line.startswith("FIX   table")]
    assert line.endswith("-> sign in here with azd auth login")
    assert "managed identity" not in told.stdout
    assert CANARY not in told.stdout + told.stderr


def test_values_reach_the_command_to_the_letter() -> None:
    given = with_azd.environment_of({"PATH": "x", "DIAL_PREFIXES": "1"}, VALUES)

    credential = {"AZURE_TOKEN_CREDENTIALS": "AzureDeveloperCliCredential"}
    assert given == {"PATH": "x", **VALUES, **credential}


@pytest.mark.parametrize(
    ("printed", "code", "word"),
    [
        (None, 0, "azd cannot be started"),
        ("{}", 1, "azd env select"),
        ("DIAL_PREFIXES=1425", 0, "no object of texts"),
        ('{"X": 1425}', 0, "no object of texts"),
        ("[]", 0, "no object of texts"),
    ],
)
def test_an_azd_that_gives_no_values_is_told(
    tmp_path: Path,
    printed: str | None,
    code: int,
    word: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if printed is not None:
        (tmp_path / "azd").write_text(f"#!/bin/sh\necho '{printed}'\nexit {code}\n", "utf-8")
        (tmp_path / "azd").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert with_azd.main(["doctor"]) == 2

    assert word in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["tidy"], ["--deployed"]])
def test_a_command_that_there_is_not_is_told(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert with_azd.main(arguments) == 2
    assert "one of doctor, check_data" in capsys.readouterr().err


def test_no_page_reads_the_values_with_a_shell() -> None:
    """azd's form for shells changes them: +1425 becomes 1425."""
    assert "<(azd env get-values" not in page("deploy.md")
    assert "infra.with_azd doctor --deployed" in page("deploy.md")
