"""What GitHub reads: workflows, Dependabot, the forms of issues; and the development container."""

import json
import re
import subprocess
import sys

import pytest
from ruamel.yaml import YAML

from devstack.stack.ports import DEFAULT_PORTS
from tests.support.stack import ROOT

GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("vendor.github-workflows", WORKFLOWS),
        ("vendor.dependabot", [GITHUB / "dependabot.yml"]),
        (
            "vendor.github-issue-forms",
            [GITHUB / "ISSUE_TEMPLATE" / f"{name}.yml" for name in ("bug", "idea")],
        ),
    ],
    ids=["workflows", "dependabot", "issue forms"],
)
def test_it_follows_githubs_schema(schema: str, files: list[object]) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema]

    checked = subprocess.run(
        [*command, *map(str, files)], capture_output=True, text=True, check=False
    )

    assert checked.returncode == 0, checked.stdout


def test_workflows_may_only_read_unless_a_job_says_so() -> None:
    for file in WORKFLOWS:
        workflow = YAML(typ="safe").load(file)
        assert workflow["permissions"] == {"contents": "read"}, file
        for job in workflow["jobs"].values():
            assert "timeout-minutes" in job, file


def test_workflows_run_what_people_run() -> None:
    text = {file.stem: file.read_text("utf-8") for file in WORKFLOWS}

    assert "- run: .ci/run\n" in text["check"]
    assert (
        "dev.py test -n 3 --installation --slow --soak --session-timeout 14400\n" in text["nightly"]
    )
    assert "python3 dev.py sbom --output" in text["release"]
    for command in re.findall(r"az bicep \S+ --file (\S+)", text["bicep"]):
        assert (ROOT / command).is_file()


def test_the_workflow_compiles_with_every_value_that_has_no_default() -> None:
    needed = re.findall(
        r"readEnvironmentVariable\('(\w+)'\)", (ROOT / "infra/main.bicepparam").read_text("utf-8")
    )
    workflow = YAML(typ="safe").load(GITHUB / "workflows" / "bicep.yml")
    [step] = [step for step in workflow["jobs"]["compile"]["steps"] if "env" in step]

    assert set(step["env"]) == set(needed)


def test_the_container_forwards_the_ports_of_the_stack() -> None:
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text("utf-8"))

    assert set(container["forwardPorts"]) == set(DEFAULT_PORTS.values())
    assert set(container["portsAttributes"]) <= {str(port) for port in DEFAULT_PORTS.values()}


def test_the_page_is_built_with_what_infra_tells() -> None:
    page = (ROOT / "web" / "README.md").read_text("utf-8")
    told = re.findall(r"^output (PAGE_\w+)", (ROOT / "infra/main.bicep").read_text("utf-8"), re.M)

    assert set(re.findall(r"`(PAGE_[A-Z_]+)`", page)) == set(told) - {"PAGE_URL"}


def test_azd_runs_hooks_and_deploys_folders_that_exist() -> None:
    described = YAML(typ="safe").load(ROOT / "azure.yaml")
    hooks = described["hooks"]

    assert set(hooks) == {"preprovision", "postprovision", "postdeploy", "postdown"}
    for name, hook in hooks.items():
        assert hook["run"] == f"python3 dev.py hook {name}"
    for service in described["services"].values():
        assert (ROOT / service["project"]).is_dir()
    assert set(described["services"]) == {"api", "web"}  # each has its tag, see checks.py
    assert (ROOT / described["infra"]["path"] / f"{described['infra']['module']}.bicep").is_file()


def test_azd_makes_the_resources_before_it_builds_the_page() -> None:
    """By itself `azd up` packages first, so that the page would be built for nobody's service."""
    described = YAML(typ="safe").load(ROOT / "azure.yaml")

    steps = described["workflows"]["up"]["steps"]
    assert [step["azd"].split()[0] for step in steps] == ["provision", "deploy"]
    # The first version whose `azd env set` reads a file (infra/hooks).
    assert described["requiredVersions"]["azd"] == ">= 1.17.1"


def test_the_container_has_what_the_deployment_needs() -> None:
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text("utf-8"))
    features = {name.rpartition("/")[2].partition(":")[0] for name in container["features"]}

    assert {"azd", "azure-cli", "node"} <= features
