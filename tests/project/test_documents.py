"""What people read and copy says what the code does."""

import ast
import json
import re
from pathlib import Path

import shared.problems
from devstack.stack.certificates import Certificates
from devstack.stack.plan import Plan
from devstack.stack.ports import DEFAULT_PORTS
from devstack.stack.state_folder import StateFolder
from shared.problems import Problem
from shared.settings import load
from tests.support.stack import ROOT

README = (ROOT / "README.md").read_text("utf-8")
EXAMPLE = json.loads((ROOT / "local.settings.json.example").read_text("utf-8"))


def test_every_route_is_in_the_readme() -> None:
    for declared in ROOT.glob("*/function.json"):
        trigger = json.loads(declared.read_text("utf-8"))["bindings"][0]
        if trigger["type"] == "timerTrigger":
            [setting] = re.findall("%([A-Z_]+)%", trigger["schedule"])
            assert f"`{setting}`" in README, declared
            assert setting in EXAMPLE["Values"], declared
            continue
        methods = ", ".join(sorted(method.upper() for method in trigger["methods"]))
        route = re.sub(r"/\{\w+\?\}$", "", trigger["route"])
        assert f"`{methods} /{route}`" in README, declared


def test_every_problem_code_is_in_the_readme() -> None:
    kinds = [kind for kind in vars(shared.problems).values() if isinstance(kind, type)]
    codes = {kind.code for kind in kinds if issubclass(kind, Problem) and hasattr(kind, "code")}

    assert {code for code in codes if f"`{code}`" not in README} == set()


def test_every_setting_that_is_read_is_in_the_readme_and_the_example() -> None:
    parts = [ROOT / "shared" / "settings.py", *(ROOT / "shared").glob("*/settings.py")]
    source = "".join(part.read_text("utf-8") for part in parts)
    prefixes = "COMMUNICATION|TABLES|AUTH|TOKEN|TEAMS|UPSTREAM|GRAPH|MEETING"
    prefixes += "|CALL|CALLBACK|CALLER|COGNITIVE|DIAL|MAX|PLAY|BOT|EVENT|RECORDING"
    names = set(re.findall(rf'"((?:{prefixes})_[A-Z_]*[A-Z])"', source))
    # One of two ways each, and what is there only for more than one issuer or in Azure.
    elsewhere = {"COMMUNICATION_ENDPOINT", "TABLES_ENDPOINT", "AUTH_ISSUERS", "AUTH_EASY_AUTH"}
    elsewhere |= {"EVENT_GRID_AUDIENCE", "EVENT_GRID_TENANT", "EVENT_GRID_JWKS_URL"}

    assert len(names) > 12
    assert {name for name in names if f"`{name}`" not in README} == set()
    assert names - EXAMPLE["Values"].keys() == elsewhere


def test_the_example_points_the_core_tools_at_the_stacks_default_ports(tmp_path: Path) -> None:
    values = EXAMPLE["Values"]
    certificates = Certificates(tmp_path / "ca.pem", tmp_path / "server.pem")
    stack = Plan(StateFolder(tmp_path), DEFAULT_PORTS, certificates, with_host=False)

    assert {name: values[name] for name in stack.settings()} == stack.settings()
    assert all(isinstance(value, str) for value in values.values())
    assert values["FUNCTIONS_WORKER_RUNTIME"] == "python"
    # Without storage the Core Tools refuse an app that has a timer.
    assert values["AzureWebJobsStorage"] == "UseDevelopmentStorage=true"
    assert DEFAULT_PORTS["blobs"] == 10000  # which is what that means
    assert EXAMPLE["Host"]["LocalHttpPort"] == DEFAULT_PORTS["host"]
    assert load(values).identity.token_scopes == {"voip"}


def test_what_is_not_the_app_is_not_deployed() -> None:
    ignored = (ROOT / ".funcignore").read_text("utf-8").split()
    deployed = {"host.json", "requirements.txt", "shared", "docs"}
    deployed |= {path.parent.name for path in ROOT.glob("*/function.json")}
    # All of `docs` but the description, which is served.
    assert "docs" not in ignored
    assert ignored.index("!docs/openapi.json") > ignored.index("docs/*")
    kept_back = {"tests", "devstack", "dev.py", "local.settings.json", "requirements-dev.txt"}

    assert kept_back <= set(ignored)
    assert not deployed & set(ignored)
    assert ignored.index("!.python_packages") > ignored.index(".*")


def test_every_package_and_module_of_the_service_is_in_the_table_of_contributing() -> None:
    table = (ROOT / "CONTRIBUTING.md").read_text("utf-8").partition("| in `shared/` |")[2]
    parts = {path.name for path in (ROOT / "shared").iterdir() if path.name[0] not in "_."}
    listed = {name.rstrip("/") for name in re.findall(r"`([a-z_]+(?:/|\.py))`", table)}

    assert parts <= listed


def test_a_package_says_what_it_does() -> None:
    for package in (ROOT / "shared").glob("*/__init__.py"):
        assert ast.get_docstring(ast.parse(package.read_text("utf-8"))), package
