"""The suite's own tests on a bad day: a part of them, which CI runs. All of them:

python3 dev.py test --bad-day tests
"""

import os
import re
import subprocess
import sys

import pytest

from tests.bad_day.suite import FIXTURES, TESTS, why_not
from tests.support.control import Control
from tests.support.people import Person
from tests.support.stack import ROOT, Host

# One or two of each kind: those that ask most of the tables, of ACS and of Graph in a few seconds.
PART = (
    "tests/friends/test_friends.py::test_two_who_ask_for_each_other_can_call_each_other_until_one_removes_the_other",
    "tests/friends/test_friends_secrecy.py::test_an_erasure_reaches_every_friend_and_the_export_tells_no_secrets",
    "tests/identity/test_bots.py::test_a_bot_is_registered_renamed_resolved_used_and_removed",
    "tests/identity/test_revocation.py::test_after_a_revocation_both_hosts_give_new_tokens_and_the_old_ones_are_dead",
    "tests/meetings/test_meetings.py::test_a_meeting_is_changed_where_something_differs_and_keeps_its_lobby",
    "tests/sharing/test_group_calls.py::test_friends_see_a_shared_call_and_nobody_else_until_it_is_unshared",
)
# For one that waits as it is told, and for the machine of somebody who does other things besides.
SECONDS = 900


@pytest.mark.slow
@pytest.mark.whole_stack
@pytest.mark.timeout(SECONDS + 60)
def test_the_suite_passes_on_a_bad_day() -> None:
    # The run in the run is nobody's worker.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "0", "-p", "no:cacheprovider", "--bad-day", *PART],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert f" {len(PART)} passed" in done.stdout, done.stdout
    assert re.search("failed on purpose: {'tables': [1-9]", done.stdout), done.stdout


async def asks(one_host: Host, person: Person) -> None:
    await person.at(one_host).token()


async def makes_a_fault(acs: Control) -> None:
    async def inside() -> None:
        await acs.fault("issue", status=503)

    await inside()


async def has_one_made(acs: Control) -> None:
    await makes_a_fault(acs)


def test_who_asks_the_stacks_hosts_runs_and_who_needs_a_good_day_does_not() -> None:
    test, hosts = "tests/friends/test_x.py::test_y", {"one_host", "stack"}
    [named, *_] = TESTS

    assert why_not(test, hosts, asks) is None
    assert why_not(test, {"scene", "stack"}, asks) is None
    assert why_not(test, {"stack"}, asks) == "asks no host, or one of a stack of its own"
    assert why_not("tests/bad_day/test_x.py::test_y", hosts, asks) == "has bad days of its own"
    assert why_not(named, hosts, asks) == TESTS[named]
    for function in (makes_a_fault, has_one_made):
        assert why_not(test, hosts, function) == "makes faults of its own"
    for fixture, reason in FIXTURES.items():
        assert why_not(test, {*hosts, fixture}, asks) == reason


def test_the_part_is_of_what_runs() -> None:
    assert [one for one in PART if one.startswith(tuple(TESTS))] == []


@pytest.mark.parametrize("test", [*PART, *TESTS])
def test_what_is_named_is_a_test(test: str) -> None:
    file, _, name = test.partition("::")

    assert f"def {name.partition('[')[0]}" in (ROOT / file).read_text("utf-8")
