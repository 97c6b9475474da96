"""Which tests of the suite run on a bad day (`--bad-day`), and why the others cannot.

On a bad day one of ten requests that hosts send to ACS, Graph and the tables fails, and the clients
of the tests do what answers tell them (tests/support/patience.py).
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from types import CodeType, FunctionType

import pytest

# The property of a test that says how many requests of its hosts to each have failed.
FAILED_REQUESTS = "failed requests"
# How much longer than on other days a test may take: it waits as it is told.
LONGER = 5

# The fixtures that start hosts on the stack of the run.
_HOSTS = frozenset({"one_host", "start_host", "scene"})
# By fixture, of those that a test uses itself or through others.
FIXTURES: Mapping[str, str] = {
    "tables": "counts requests, which are more on a bad day, or makes faults of its own",
    "table_faults": "makes faults of its own",
    "counting": "counts requests, which are more on a bad day",
    "counted_host": "has its own proxy in front of the tables, to hold or count requests",
    "kill": "kills the host at a step, which may not come on a bad day",
    "kill_each": "kills the host at a step, which may not come on a bad day",
}
# A test or a helper beside it that calls a method of this name makes faults of its own.
_FAULT = "fault"

# By the beginning of a test's name, with its file.
TESTS: Mapping[str, str] = {
    "tests/identity/test_token_faults.py": "breaks what its hosts ask in ways of its own",
    "tests/infra/test_hooks.py::test_after_deployment_event_grid_knows": (
        "its hook asks thirty times without a pause, and what a probe says is kept for five seconds"
    ),
    "tests/meetings/test_meeting_ids.py::test_an_id_follows_from_nothing": (
        "finds the intents that a request leaves to Tidy where it was answered 503"
    ),
    "tests/sharing/test_group_call_events.py::test_an_event_is_listed_soonest_first": (
        "looks for rows that a listing removes as it comes by, where storage lets it"
    ),
}


def leave_out_what_a_bad_day_excludes(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves the tests of the whole stack that do not need a good day."""
    left_out = [
        item
        for item in items
        if why_not(item.nodeid, getattr(item, "fixturenames", ()), getattr(item, "function", None))
    ]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]
    for item in items:
        allowed = item.get_closest_marker("timeout")
        seconds = allowed.args[0] if allowed else float(config.getini("timeout"))
        item.add_marker(pytest.mark.timeout(seconds * LONGER), append=False)


def bad_day_of(config: pytest.Config) -> str:
    """The options that bring the same day again."""
    return f"--bad-day --bad-day-seed {config.getoption('--bad-day-seed')}"


def failed_requests(reports: Iterable[object]) -> str:
    """How many requests of hosts to each have failed, for people."""
    failed: Counter[str] = Counter()
    for report in reports:
        if getattr(report, "when", "") == "teardown":
            failed.update(dict(getattr(report, "user_properties", ())).get(FAILED_REQUESTS, {}))
    return f"failed on purpose: {dict(failed)}"


def why_not(test: str, fixtures: Collection[str], function: object) -> str | None:
    """Why a test does not run on a bad day; None if it does.

    Args:
        test: its name, with its file.
        fixtures: that it uses, itself or through others.
    """
    if not _HOSTS.intersection(fixtures):
        return "asks no host, or one of a stack of its own"
    if test.startswith("tests/bad_day/"):
        return "has bad days of its own"
    for fixture, reason in FIXTURES.items():
        if fixture in fixtures:
            return reason
    if isinstance(function, FunctionType) and _makes_faults(function):
        return "makes faults of its own"
    return next((why for name, why in TESTS.items() if test.startswith(name)), None)


def _makes_faults(function: FunctionType) -> bool:
    used = set(_names(function.__code__))
    beside = [function.__globals__.get(name) for name in used]
    helpers = [one.__code__ for one in beside if isinstance(one, FunctionType)]
    return _FAULT in used or any(_FAULT in _names(helper) for helper in helpers)


def _names(code: CodeType) -> Iterator[str]:
    """What a function and those inside it name."""
    yield from code.co_names
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _names(inner)
