"""What pytest is told of the tests that it has found: what each needs, and who runs it when."""

from collections import Counter, defaultdict
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from tests.support.sampling import take_steps

# By the fixtures that a test uses, itself or through others, the first that fits. What starts its
# processes without a fixture is marked where it is written.
TECHNIQUES: dict[str, tuple[str, set[str]]] = {
    "whole_stack": (
        "needs the app in a process of its own, or dev.py",
        {"start_host", "one_host", "dev_run", "running", "dev", "warm_dev", "clone", "page_stack"},
    ),
    "emulators": (
        "needs the stack, or a part of it, as a process",
        {"stack", "emulator", "issuer", "second_issuer", "host"},
    ),
    "rules": ("needs no other process", set()),
}

# Roughly how long one takes, compared with the others.
_WEIGHTS = {"whole_stack": 20, "emulators": 4, "rules": 1}
_WEIGHTS_WHEN_ASKED_FOR = {"installation": 400, "slow": 80, "soak": 400}
_ALL_WEIGHTS = _WEIGHTS | _WEIGHTS_WHEN_ASKED_FOR

# By marker, which is an option too.
ONLY_WHEN_ASKED_FOR = {
    "installation": "needs a package index, and a minute or two; CI runs it",
    "slow": "takes seconds of CPU, and shorter tests look at the same in part; CI runs it",
    "soak": "a longer search of what a test in the default run looks at in part",
}

# The mark of a parametrized test, and its meaning.
STEPS = (
    "steps",
    "has a case for each step at which something else happens: the default run takes a third",
)

# Of bad days: the default and the meaning of each option.
BAD_DAY_OPTIONS = {
    "soak-seconds": (600, "how long the service is under load on a bad day, with --soak"),
    "bad-day-seed": (1, "what chance on bad days follows from"),
}
BAD_DAY = (
    "run the tests of the whole stack while one request of ten to ACS, Graph and the tables fails,"
    " with clients that retry as told; those that cannot are left out (tests/bad_day/suite.py)"
)

# dev.py's start stacks on whatever ports are free; the page's share one stack and one browser; the
# golden rows are stored once.
_TOGETHER = ("tests/devstack/commands/", "tests/web/", "tests/golden/")


def describe_marks(config: pytest.Config) -> None:
    for name, (meaning, _) in TECHNIQUES.items():
        config.addinivalue_line("markers", f"{name}: {meaning}")
    for name, meaning in (*ONLY_WHEN_ASKED_FOR.items(), STEPS):
        config.addinivalue_line("markers", f"{name}: {meaning}")


def leave_out_what_was_not_asked_for(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The default run is to take five minutes, so what is marked `installation`, `slow` or `soak`
    runs with its option only, and of a test that is marked `steps` a third of the cases."""
    unwanted = {name for name in ONLY_WHEN_ASKED_FOR if not config.getoption(f"--{name}")}
    steps = _left_out_steps(items)
    left_out = [item for item in items if item.nodeid in steps or unwanted & _markers(item)]
    config.hook.pytest_deselected(items=left_out)
    left = set(map(id, left_out))
    items[:] = [item for item in items if id(item) not in left]


def _left_out_steps(items: list[pytest.Item]) -> set[str]:
    cases = defaultdict[str, list[str]](list)
    for item in items:
        if item.get_closest_marker(STEPS[0]) and hasattr(item, "callspec"):
            cases[item.nodeid.partition("[")[0]].append(item.nodeid)
    return {case for every in cases.values() for case in set(every) - take_steps(every)}


def mark_techniques(items: list[pytest.Item]) -> None:
    for item in items:
        if _markers(item).isdisjoint(TECHNIQUES):
            used = set(getattr(item, "fixturenames", ()))
            fitting = (name for name, (_, fixtures) in TECHNIQUES.items() if used & fixtures)
            item.add_marker(next(fitting, "rules"))


def longest_first(items: list[pytest.Item]) -> None:
    """Workers take the next group when they are done with one: with the short ones last, they end
    at about the same time."""
    weights: Counter[str] = Counter()
    for item in items:
        weights[group_of(item.nodeid)] += max(_ALL_WEIGHTS.get(name, 1) for name in _markers(item))
    items.sort(key=lambda item: -weights[group_of(item.nodeid)])


def group_of(test: str) -> str:
    """What stays on one worker with the test: its file, whose tests share fixtures, or a folder."""
    folder = next((one for one in _TOGETHER if test.startswith(one)), None)
    return folder or test.partition("::")[0]


def scheduler(*arguments: Any) -> LoadScopeScheduling:
    """Shares out whole groups. (`--dist loadgroup` is meant for that, but takes no notice of any
    group: it writes them into the tests' names in a way that this pytest does not read.)"""
    shares = LoadScopeScheduling(*arguments)
    shares._split_scope = group_of
    return shares


def _markers(item: pytest.Item) -> set[str]:
    """All names at once: asking an item for one after the other takes as long for each."""
    return {marker.name for marker in item.iter_markers()}
