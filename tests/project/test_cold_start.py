"""A cold start loads what each request needs and no more; operations come with their requests."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.support.stack import ROOT

pytestmark = pytest.mark.whole_stack

FOLDERS = [path.parent.name for path in ROOT.glob("*/function.json")]

# Each is expensive to load, and few apps or requests need it: they load it when they need it. A
# package stands for everything in it.
LAZY = {
    "azure.core": "what Microsoft's SDKs ask, and apps without keys",
    "azure.communication.callautomation": "what places, steers or answers calls",
    "azure.communication.identity": "revocation, deletion, and what Teams users exchange",
    "azure.data.tables": "the programs of operators",
    "azure.identity": "apps without keys",
    "msal": "the same",
    "requests": "the same",
    "urllib3": "the same",
    "icalendar": "the one route that writes calendar files",
    "dateutil": "the same",
    "gzip": "the routes that send files",
    "shared.openapi": "what writes the description of the HTTP contract",
    "devstack": "the local stack",
    "tests": "nobody but us",
}


def test_loading_the_functions_leaves_the_dear_imports_out() -> None:
    loaded = loaded_at_the_start()

    assert {*FOLDERS, "shared.app"} <= set(loaded)
    for package in (*LAZY, *operators_programs()):
        assert find_spec(package), f"{package} is gone, so this holds whatever is loaded"
        assert [name for name in loaded if f"{name}.".startswith(f"{package}.")] == []


# All settings are read at once. Whatever else a domain has comes with the request that needs it.
OF_DOMAINS = {
    "shared.auth.settings",
    "shared.bot_calls.scripts",
    "shared.bot_calls.settings",
    "shared.calls.settings",
    "shared.calls.spoken",
    "shared.identity.resource_accounts",
    "shared.identity.settings",
    "shared.meetings.settings",
    "shared.teams_phone.settings",
}
# The packages that every request needs.
OF_ALL_REQUESTS = {"app", "http", "upstream"}


def test_a_domain_is_loaded_with_its_first_request() -> None:
    packages = {path.parent.name for path in ROOT.glob("shared/*/__init__.py")} - OF_ALL_REQUESTS
    modules = (name.split(".") for name in loaded_at_the_start())
    in_packages = {".".join(m) for m in modules if m[0] == "shared" and m[1:2] and m[2:]}

    assert {name for name in in_packages if name.split(".")[1] in packages} == OF_DOMAINS


# Every start needs theirs.
COMPILED = {"shared.urls"}


def test_regular_expressions_are_compiled_when_they_are_first_used() -> None:
    """Those of one module took up to three thousandths of a start."""
    ours = (name for name in loaded_at_the_start() if name.startswith("shared."))
    files = {name: find_spec(name) for name in ours}
    sources = {name: Path(spec.origin) for name, spec in files.items() if spec and spec.origin}

    assert {"shared.calls.spoken", "shared.texts"} <= sources.keys()
    assert {n for n, path in sources.items() if "re.compile(" in path.read_text()} == COMPILED


def test_no_plugin_of_pydantic_is_looked_for() -> None:
    """`shared.http.worker` puts a module in the place of pydantic's, whose name is not public."""
    replaced = find_spec("pydantic.plugin._loader")
    assert replaced
    assert replaced.origin
    assert "\ndef get_plugins() ->" in Path(replaced.origin).read_text()

    loaded = printed(
        "import sys, shared.http; from shared.identity.contract import TokenBody;"
        " TokenBody.model_validate({}); print(*sys.modules)"
    )

    assert "pydantic.plugin._loader" in loaded
    assert "importlib.metadata" not in loaded


def loaded_at_the_start() -> list[str]:
    """The modules that are loaded once all functions are."""
    return printed(f"import sys, {', '.join(FOLDERS)}; print(*sys.modules)")


def printed(code: str) -> list[str]:
    """What a new process prints."""
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()


def operators_programs() -> list[str]:
    """The modules of the service that an operator runs, and no request needs."""
    found = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in ROOT.glob("shared/**/*.py")
        if '__name__ == "__main__"' in path.read_text("utf-8")
    ]
    assert {name.rpartition(".")[2] for name in found} >= {"doctor", "provision"}
    return found
