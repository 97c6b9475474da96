"""The bill of materials: the packages that are deployed with the service, as CycloneDX JSON."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from devstack.commands.licences import DEPLOYED, licence_of
from devstack.files import ROOT

_RELEASE = re.compile(r"^## ([0-9.]+), ", re.MULTILINE)


class SbomError(Exception):
    """The tool has failed; its text says why."""


def bill_of_materials(requirements: Path = DEPLOYED) -> dict[str, Any]:
    """A document that is the same for the same requirements, with the licence of each package.

    Raises:
        SbomError: cyclonedx-py could not read the requirements.
    """
    options = ["--of", "JSON", "--output-reproducible", "--mc-type", "application"]
    done = subprocess.run(
        [sys.executable, "-m", "cyclonedx_py", "requirements", str(requirements), *options],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise SbomError(done.stderr.strip())
    document: dict[str, Any] = json.loads(done.stdout)
    name = {"bom-ref": "trusted-service", "name": "trusted-service", "version": _version()}
    document["metadata"]["component"] = {"type": "application", **name}
    for component in document["components"]:
        del component["description"]  # the lines of the requirements, all hashes included
        component["licenses"] = [{"expression": licence_of(component["name"])}]
    return document


def _version() -> str:
    """The newest release that CHANGELOG.md tells of. (The stack and the app share no code.)"""
    found = _RELEASE.search((ROOT / "CHANGELOG.md").read_text("utf-8"))
    if found is None:
        raise SbomError("CHANGELOG.md tells of no release")
    return found.group(1)
