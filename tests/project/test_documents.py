"""The texts that people read and copy agree with the code."""

import ast
import json
import re
from pathlib import Path

from devstack.stack.certificates import Certificates
from devstack.stack.plan import Plan
from devstack.stack.ports import DEFAULT_PORTS
from devstack.stack.state_folder import StateFolder
from shared.auth.settings import read_auth_settings
from shared.bot_calls.settings import read_bot_call_settings
from shared.calls.settings import read_call_settings
from shared.identity.settings import read_identity_settings
from shared.meetings.settings import read_meeting_settings
from shared.settings import load
from shared.settings_reader import SettingsReader
from shared.upstream.settings import read_upstream_settings
from tests.project.settings_world import GOOD
from tests.support.described import problems
from tests.support.pages import page
from tests.support.stack import ROOT

API, SETTINGS, TROUBLESHOOTING = page("api.md"), page("settings.md"), page("troubleshooting.md")
EXAMPLE = json.loads((ROOT / "local.settings.json.example").read_text("utf-8"))


def test_every_route_is_on_the_page_of_the_api_with_who_may_call_it() -> None:
    """What else the page says is made from the functions: see tests/openapi/test_routes_page.py."""
    for declared in ROOT.glob("*/function.json"):
        trigger = json.loads(declared.read_text("utf-8"))["bindings"][0]
        if trigger["type"] == "timerTrigger":
            [setting] = re.findall("%([A-Z_]+)%", trigger["schedule"])
            assert f"| `{setting}` |" in SETTINGS, declared
            assert setting in EXAMPLE["Values"], declared
            continue
        shortened = re.sub(r"/\{\w+\?\}$", "", trigger["route"])
        for path in {shortened, trigger["route"].replace("?}", "}")}:
            sections = re.findall(
                rf"^### ([^\n/]+) /{re.escape(path)}\n(.*?)(?=^#)", API, re.M | re.S
            )
            methods = {method for names, _ in sections for method in names.split(", ")}
            assert {method.upper() for method in trigger["methods"]} <= methods, declared
            assert all("**Who may call it**: " in text for _, text in sections), declared


def test_every_problem_code_is_explained_under_its_own_heading() -> None:
    statuses = {kind.code: kind.status for kind in problems()}
    found = re.findall(
        r"^### `(.+)`\n\*\*(\d+)\*\*\. .+\n\n\*\*What to do\*\*: .+$", TROUBLESHOOTING, re.MULTILINE
    )

    assert {code: int(status) for code, status in found} == statuses
    assert [code for code, _ in found] == sorted(statuses)


def test_every_setting_that_is_read_is_on_its_page_and_in_the_example() -> None:
    parts = [ROOT / "shared" / "settings.py", *(ROOT / "shared").glob("*/settings.py")]
    source = "".join(part.read_text("utf-8") for part in parts)
    prefixes = "COMMUNICATION|TABLES|AUTH|TOKEN|TEAMS|UPSTREAM|GRAPH|MEETING"
    prefixes += "|CALL|CALLBACK|CALLER|COGNITIVE|DIAL|MAX|PLAY|BOT|EVENT|RECORDING"
    names = set(re.findall(rf'"((?:{prefixes})_[A-Z_]*[A-Z])"', source))
    # The other of two ways, and settings for more than one issuer or for Azure only.
    elsewhere = {"COMMUNICATION_ENDPOINT", "TABLES_ENDPOINT", "AUTH_ISSUERS", "AUTH_EASY_AUTH"}
    elsewhere |= {"EVENT_GRID_AUDIENCE", "EVENT_GRID_TENANT", "EVENT_GRID_JWKS_URL"}

    assert len(names) > 12
    assert names - settings_in_tables() == set()
    assert names - EXAMPLE["Values"].keys() == elsewhere
    assert settings_in_tables() - names == {"BOTS", *OF_OTHERS}


# Settings that other modules read, or the platform.
OF_OTHERS = {"API_DOCS", "STANDALONE_CALLS", "TEAMS_RESOURCE_ACCOUNTS", "TIDY_SCHEDULE"}
OF_OTHERS |= {"MAX_CALLS_PER_CALLER", "MAX_LEGS_PER_MINUTE"}


def settings_in_tables() -> set[str]:
    """Those with a row of their own on the page of settings, or with another in one row."""
    cells = re.findall(r"^\| (`[A-Z].*?) \|", SETTINGS, re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`([A-Z_]+)`", cell)}


class NotedSettings(SettingsReader):
    """Notes the default and the limits of each setting that is a number or a flag."""

    def __init__(self) -> None:
        super().__init__(GOOD)
        self.numbers: dict[str, tuple[str, str]] = {}
        self.flags: dict[str, str] = {}

    def integer(self, name: str, default: int, low: int, high: int) -> int:
        self.numbers[name] = (f"{default}", f"{low} to {high}")
        return super().integer(name, default, low, high)

    def seconds(self, name: str, default: float, low: float, high: float) -> float:
        self.numbers[name] = (f"{default:g}", f"{low:g} to {high:g}")
        return super().seconds(name, default, low, high)

    def flag(self, name: str, *, default: bool = False) -> bool:
        self.flags[name] = json.dumps(default)
        return super().flag(name, default=default)


def test_the_page_of_settings_has_the_defaults_and_the_limits_of_the_code() -> None:
    reader = NotedSettings()
    for read in (
        *(read_upstream_settings, read_auth_settings, read_identity_settings),
        *(read_meeting_settings, read_call_settings, read_bot_call_settings),
    ):
        read(reader)
    rows = re.findall(r"^\| `([A-Z_]+)` \| (.*?) \| (.*?) \|$", SETTINGS, re.MULTILINE)
    told = {name: (default.strip("`"), limits) for name, default, limits in rows}

    for name, (default, limits) in reader.numbers.items():
        assert told[name][0] == default, name
        assert told[name][1].startswith(limits), name
    flags = {**reader.flags, "API_DOCS": "false"}
    for name, default in flags.items():
        assert told[name] == (default, "`true` or `false`"), name
    assert len(reader.numbers) > 5


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


def test_every_package_and_module_of_the_service_is_in_the_table_of_the_architecture() -> None:
    table = page("architecture.md").partition("| in `shared/` |")[2]
    parts = {path.name for path in (ROOT / "shared").iterdir() if path.name[0] not in "_."}
    listed = {name.rstrip("/") for name in re.findall(r"`([a-z_]+(?:/|\.py))`", table)}

    assert parts <= listed


def test_a_package_says_what_it_does() -> None:
    for package in (ROOT / "shared").glob("*/__init__.py"):
        assert ast.get_docstring(ast.parse(package.read_text("utf-8"))), package
