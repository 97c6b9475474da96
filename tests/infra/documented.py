"""The lines of `az`, `azd` and `func` that documents tell people to run.

Lines of `az` are taken from a real shell, in which `az` is a function that notes its arguments: so
variables, quotes and `$(az …)` are read as they will be, and a broken line is noticed.
"""

import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.support.stack import ROOT

_BASH = shutil.which("bash") or "bash"
# Of a list too, whose blocks are indented.
_BLOCK = re.compile(r"^ *```[a-z]*\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")
_AZ = re.compile(r"\baz [a-z]")
# A name that people are to fill in; the shell has an example of each.
_TO_FILL_IN = re.compile(r"\b[A-Z_]+=…")

_ID = "00000000-0000-4000-8000-000000000001"
_RESOURCE = f"/subscriptions/{_ID}/resourceGroups/group/providers/Microsoft.Communication/x/y"
# What docs/deploy.md tells people to set before they go on.
_VARIABLES = {
    "RG": "group",
    "APP": "app",
    "STORAGE": "storage",
    "REGION": "westeurope",
    "ACS": "acs",
    "TENANT": _ID,
    "API_CLIENT_ID": _ID,
    "WHO": _ID,
    "ACS_ID": _RESOURCE,
    "KEYS": ".",
    "AI": "speech",
}
# The other programs do not exist here, and their lines do nothing. `-u`: a variable nobody sets is
# a fault.
_SHELL = f"""
set -u
command_not_found_handle() {{ :; }}
cd() {{ :; }}
mktemp() {{ echo .; }}
az() {{
  {{ [ -f /dev/stdout ] && printf 'file\\0' >> noted || printf 'screen\\0' >> noted; }}
  {{ printf '%s\\0' "$@"; printf '\\1\\0'; }} >> noted
  case "$*" in *"--query id "*) echo {_RESOURCE};; *) echo {_ID};; esac
}}
"""


@dataclass(frozen=True)
class Line:
    """One command of `az`, the document it is in, and whether a file takes what it prints."""

    document: str
    arguments: tuple[str, ...]
    is_into_file: bool = False

    def __str__(self) -> str:
        return f"{self.document}: az {shlex.join(self.arguments)}"

    @property
    def is_mention(self) -> bool:
        """A command's name alone, which people complete."""
        return not any(one.startswith("-") for one in self.arguments)


class BrokenLine(Exception):
    """The shell does not take it; the message says what, and where."""


def documents() -> dict[str, str]:
    """The pages for people, by their paths."""
    found = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "web" / "README.md"]
    found += (ROOT / "devstack").glob("*.md")
    return {str(file.relative_to(ROOT)): file.read_text("utf-8") for file in sorted(found)}


def az_lines(document: str, text: str, folder: Path) -> list[Line]:
    """Each command of `az` in a document.

    Args:
        folder: an empty one, in which the shell works.

    Raises:
        BrokenLine: the shell cannot read a line, or misses a variable.
    """
    spans = _SPAN.findall(_BLOCK.sub("", text))
    pieces = [*_BLOCK.findall(text), *(span for span in spans if re.match(r"az [a-z]", span))]
    noted = folder / "noted"
    for piece in pieces:
        if not _AZ.search(piece):
            continue
        ran = subprocess.run(
            [_BASH, "-c", _SHELL + _TO_FILL_IN.sub("", piece)],
            cwd=folder,
            env={"PATH": "/nowhere", **_VARIABLES},
            capture_output=True,
            text=True,
            check=False,
        )
        if ran.stderr:
            raise BrokenLine(f"{document}: {piece.strip()}: {ran.stderr.strip()}")
    if not noted.exists():
        return []
    commands = noted.read_text("utf-8").split("\1\0")[:-1]
    noted.unlink()
    made = [command.split("\0")[:-1] for command in commands]
    return [Line(document, tuple(words), output == "file") for output, *words in made]


def mentions(text: str) -> list[tuple[str, ...]]:
    """The names of the commands of `az` that a text of the service tells an operator to run."""
    return [tuple(one.split()) for one in re.findall(r"\baz ((?:[a-z]+ ?)+)(?= --|\)|$)", text)]


def lines_of_other_tools(text: str) -> list[str]:
    """The lines that begin with `azd` or `func`, or are one such command in a sentence."""
    pieces = [line for block in _BLOCK.findall(text) for line in re.split(r"\n|&&", block)]
    pieces += _SPAN.findall(_BLOCK.sub("", text))
    return [one.strip() for one in pieces if re.match(r"\s*(azd|func) [a-z]", one)]
