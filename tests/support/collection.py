"""What pytest is told of the tests that it has found: what each needs, and who runs it when."""

from collections import Counter
from pathlib import Path

import pytest

# By the fixtures that a test uses, itself or through others, the first that fits. What starts its
# processes without a fixture is marked where it is written.
TECHNIQUES: dict[str, tuple[str, set[str]]] = {
    "whole_stack": (
        "needs the app in a process of its own, or dev.py",
        {"start_host", "one_host", "dev_run", "running", "dev", "clone"},
    ),
    "emulators": (
        "needs the stack, or a part of it, as a process",
        {"stack", "emulator", "issuer", "second_issuer", "host"},
    ),
    "rules": ("needs no other process", set()),
}

# How long a test takes compared with others of its kind matters to no one; which kind it is does.
_WEIGHTS = {"whole_stack": 20, "emulators": 4, "rules": 1}

# They start stacks on whatever ports are free: on one worker, no two choose the same.
_TESTS_OF_DEV_PY = Path(__file__).parents[1] / "devstack" / "commands"


def describe_marks(config: pytest.Config) -> None:
    for name, (meaning, _) in TECHNIQUES.items():
        config.addinivalue_line("markers", f"{name}: {meaning}")
    config.addinivalue_line("markers", "installation: installs what a clone needs, in a minute")


def leave_out_installations(config: pytest.Config, items: list[pytest.Item]) -> None:
    """They need as long as all else of dev.py: only where they are asked for, as CI does."""
    if not config.getoption("--installation"):
        left_out = [item for item in items if item.get_closest_marker("installation")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def mark_techniques(items: list[pytest.Item]) -> None:
    for item in items:
        if _technique(item) is None:
            used = set(getattr(item, "fixturenames", ()))
            fitting = (name for name, (_, fixtures) in TECHNIQUES.items() if used & fixtures)
            item.add_marker(next(fitting, "rules"))


def share_out(items: list[pytest.Item]) -> None:
    """Say which tests stay together on one worker, and have the longest begin first.

    Those of a file share fixtures. Workers take the next file when they are done with one, so with
    the short ones last they end at about the same time.
    """
    weights: Counter[str] = Counter()
    groups = {item: _group(item.path) for item in items}
    for item, group in groups.items():
        item.add_marker(pytest.mark.xdist_group(group))
        weights[group] += _WEIGHTS[_technique(item) or "rules"]
    items.sort(key=lambda item: -weights[groups[item]])


def _technique(item: pytest.Item) -> str | None:
    return next((name for name in TECHNIQUES if item.get_closest_marker(name)), None)


def _group(path: Path) -> str:
    return "dev.py" if path.is_relative_to(_TESTS_OF_DEV_PY) else path.stem
