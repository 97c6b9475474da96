"""Every line of `az` in the documents is one that the Azure CLI takes.

The real CLI parses them, in an environment of its own, which is kept in the state folder: making it
takes 20 s and 370 MB, the first look at the lines half a minute on an idle machine. It asks nobody:
without a sign-in it stops once it has parsed (exit code 1), and refuses what it cannot parse (2).
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from shared.upstream.services import ACS, GRAPH, STORAGE
from tests.infra.documented import (
    BrokenLine,
    Line,
    az_lines,
    documents,
    lines_of_other_tools,
    mentions,
)
from tests.support.stack import ROOT

HERE = Path(__file__).parent
REQUIREMENTS = HERE / "az_requirements.txt"
PARSED, REFUSED = 1, 2

# Lines that somebody might write, and a word of the CLI's message.
PLANTED = {
    "az communication show -g g -n n": "'communication' is misspelled",  # needs an extension
    "az functionapp create -g g -n n": "are required",
    "az functionapp show -g g -n n --slots x": "unrecognized arguments",
    "az storage table create --name t --account-name a --auth-mode logn": "Allowed values",
    "az storage account keys renew -g g -n n --key third": "Allowed values",
}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[Line]:
    """The lines of all documents."""
    folder = tmp_path_factory.mktemp("lines")
    return [line for name, text in documents().items() for line in az_lines(name, text, folder)]


def test_the_lines_of_all_pages_are_found(found: list[Line]) -> None:
    commands = {" ".join(line.arguments[:3]) for line in found}

    assert {line.document for line in found} >= {"docs/rotate-keys.md", "docs/deploy.md"}
    assert {"role assignment create", "eventgrid event-subscription create"} <= commands
    # What is nested in other lines, and what a loop repeats.
    assert "storage account show" in commands
    assert sum(line.arguments[:3] == ("storage", "table", "create") for line in found) > 7
    assert all("…" not in line.arguments for line in found), "write the line as it is run"


# Everybody on a machine sees the arguments of a program, and the shell's history keeps them. NAME
# is whatever the reader has in mind.
_SECRET = re.compile(r"(NAME|AzureWebJobsStorage|\w*(KEY|CONNECTION_STRING|SECRET))=(?!@)")
# What prints keys, unless its output is said to be none: some of it in older versions only.
_TELLS_KEYS = re.compile(
    r"storage account (keys (renew|list)|show-connection-string)|functionapp keys (set|list)"
    r"|functionapp config appsettings (set|list)|.*\b(listKeys|regenerateKey)\b"
)


def is_shown(line: Line) -> bool:
    """Whether a line shows a key to others on the machine, or on the screen."""
    arguments = line.arguments
    if any(_SECRET.match(one) for one in arguments):
        return True
    if "static" in arguments and arguments[arguments.index("static") + 1][0] != "@":
        return True
    is_silent = line.is_mention or line.is_into_file or arguments[-2:] == ("-o", "none")
    return not is_silent and _TELLS_KEYS.match(" ".join(arguments)) is not None


def test_no_line_shows_a_key(found: list[Line]) -> None:
    assert [str(line) for line in found if is_shown(line)] == []


def test_no_line_writes_a_key_into_the_clone(found: list[Line]) -> None:
    files = {one.partition("@")[2] for line in found for one in line.arguments if "@" in one}

    assert files >= {"./new-key", "./both-keys", "./acs", "./storage"}  # "." is what mktemp made
    assert all(file.startswith("./") for file in files)


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("az functionapp config appsettings set --settings NAME=VALUE -o none", True),
        ("az functionapp config appsettings set --settings EVENT_GRID_KEY=x,y -o none", True),
        ("az functionapp config appsettings set --settings EVENT_GRID_KEY=@$KEYS/a", True),
        ("az functionapp config appsettings set --settings EVENT_GRID_KEY=@$KEYS/a -o none", False),
        ("az functionapp config appsettings set --settings TABLES_CONNECTION_STRING=x", True),
        ("az eventgrid event-subscription update --mapping X-Key static $KEYS true", True),
        ("az storage account keys renew -n a --key primary", True),
        ("az storage account keys renew -n a --key primary -o none", False),
        ("az storage account keys list -n a -o tsv", True),
        ('az storage account keys list -n a -o tsv > "$KEYS/storage"', False),
        ("az functionapp keys set -n a --key-type masterKey", True),
        ("az resource invoke-action --action regenerateKey --ids $ACS_ID", True),
        ('az rest --method post --url "$ACS_ID/listKeys?api-version=1"', True),
        ("az functionapp keys list", False),  # a mention
    ],
)
def test_a_line_that_shows_a_key_is_found(tmp_path: Path, line: str, shown: bool) -> None:
    (made,) = az_lines("a page", f"`{line}`", tmp_path)

    assert is_shown(made) == shown


@pytest.mark.parametrize(
    ("block", "word"),
    [
        ("az storage account show -n $NOBODY_SETS_IT", "unbound"),
        ("az storage account show -n 'x", "unexpected EOF"),
        ("for X in a b; az storage account show -n $X; done", "syntax error"),
    ],
)
def test_a_line_that_the_shell_does_not_take_is_found(
    tmp_path: Path, block: str, word: str
) -> None:
    with pytest.raises(BrokenLine, match=word):
        az_lines("a page", f"```\n{block}\n```\n", tmp_path)


def test_lines_are_read_as_the_shell_hands_them_on(tmp_path: Path) -> None:
    page = """
