"""From the output of pip and npm, dev.py tells how far they are, and why they failed."""

import re
import subprocess
from pathlib import Path

import pytest

from devstack.installation.failures import why_it_failed
from devstack.installation.node_packages import _NpmProgress
from devstack.installation.virtual_environment import _PipProgress
from devstack.stack.azurite import NODE_FOLDER, command
from tests.devstack.commands.dev_process import ROOT

PIP = """\
Collecting aiohttp==3.14.5 (from -r /clone/requirements-run.txt (line 9))
  Downloading aiohttp-3.14.5-cp313-cp313-manylinux_2_28_x86_64.whl (1.7 MB)
Requirement already satisfied: attrs==26.1.0 in ./.venv/lib/python3.13/site-packages (from -r ...)
Installing collected packages: aiohttp
"""
NPM = """\
npm http fetch GET 200 https://registry.npmjs.org/args/-/args-5.0.3.tgz 96ms (cache miss)
npm http fetch GET 200 https://registry.npmjs.org/uuid/-/uuid-8.3.2.tgz 31ms (cache hit)
"""


def test_pip_says_which_package_of_how_many() -> None:
    progress = _PipProgress(2)

    told = [progress.doing(line.strip()) for line in PIP.splitlines()]

    assert told == ["1 of 2: aiohttp", None, "2 of 2: attrs", "unpacking"]


def test_npm_says_which_package_of_how_many() -> None:
    progress = _NpmProgress(2)

    told = [progress.doing(line) for line in NPM.splitlines()]

    assert told == ["1 of 2: args-5.0.3", "2 of 2: uuid-8.3.2"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (
            "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on "
            "device",
            "the disk is full: make room, and start again",
        ),
        ("npm error code ENOSPC", "the disk is full: make room, and start again"),
        (
            "WARNING: Retrying (Retry(total=4, connect=None)) after connection broken by "
            "'NewConnectionError(\"HTTPSConnection(host='pypi.org', port=443)\")': /simple/args/",
            "pypi.org cannot be reached: is this machine online?",
        ),
        (
            "npm error request to https://registry.npmjs.org/uuid failed, reason: getaddrinfo "
            "ENOTFOUND registry.npmjs.org",
            "registry.npmjs.org cannot be reached: is this machine online?",
        ),
    ],
)
def test_a_reason_that_is_known_is_one_line(line: str, reason: str) -> None:
    why = why_it_failed("installing", ["before", line, "after"], "install.log", is_full=False)

    assert why == f"installing failed: {reason} (install.log has the details)"


def test_a_step_that_could_not_even_write_its_log_met_a_full_disk() -> None:
    assert "the disk is full" in why_it_failed("installing", [], "install.log", is_full=True)


def test_of_another_reason_the_end_of_the_output_is_shown() -> None:
    lines = ["first", *NPM.splitlines(), *(f"npm error {number}" for number in range(15))]

    why = why_it_failed("installing", lines, "install.log", is_full=False)

    assert why.splitlines()[1:] == [
        *(f"  npm error {number}" for number in range(15)),
        "All of the output is in install.log.",
    ]


def test_azurite_starts_without_what_is_left_out_and_who_uses_that_is_told() -> None:
    node = command(port=0, folder=Path())[0]
    code = "require('applicationinsights').setup()"

    used = subprocess.run(
        [node, "-e", code], cwd=NODE_FOLDER, capture_output=True, text=True, check=False
    )

    assert used.returncode == 1
    assert "devstack/node leaves this package out, and setup of it is used" in used.stderr


def test_what_is_left_out_is_linked_for_every_name_that_the_lock_file_overrides() -> None:
    locked = (ROOT / "devstack" / "node" / "package-lock.json").read_text("utf-8")

    linked = re.findall(r'"node_modules/([a-z0-9]+)": \{\s+"resolved": "left-out"', locked)

    assert linked == ["applicationinsights", "mysql2", "tedious"]
