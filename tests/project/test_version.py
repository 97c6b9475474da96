"""One version: in CHANGELOG.md, in the description, in the bill of materials and in a report."""

import json
import re
from datetime import date

import pytest
from ruamel.yaml import YAML

from devstack.commands.sbom import bill_of_materials
from shared import __version__
from shared.operate.deployed_report import heading
from tests.support.stack import ROOT

HEADINGS = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)


def test_the_newest_release_has_a_date_and_stands_under_what_is_unreleased() -> None:
    assert HEADINGS[0] == "Unreleased"
    for heading_of_release in HEADINGS[1:]:
        version, _, day = heading_of_release.partition(", ")
        assert re.fullmatch(r"\d+\.\d+\.\d+", version)
        date.fromisoformat(day)


def test_whatever_tells_the_version_tells_the_newest_release() -> None:
    described = json.loads((ROOT / "docs" / "openapi.json").read_text("utf-8"))

    assert HEADINGS[1].partition(",")[0] == __version__
    assert described["info"]["version"] == __version__
    assert next(iter(heading({}))) == f"trusted-service {__version__}"


@pytest.mark.slow
def test_the_bill_of_materials_is_that_of_the_newest_release() -> None:
    component = bill_of_materials()["metadata"]["component"]

    assert (component["name"], component["version"]) == ("trusted-service", __version__)


def test_only_a_release_that_is_told_of_is_made() -> None:
    workflow = YAML(typ="safe").load(ROOT / ".github" / "workflows" / "release.yml")
    [check] = [
        step["run"]
        for step in workflow["jobs"]["release"]["steps"]
        if "CHANGELOG" in step.get("run", "")
    ]

    # `v0.1.0` is the tag, and `## 0.1.0, ` the heading.
    assert check == 'grep -q "^## ${GITHUB_REF_NAME#v}, " CHANGELOG.md'
    assert workflow["on"]["push"]["tags"] == ["v*.*.*"]
