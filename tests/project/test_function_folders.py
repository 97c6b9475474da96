"""A function folder is its HTTP contract, and nothing else; one folder is the function of a
timer."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.stack import ROOT

FOLDERS = sorted(path.parent for path in ROOT.glob("*/function.json"))

# What Azure loads of every folder when a host starts: the operation comes with the first request.
AT_THE_START = {"azure.functions", "shared.http", ".operation"}

# The modules that every operation may import: the HTTP edge, the base classes, the app roles,
# contracts, problems, and limits of its callers.
USUAL = {
    "shared.http",
    "shared.bodies",
    "shared.bounds",
    "shared.auth.roles",
    "shared.problems",
    "shared.unavailable",
}

# Further modules that some folders need, each with the reason.
EXTRA = {
    "ApiDocs": {"pathlib"},  # where the page and its files are
    "CallEvents": {"shared.calls.events"},  # reads the body of another service, not a contract
    "ExportUser": {"datetime"},  # says when the export was made
    "Health": {
        "shared.operate.health",  # how long an answer is kept is told in Retry-After
    },
    "IncomingCall": {"shared.bot_calls.event_grid"},  # reads the body of another service
    "OpenApi": {"pathlib"},  # where the description is
    "OpenInvitation": {"shared.sharing.calendar_files"},  # writes another media type than JSON
}


# What the folder serves.
BESIDES = {"ApiDocs": {"viewer"}}

TIMERS = {"Tidy": "%TIDY_SCHEDULE%"}
SERVING = [folder for folder in FOLDERS if folder.name not in TIMERS]


def imported(file: Path) -> Iterator[str]:
    """The modules that a file names in its imports, wherever they stand."""
    tree = ast.parse(file.read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield f"{'.' * node.level}{node.module or ''}"


def is_contract(module: str) -> bool:
    return module.startswith("shared.") and module.endswith("contract")


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_host_that_starts_loads_the_edge_alone(folder: Path) -> None:
    needed = AT_THE_START - ({".operation"} if folder.name in TIMERS else set())

    assert set(imported(folder / "__init__.py")) == needed


@pytest.mark.parametrize("folder", SERVING, ids=lambda folder: folder.name)
def test_a_folder_imports_the_edge_and_contracts(folder: Path) -> None:
    modules = set(imported(folder / "operation.py"))
    besides = {name for name in modules - USUAL if not is_contract(name)}

    assert besides == EXTRA.get(folder.name, set())


def test_every_exception_is_of_a_folder_that_is_there() -> None:
    assert EXTRA.keys() <= {folder.name for folder in FOLDERS}


def test_the_timer_runs_by_its_setting_and_never_because_a_host_starts() -> None:
    """With `runOnStartup` it would run at each start of an instance, and in each deployment."""
    bindings = {
        folder.name: json.loads((folder / "function.json").read_text("utf-8"))["bindings"]
        for folder in FOLDERS
    }
    timers = {name: bound for name, bound in bindings.items() if bound[0]["type"] != "httpTrigger"}

    assert timers == {
        name: [{"type": "timerTrigger", "direction": "in", "name": "timer", "schedule": schedule}]
        for name, schedule in TIMERS.items()
    }


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_folder_holds_nothing_but_its_contract(folder: Path) -> None:
    """And `example.json`, for the description; no request reads it."""
    held = {path.name for path in folder.iterdir()} - {"__pycache__", "example.json"}
    operation = set() if folder.name in TIMERS else {"operation.py"}

    assert held - BESIDES.get(folder.name, set()) == {"__init__.py", "function.json", *operation}
