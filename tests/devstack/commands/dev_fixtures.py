"""Fixtures that start dev.py; a test module names this one in its `pytest_plugins`."""

import os
import subprocess
from collections.abc import Callable, Iterator

import pytest

from tests.devstack.commands import dev_process
from tests.devstack.commands.dev_process import EARLIER_ISSUER, EXPORTED, DevRun, dev_runs


@pytest.fixture
def dev_run() -> Iterator[Callable[..., DevRun]]:
    """Start `dev.py run --ports auto` in a state folder of the test's; ended with the test."""
    with dev_runs() as start:
        yield start


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevRun]:
    """A whole stack that tests share and must leave running. When it started, app settings were
    exported, its folder's ports file was damaged, and its issuer had another address before."""
    state = tmp_path_factory.mktemp("dev") / "shared"
    state.mkdir()
    (state / "ports.json").write_text('{"host": "x"}')
    (state / "issuer.txt").write_text(EARLIER_ISSUER)
    with dev_runs() as start:
        yield start(state, env={**os.environ, **EXPORTED}).until_ready()


@pytest.fixture
def dev() -> Callable[..., "subprocess.CompletedProcess[str]"]:
    return dev_process.dev


@pytest.fixture
def warm_dev() -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """The same for a quarter of the CPU, where it does not matter how dev.py is loaded."""
    return dev_process.warm_dev
