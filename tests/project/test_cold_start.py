"""A cold start loads what the request needs and no more."""

import subprocess
import sys
from importlib.util import find_spec

import pytest

from tests.support.stack import ROOT

pytestmark = pytest.mark.whole_stack

# Each is expensive to load, and few apps or requests need it: they load it when they need it. A
# package stands for everything in it.
LAZY = {
    "azure.communication.callautomation": "what places, steers or answers calls",
    "azure.communication.identity": "revocation, deletion, and what Teams users exchange",
    "azure.data.tables": "the programs of operators",
    "azure.identity": "apps without keys",
    "msal": "the same",
    "requests": "the same",
    "urllib3": "the same",
    "icalendar": "the one route that writes calendar files",
    "dateutil": "the same",
    "shared.openapi": "what writes the description of the HTTP contract",
    "devstack": "the local stack",
    "tests": "nobody but us",
}


def test_loading_the_functions_leaves_the_dear_imports_out() -> None:
    folders = [path.parent.name for path in ROOT.glob("*/function.json")]
    code = f"import sys, {', '.join(folders)}; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()

    assert {*folders, "shared.app"} <= set(loaded)
    for package in (*LAZY, *operators_programs()):
        assert find_spec(package), f"{package} is gone, so this holds whatever is loaded"
        assert [name for name in loaded if f"{name}.".startswith(f"{package}.")] == []


def operators_programs() -> list[str]:
    """The modules of the service that an operator runs, and no request needs."""
    found = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in ROOT.glob("shared/**/*.py")
        if '__name__ == "__main__"' in path.read_text("utf-8")
    ]
    assert {name.rpartition(".")[2] for name in found} >= {"doctor", "provision"}
    return found