```bash
RG=… APP=…
az a create -n $APP --scope $(az b show -g $RG --query id -o tsv) \\
  --text "two words" '{"x": "y"}' | tail -1
cd elsewhere && curl https://$APP.example && az c list
```
and `az d delete`, `az e list --all`, but not `lazy az`.
"""
    made = [line.arguments for line in az_lines("a page", page, tmp_path)]

    assert made[0] == ("b", "show", "-g", "group", "--query", "id", "-o", "tsv")
    assert made[1][:4] == ("a", "create", "-n", "app")
    assert made[1][-3:] == ("--text", "two words", '{"x": "y"}')
    assert made[2:] == [("c", "list"), ("d", "delete"), ("e", "list", "--all")]
    assert Line("a page", made[3]).is_mention
    assert az_lines("a page", "nothing of it", tmp_path) == []


def test_the_lines_of_azd_and_func_are_known_ones() -> None:
    """Neither tool can be installed here; each line is compared with the tools' references."""
    known: dict[str, set[str]] = {
        "azd auth login": set(),
        "azd deploy": set(),
        "azd down": {"--purge"},
        "azd env get-value": set(),
        "azd env get-values": set(),
        "azd env new": set(),
        "azd env select": set(),
        "azd env set": {"--file"},
        "azd provision": set(),
        "azd up": set(),
        "func azure functionapp publish": {"--python"},
        "func settings decrypt": set(),
        "func start": set(),
    }
    lines = [line for text in documents().values() for line in lines_of_other_tools(text)]

    for line in lines:
        command = next((one for one in known if f"{line} ".startswith(f"{one} ")), None)
        assert command is not None, line
        assert set(re.findall(r"(?<= )-{1,2}[a-z-]+", line)) <= known[command], line
    assert len(lines) > 20


@pytest.fixture(scope="session")
def az_python() -> Path:
    """The Python of an environment with the Azure CLI; the same for each run with this version."""
    version = re.search(r"==(\S+)", REQUIREMENTS.read_text("utf-8"))
    assert version is not None
    folder = ROOT / ".devstack" / f"azure-cli-{version.group(1)}"
    if not folder.exists():
        folder.parent.mkdir(exist_ok=True)
        making = folder.with_name(f"{folder.name}-{os.getpid()}")
        uv = str(Path(sys.executable).with_name("uv"))
        subprocess.run([uv, "venv", "-q", "--python", sys.executable, making], check=True)
        install = [uv, "pip", "install", "-q", "--python", str(making / "bin" / "python")]
        subprocess.run([*install, "-r", str(REQUIREMENTS)], check=True)
        making.rename(folder)  # whole, or not at all
    return folder / "bin" / "python"


def judged(az_python: Path, tmp_path: Path, commands: list[list[str]]) -> list[tuple[int, str]]:
    """The exit code of the CLI for each list of arguments, and what it says."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPYCACHEPREFIX": str(az_python.parents[1] / "bytecode"),
        "AZURE_CONFIG_DIR": str(tmp_path / "nobody-is-signed-in"),
        "AZURE_CORE_COLLECT_TELEMETRY": "no",
        "AZURE_EXTENSION_USE_DYNAMIC_INSTALL": "no",
    }
    ran = subprocess.run(
        [az_python, HERE / "az_parse.py"],
        input=json.dumps(commands),
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return [(code, words) for code, words in json.loads(ran.stdout)]


def shape(line: Line) -> tuple[str, ...]:
    """The same for lines that differ in values alone, of which one is tried."""
    words = enumerate(line.arguments)
    return tuple(word for number, word in words if number < 4 or word.startswith("-"))


@pytest.mark.installation
@pytest.mark.timeout(1200)
def test_the_azure_cli_takes_every_line(az_python: Path, tmp_path: Path, found: list[Line]) -> None:
    whole = {shape(line): line for line in found if not line.is_mention}
    named = {line.arguments for line in found if line.is_mention}
    for service in (ACS, GRAPH, STORAGE):
        named |= set(mentions(f"({service.if_no_token}"))
    asked = [[*line.arguments] for line in whole.values()]

    answers = judged(az_python, tmp_path, [*asked, *([*one, "--help"] for one in sorted(named))])

    assert ("functionapp", "identity", "assign") in named
    for line, (code, words) in zip(whole.values(), answers, strict=False):
        assert (code, "az login" in words) == (PARSED, True), f"{line}: {words}"
    for name, (code, words) in zip(sorted(named), answers[len(asked) :], strict=True):
        assert code == 0, f"az {' '.join(name)}: {words}"


@pytest.mark.installation
@pytest.mark.timeout(1200)
def test_the_azure_cli_refuses_what_somebody_might_write(az_python: Path, tmp_path: Path) -> None:
    page = "".join(f"`{line}`\n" for line in PLANTED)
    commands = [[*line.arguments] for line in az_lines("planted", page, tmp_path)]

    for word, (code, words) in zip(
        PLANTED.values(), judged(az_python, tmp_path, commands), strict=True
    ):
        assert code == REFUSED, words
        assert word in words
